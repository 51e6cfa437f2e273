"""`stillwatch erase`: what it writes, and the dates that it gives."""

from collections.abc import Callable

import pytest

from agents.cli import erase as command
from agents.cli import main, verdicts
from agents.topics import Described, TopicError, TopicNames, specs
from streams.feedback import Verdict

NOW_MS = 1_795_867_200_000
"""2026-11-28 12:00 UTC."""

Outcome = tuple[int, list[str], str]


@pytest.fixture
def described(monkeypatch: pytest.MonkeyPatch) -> dict[str, Described]:
    """The topics as Kafka has them: those that there should be, in segments of three days."""
    found = {
        spec.name: Described(spec.partitions, 1, spec.configs(1) | {"segment.ms": str(3 * 86_400_000)})
        for spec in specs(TopicNames())
    }
    monkeypatch.setattr(command, "describe_topics", lambda _servers, _names: found)
    return found


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[Verdict]:
    """What was put on the feedback."""
    found: list[Verdict] = []
    monkeypatch.setattr(verdicts, "produce", lambda _servers, _names, verdict: found.append(verdict))
    monkeypatch.setattr(command, "now_ms", lambda: NOW_MS)
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    return found


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Run the command: (exit code, lines, stderr)."""

    def run(*arguments: str) -> Outcome:
        with pytest.raises(SystemExit) as ended:
            main(["erase", *arguments])
        out, err = capfd.readouterr()
        assert isinstance(ended.value.code, int)
        return ended.value.code, out.splitlines(), err

    return run


@pytest.mark.usefixtures("described")
def test_it_says_by_when_each_topic_has_lost_the_account(run: Callable[..., Outcome], said: list[Verdict]) -> None:
    code, lines, err = run("c-0123456789abcdef", "--reviewer", "kim", "--note", "They asked.")
    assert (code, err, len(lines)) == (0, "", 9)
    # 32 days from noon are over in the course of the 30th of December, 93 in that of the 1st of March.
    assert lines[2:] == [
        "  stillwatch.requests: 2026-12-31",
        "  stillwatch.links: 2026-12-31",
        "  stillwatch.findings: 2026-12-31",
        "  stillwatch.feedback: 2026-12-31",
        "  stillwatch.enforcement: 2027-03-02",
        "  stillwatch.alerts: 2027-03-02",
        "  stillwatch.dlq: 2027-03-02",
    ]
    (verdict,) = said
    assert (verdict.subject_kind, verdict.subject_id, verdict.verdict) == ("account", "c-0123456789abcdef", "erased")
    assert (verdict.decided_at_ms, verdict.reviewer, verdict.note) == (NOW_MS, "kim", "They asked.")


def test_a_topic_that_is_kept_for_ever_is_said_and_ends_with_1(
    run: Callable[..., Outcome], said: list[Verdict], described: dict[str, Described]
) -> None:
    described["stillwatch.alerts"].configs["retention.ms"] = "-1"
    code, lines, err = run("a", "--reviewer", "kim")
    assert (code, err, len(said)) == (1, "", 1)
    assert lines[-2] == "  stillwatch.alerts: never, for it is kept for ever"


@pytest.mark.usefixtures("said")
def test_who_may_not_see_how_long_topics_are_kept_is_told_how_long_they_should_be(
    run: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_servers: str, _names: TopicNames) -> dict[str, Described]:
        raise TopicError("not for you")

    monkeypatch.setattr(command, "describe_topics", refuse)
    refused = run("a", "--reviewer", "kim")
    hidden = Described(8, 1, {})
    monkeypatch.setattr(command, "describe_topics", lambda _servers, names: {names.requests: hidden})
    code, lines, err = run("a", "--reviewer", "kim")
    assert refused == (code, lines, err)
    assert (code, err) == (0, "")
    assert lines[2] == "  stillwatch.requests: 2027-01-04, if it is kept as `stillwatch topics create` makes it"


@pytest.mark.usefixtures("described", "said")
@pytest.mark.parametrize(
    "arguments", [("", "--reviewer", "kim"), ("a" * 129, "--reviewer", "kim"), ("a", "--reviewer", "k" * 65)]
)
def test_wrong_usage_is_one_sentence_and_2(run: Callable[..., Outcome], arguments: tuple[str, ...]) -> None:
    code, lines, err = run(*arguments)
    assert (code, lines, err.count("\n")) == (2, [], 1)
    assert "ACCOUNT has 1 to 128 characters" in err


@pytest.mark.usefixtures("said")
def test_without_kafka_it_is_one_sentence_and_2(run: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KAFKA_BOOTSTRAP_SERVERS")
    code, lines, err = run("a", "--reviewer", "kim")
    assert (code, lines, err.count("\n")) == (2, [], 1)
