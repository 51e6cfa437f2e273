"""`stillwatch dlq` on a real Kafka: what lies there is listed, and what can be read by now is sent again, once."""

import json
from collections.abc import Callable, Iterator

import msgspec
import pytest
from click.testing import CliRunner
from kafka import KafkaProducer

from agents.cli.dlq import dlq
from agents.clock import now_ms
from agents.deadletters import REPLAY_OF, Reason, Refusal, dead_letter
from agents.explaining.topic import each_record
from agents.letters import STALE_MS, Letter, Letters, ReplayError
from agents.letters import acknowledged as real
from agents.routing import key_partition
from agents.topics import TopicNames
from tests.integration.worker_harness import Deployment

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(120)]

REFUSED = Refusal(Reason.MISSING_FIELD, "The required field `request_model` is missing.", "ValidationError")


def event(number: int) -> bytes:
    fields = {"event_id": f"e-{number}", "occurred_at_ms": now_ms(), "account_id": f"a-{number}", "operation": "chat"}
    return msgspec.json.encode(fields | {"request_model": "m", "template_hash": "t"})


def put(servers: str, topics: TopicNames, values: dict[int, bytes], *, times: int = 1) -> None:
    """Dead letters of such values, by the offset of their original in partition 0 of the requests."""
    with KafkaProducer(bootstrap_servers=servers, acks="all") as producer:
        for _ in range(times):
            for offset, value in values.items():
                headers = (("traceparent", b"00-1"),)
                source = (topics.requests, 0, offset)
                key = f"a-{offset}".encode()
                it = dead_letter(REFUSED, stage="observe", source=source, key=key, value=value, headers=headers)
                producer.send(topics.dlq, key=it.key, value=it.value, headers=[*it.headers])
        producer.flush()


def requests(servers: str, topics: TopicNames) -> list[tuple[int, bytes, bytes, list[tuple[str, bytes]]]]:
    found = each_record(servers, topics.requests)
    return sorted((it.partition, it.key, it.value, [*it.headers]) for it in found)


@pytest.fixture
def deployment(kafka_bootstrap: str, topics: TopicNames, topic_prefix: str) -> Deployment:
    return Deployment(kafka_bootstrap, "redis://127.0.0.1:1/0", topics, topic_prefix, partitions=4)


def test_what_can_be_read_by_now_is_sent_again_once_and_as_it_was(deployment: Deployment) -> None:
    servers, topics = deployment.bootstrap_servers, deployment.topics
    good = {number: event(number) for number in range(5)}
    put(servers, topics, good | {7: b"no json"}, times=2)  # a worker that was killed puts them there twice
    told = deployment.run("dlq", "replay", "--dry-run")
    assert (told.returncode, told.stdout.splitlines()[0]) == (0, "5 would be sent again, 0 before."), told.stderr
    assert requests(servers, topics) == []
    told = deployment.run("dlq", "replay")
    assert told.stdout == "5 sent again, 0 before.\nStill not to be read: 1 dead letter: 1 not_json.\n"
    partitions = len({it.partition for it in each_record(servers, topics.requests)})
    assert partitions > 1
    for partition, key, value, headers in requests(servers, topics):
        number = int(key.removeprefix(b"a-"))
        assert value == good[number]
        assert partition == key_partition(key.decode(), 4)
        assert headers == [("traceparent", b"00-1"), (REPLAY_OF, str(number).encode())]
    told = deployment.run("dlq", "replay")
    assert told.stdout.splitlines()[0] == "0 sent again, 5 before."
    assert len(requests(servers, topics)) == 5


def test_links_are_not_sent_again_nor_what_is_nobodys_and_a_header_without_a_value_is_empty(
    deployment: Deployment,
) -> None:
    servers, topics = deployment.bootstrap_servers, deployment.topics
    with KafkaProducer(bootstrap_servers=servers, acks="all") as producer:
        for number, topic in enumerate((topics.links, "elsewhere", topics.requests)):
            it = dead_letter(REFUSED, stage="s", source=(topic, 0, number), key=b"a-1", value=event(1))
            producer.send(topics.dlq, key=it.key, value=it.value, headers=[("baggage", b""), *it.headers])
        producer.flush()
    told = deployment.run("dlq", "replay")
    assert told.stdout == "1 sent again, 0 before.\nStill not to be read: 2 dead letters: 2 out_of_range.\n"
    ((_, _, _, headers),) = requests(servers, topics)
    assert headers == [("baggage", b""), (REPLAY_OF, b"2")]


def test_the_list_says_when_from_where_and_why_and_nothing_of_what_they_say(deployment: Deployment) -> None:
    put(deployment.bootstrap_servers, deployment.topics, {3: event(3), 4: b"hunter2, no json"})
    told = deployment.run("dlq", "list").stdout
    lines = told.splitlines()
    assert lines[0] == "2 dead letters: 2 missing_field."
    assert lines[1].endswith(f"  {deployment.topics.requests}/0 at 3")
    assert lines[2:4] == [
        f"    missing_field, {len(event(3))} bytes, can be read now",
        "    The required field `request_model` is missing.",
    ]
    assert lines[5] == "    missing_field, 16 bytes, cannot be read"
    assert "hunter2" not in told
    rows = [json.loads(line) for line in deployment.run("dlq", "list", "--json").stdout.splitlines()]
    assert [(it["source_offset"], it["readable"], it["replayed"]) for it in rows] == [
        (3, True, False),
        (4, False, False),
    ]
    assert deployment.run("dlq", "list", "--reason", "not_json").stdout == "No dead letter.\n"
    assert len(deployment.run("dlq", "list", "--last", "1").stdout.splitlines()) == 4
    deployment.run("dlq", "replay")
    assert "missing_field, 16 bytes, cannot be read" in deployment.run("dlq", "list").stdout
    assert "sent again" in deployment.run("dlq", "list").stdout


class Clock:
    """Now, and so much later."""

    ahead_ms = 0

    def __call__(self) -> int:
        return now_ms() + self.ahead_ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def letters(deployment: Deployment, clock: Clock) -> Letters:
    return Letters(deployment.bootstrap_servers, deployment.topics, clock)


def readable(letters: Letters) -> Iterator[Letter]:
    return (it for it in letters.read() if it.refusal is None and not it.is_sent)


def stopped_after(acknowledged: int) -> Callable[[object], object]:
    """What waits for Kafka, and is interrupted once so many records are there."""
    left = [acknowledged]

    def until_stopped(future: object) -> object:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        return real(future)

    return until_stopped


@pytest.mark.parametrize("acknowledged", range(5))
def test_who_is_stopped_in_the_middle_sends_the_rest_next_time_and_nothing_twice(
    deployment: Deployment, letters: Letters, clock: Clock, monkeypatch: pytest.MonkeyPatch, acknowledged: int
) -> None:
    servers, topics = deployment.bootstrap_servers, deployment.topics
    put(servers, topics, {number: event(number) for number in range(4)})
    monkeypatch.setattr("agents.letters.acknowledged", stopped_after(acknowledged))
    with pytest.raises(KeyboardInterrupt):
        letters.send(readable(letters))
    monkeypatch.undo()
    with pytest.raises(ReplayError, match="try again in a minute"):
        letters.settle()
    clock.ahead_ms = STALE_MS
    assert letters.settle() == (4 if acknowledged else 0)
    assert letters.settle() == 0
    assert letters.send(readable(letters)) == (0 if acknowledged else 4)
    assert sorted(key for _, key, _, _ in requests(servers, topics)) == [b"a-0", b"a-1", b"a-2", b"a-3"]


def test_of_two_at_once_one_gives_way(deployment: Deployment, letters: Letters, clock: Clock) -> None:
    put(deployment.bootstrap_servers, deployment.topics, {number: event(number) for number in range(4)})
    chosen = iter(list(readable(letters)))
    rival = Letters(deployment.bootstrap_servers, deployment.topics, clock)
    assert rival.send(readable(rival)) == 4
    with pytest.raises(ReplayError, match=r"^Somebody else is sending"):
        letters.send(chosen)
    assert len(requests(deployment.bootstrap_servers, deployment.topics)) == 4
    assert letters.settle() == 0


def test_without_kafka_it_is_one_sentence(deployment: Deployment) -> None:
    told = deployment.run("dlq", "list", KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1")
    assert (told.returncode, told.stdout) == (2, "")
    assert told.stderr.startswith("Error: No Kafka answers at 127.0.0.1:1: ")
    assert told.stderr.count("\n") == 1


@pytest.mark.parametrize("acknowledged", [0, 3])
def test_the_command_goes_on_at_once_after_one_that_was_stopped(
    deployment: Deployment, letters: Letters, monkeypatch: pytest.MonkeyPatch, acknowledged: int
) -> None:
    put(deployment.bootstrap_servers, deployment.topics, {number: event(number) for number in range(4)})
    monkeypatch.setattr("agents.letters.acknowledged", stopped_after(acknowledged))
    with pytest.raises(KeyboardInterrupt):
        letters.send(readable(letters))
    monkeypatch.undo()
    monkeypatch.setattr("agents.cli.dlq.now_ms", lambda: now_ms() + STALE_MS)
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", deployment.bootstrap_servers)
    told = CliRunner().invoke(dlq, ["replay", "--prefix", deployment.prefix])
    sent = 0 if acknowledged else 4
    assert f"{sent} sent again, {4 - sent} before.\n" in told.output
    assert told.exit_code == 0
    assert len(requests(deployment.bootstrap_servers, deployment.topics)) == 4
