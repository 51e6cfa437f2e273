"""`stillwatch ingest --from-topic` on a real broker: at least once, whatever is killed, and no text on any topic."""

import base64
import json
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import psutil
import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient

from agents.embedded.processes import wait_until
from agents.ingest_topic import MESSAGES_AT_ONCE
from agents.topics import TopicNames, create_topics
from streams.events import RequestEvent
from tests.agents.normalise import otlp
from tests.faults.brokers import cluster
from tests.integration.worker_harness import REPOSITORY, STILLWATCH, Deployment

pytest.importorskip("opentelemetry.proto", reason="opentelemetry-proto is not installed")
pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(400)]

KEY = "the key of the tests of ingest"
PARTITIONS = 2
MESSAGES = 7 * MESSAGES_AT_ONCE
SPANS = 3
GARBAGE = {number: b"xyzzygarbage \xff %d" % number for number in range(50, MESSAGES, 400)}
SECRETS = (b"xyzzyprompt", b"203.0.113.77", b"xyzzyagent", b"xyzzygarbage")
FAULTY = str(Path(__file__).with_name("faulty_ingest.py"))
Place = tuple[int, int]


def spans(number: int) -> list[str]:
    """The ids of the spans of one message."""
    return [f"{number * SPANS + index + 1:016x}" for index in range(SPANS)]


def message(number: int) -> bytes:
    """Calls of a model by one account and one other span; logs now and then, and garbage."""
    if number in GARBAGE:
        return GARBAGE[number]
    attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "m",
        "user.id": f"acct-{number % 40}",
        "client.address": "203.0.113.77",
        "user_agent.original": "xyzzyagent/1.0",
        "gen_ai.input.messages": [{"role": "user", "parts": [{"type": "text", "content": f"xyzzyprompt {number}"}]}],
    }
    if number % 10 == 0:
        return otlp.as_protobuf(otlp.logs(*(otlp.log(attributes, spanId=it) for it in spans(number))))
    others = otlp.span({"gen_ai.operation.name": "execute_tool"})
    return otlp.as_protobuf(otlp.traces(*(otlp.span(attributes, spanId=it) for it in spans(number)), others))


class Source:
    """A topic of OTLP, what stands where on it, and how far the group has come."""

    def __init__(self, deployment: Deployment) -> None:
        self.topic = f"{deployment.prefix}-otlp"
        self._deployment = deployment
        self.places: dict[str, Place] = {}
        servers = deployment.bootstrap_servers
        with KafkaAdminClient(bootstrap_servers=servers) as admin:
            admin.create_topics({self.topic: {"num_partitions": PARTITIONS, "replication_factor": 1}})
            admin.wait_for_topics([self.topic], timeout_ms=15_000)
        producer = KafkaProducer(bootstrap_servers=servers, acks="all", compression_type="gzip")
        sent = [producer.send(self.topic, value=message(it), partition=it % PARTITIONS) for it in range(MESSAGES)]
        for number, future in enumerate(sent):
            found = future.get(30)
            if number not in GARBAGE:
                place = (found.partition, found.offset)
                self.places |= {f"{otlp.TRACE}-{it}": place for it in spans(number)}
        producer.close(timeout=30)

    @property
    def group(self) -> str:
        return f"{self.topic}-group"

    def committed(self) -> list[int]:
        """By partition, the offset at which the group would go on."""
        with KafkaConsumer(bootstrap_servers=self._deployment.bootstrap_servers, group_id=self.group) as consumer:
            return [consumer.committed(TopicPartition(self.topic, it)) or 0 for it in range(PARTITIONS)]

    def before(self, offsets: list[int]) -> Counter[str]:
        """The events of the messages before these offsets, each once."""
        return Counter(event for event, (partition, offset) in self.places.items() if offset < offsets[partition])

    def ends(self) -> list[int]:
        return [MESSAGES // PARTITIONS] * PARTITIONS

    def arguments(self, rejects: Path) -> list[str]:
        named = ["--from-topic", self.topic, "--group", self.group, "--format", "otlp-protobuf"]
        return ["ingest", *named, "--rejects", str(rejects)]


@pytest.fixture
def deployment(kafka_bootstrap: str, topics: TopicNames, topic_prefix: str) -> Deployment:
    return Deployment(kafka_bootstrap, "redis://no.redis.is.needed", topics, topic_prefix, partitions=4)


@contextmanager
def running(deployment: Deployment, log: Path, *command: str) -> Iterator["subprocess.Popen[bytes]"]:
    with log.open("wb") as file:
        process = subprocess.Popen(  # noqa: S603 - our own command
            command,
            cwd=REPOSITORY,
            env=deployment.environment(STILLWATCH_FINGERPRINT_KEY=KEY),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(10)


def produced(deployment: Deployment) -> Counter[str]:
    """How often each event stands on the requests."""
    records = deployment.read(deployment.topics.requests)
    return Counter(msgspec.json.decode(record.value, type=RequestEvent).event_id for record in records)


def test_killed_and_restarted_nothing_is_lost_and_what_comes_twice_is_what_was_not_committed(
    deployment: Deployment, tmp_path: Path
) -> None:
    source, rejects, log = Source(deployment), tmp_path / "rejects", tmp_path / "log"
    arguments = source.arguments(rejects)

    with running(deployment, log, sys.executable, FAULTY, "SIGKILL", "3", *arguments) as process:
        assert process.wait(90) == -signal.SIGKILL, log.read_text()
    at_kill, had = source.committed(), produced(deployment)
    assert sum(at_kill) == 2 * MESSAGES_AT_ONCE
    assert set(had.values()) == {1}
    again = had - source.before(at_kill)
    assert len(again) > MESSAGES_AT_ONCE

    with running(deployment, log, STILLWATCH, *arguments) as process:
        assert wait_until(lambda: sum(source.committed()) > sum(at_kill), seconds=60), log.read_text()
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        assert b"Traceback" not in log.read_bytes()
    assert produced(deployment) == source.before(source.committed()) + again

    with running(deployment, log, STILLWATCH, *arguments) as process:
        assert wait_until(lambda: source.committed() == source.ends(), seconds=60), log.read_text()
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    assert produced(deployment) == source.before(source.ends()) + again

    rows = [json.loads(line) for line in rejects.read_bytes().splitlines()]
    assert rejects.stat().st_mode & 0o777 == 0o600
    assert {base64.b64decode(row["value"]) for row in rows} == set(GARBAGE.values())
    assert {(row["partition"], row["offset"]) for row in rows} == {
        (number % PARTITIONS, number // PARTITIONS) for number in GARBAGE
    }
    written = b"".join(
        (record.key or b"") + (record.value or b"") + repr(record.headers).encode()
        for topic in (deployment.topics.requests, deployment.topics.dlq)
        for record in deployment.read(topic)
    )
    assert [secret for secret in (*SECRETS, KEY.encode()) if secret in written] == []


def test_sigterm_says_what_was_done_and_what_was_refused(deployment: Deployment, tmp_path: Path) -> None:
    source, log = Source(deployment), tmp_path / "log"
    with running(deployment, log, STILLWATCH, *source.arguments(tmp_path / "rejects")) as process:
        assert wait_until(lambda: source.committed() == source.ends(), seconds=60), log.read_text()
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 1
    lines = log.read_text().splitlines()
    good = MESSAGES - len(GARBAGE)
    others = sum(number % 10 != 0 and number not in GARBAGE for number in range(MESSAGES))
    assert lines[0] == f"{good * SPANS} events produced to {deployment.topics.requests}"
    assert lines[1] == f"{others} entries that are no call of a model were passed over"
    assert lines[2] == f"{len(GARBAGE)} bad rows ({len(GARBAGE)} not_protobuf): written to {tmp_path / 'rejects'}"
    assert produced(deployment) == source.before(source.ends())


@pytest.mark.timeout(240)
def test_a_broker_that_is_killed_before_a_commit_and_comes_back_costs_nothing(
    tmp_path: Path, topic_prefix: str
) -> None:
    log = tmp_path / "log"
    with cluster(tmp_path / "kafka", 1) as one:
        names = create_topics(one.bootstrap_servers, partitions=4, prefix=topic_prefix)
        deployment = Deployment(one.bootstrap_servers, "redis://no.redis.is.needed", names, topic_prefix, partitions=4)
        source = Source(deployment)
        arguments = source.arguments(tmp_path / "rejects")
        with running(deployment, log, sys.executable, FAULTY, "SIGSTOP", "3", *arguments) as process:
            stopped = psutil.Process(process.pid)
            assert wait_until(lambda: stopped.status() == psutil.STATUS_STOPPED, seconds=60), log.read_text()
            one.kill(1)
            process.send_signal(signal.SIGCONT)
            one.restart()
            assert wait_until(lambda: source.committed() == source.ends(), seconds=90), log.read_text()
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 1
        assert produced(deployment) == source.before(source.ends())


def test_a_topic_that_is_missing_or_our_own_is_one_sentence(deployment: Deployment) -> None:
    for topic, words in (
        ("nobody-made", f"Kafka at {deployment.bootstrap_servers} has no topic nobody-made."),
        (deployment.topics.requests, f"--from-topic {deployment.topics.requests} is where the events go"),
    ):
        done = deployment.run("ingest", "--from-topic", topic, STILLWATCH_FINGERPRINT_KEY=KEY)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
        assert words in done.stderr
