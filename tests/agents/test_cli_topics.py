"""`stillwatch topics create|describe`, on a real Kafka."""

from collections.abc import Callable

import pytest
from kafka.admin import KafkaAdminClient

from agents.cli import main
from agents.embedded.processes import wait_until
from agents.topics import TopicNames

Outcome = tuple[int, list[str], str]
STAGES = ("requests", "links", "findings", "feedback", "enforcement", "alerts", "dlq")


@pytest.fixture
def run(
    kafka_bootstrap: str, topic_prefix: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., Outcome]:
    """Run `stillwatch topics ...`: (exit code, lines, stderr)."""
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", kafka_bootstrap)
    monkeypatch.setenv("STILLWATCH_PREFIX", topic_prefix)

    def run(*arguments: str) -> Outcome:
        with pytest.raises(SystemExit) as ended:
            main(["topics", *arguments])
        out, err = capfd.readouterr()
        assert isinstance(ended.value.code, int)
        return ended.value.code, out.splitlines(), err

    return run


@pytest.mark.kafka
def test_topics_are_made_once_and_described(
    run: Callable[..., Outcome], kafka_bootstrap: str, topic_prefix: str
) -> None:
    code, lines, err = run("describe")
    assert (code, len(lines), err) == (1, 7, "")
    assert lines[0] == (
        f"WRONG  There is no topic {topic_prefix}.requests: "
        f"`stillwatch topics create --prefix {topic_prefix}` makes it."
    )
    assert run("create", "--partitions", "3") == (0, [f"Made {topic_prefix}.{stage}." for stage in STAGES], "")
    code, lines, err = run("describe")
    assert (code, err) == (0, "")
    assert [line.split() for line in lines] == [
        ["topic", "partitions", "copies", "kept", "largest"],
        [f"{topic_prefix}.requests", "3", "1", "29", "d", "1,024", "KiB"],
        [f"{topic_prefix}.links", "3", "1", "29", "d", "4,160", "KiB"],
        [f"{topic_prefix}.findings", "1", "1", "29", "d", "4,160", "KiB"],
        [f"{topic_prefix}.feedback", "3", "1", "29", "d", "16", "KiB"],
        [f"{topic_prefix}.enforcement", "3", "1", "90", "d", "4,160", "KiB"],
        [f"{topic_prefix}.alerts", "1", "1", "90", "d", "4,160", "KiB"],
        [f"{topic_prefix}.dlq", "1", "1", "90", "d", "4,160", "KiB"],
    ]
    there = "All 7 topics are there already, the requests in 3 partition(s)."
    assert run("create") == (0, [there], "")
    with KafkaAdminClient(bootstrap_servers=kafka_bootstrap) as admin:
        dlq = TopicNames.under(topic_prefix).dlq
        admin.delete_topics([dlq])
        assert wait_until(lambda: dlq not in admin.list_topics(), seconds=30)
    assert run("create") == (0, [f"Made {topic_prefix}.dlq."], "")
    code, lines, err = run("create", "--partitions", "4")
    assert (code, lines, err.count("\n")) == (2, [], 1)
    assert f"the topic {topic_prefix}.requests has 3 partition(s), not 4: ask for 3" in err


@pytest.mark.kafka
def test_more_copies_than_brokers_are_refused_in_a_sentence(run: Callable[..., Outcome]) -> None:
    code, lines, err = run("create", "--replication", "9")
    assert (code, lines, err.count("\n")) == (2, [], 1)
    assert "Kafka refused to create the topic" in err


def test_without_a_kafka_it_is_one_sentence(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("KAFKA_BOOTSTRAP_SERVERS", raising=False)
    for command in ("create", "describe"):
        with pytest.raises(SystemExit) as ended:
            main(["topics", command])
        assert (ended.value.code, capfd.readouterr().err.count("\n")) == (2, 1)
