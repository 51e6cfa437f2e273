"""A worker as it is deployed, in a process of its own, and what a test may see of it: health, topics, states.

Nothing here sleeps and hopes: `Deployment.settled` says from offsets, outboxes and high-water marks whether everything
that was produced has had all its consequences.
"""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import redis
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from msgspec import Struct

from agents.advance import Posted
from agents.embedded.processes import LOOPBACK, choose_ports, is_free, wait_until
from agents.ingest import Ingest
from agents.topics import TopicNames, create_topics
from streams.events import RequestEvent
from streams.stages.networks_shard import NetworksShard
from streams.stages.observe_shard import ObserveShard
from tests.integration.stored_states import States, arrived, decoded, stages_of

STILLWATCH = str(Path(sys.executable).with_name("stillwatch"))
REPOSITORY = Path(__file__).parents[2]
READY_SECONDS = 150.0  # a start, and a minute after an answer of Redis that was slow
SETTLED_SECONDS = 100.0
DRAIN_SECONDS = 15.0

ONE_REASON_THROTTLES = """
[account]
prior = -1.0
throttle = { score = 0.6, families = 1, expires_hours = 6, requests = 30, tokens = 60000, window_minutes = 60 }
"""
"""A policy under which one reason is enough to throttle an account."""


class Deployment(Struct, frozen=True):
    """Topics under a prefix of their own, and states under the same prefix."""

    bootstrap_servers: str
    redis_url: str
    topics: TopicNames
    prefix: str
    partitions: int

    def addresses(self) -> dict[str, str]:
        """The variables that a command needs to find it."""
        return {
            "KAFKA_BOOTSTRAP_SERVERS": self.bootstrap_servers,
            "REDIS_URL": self.redis_url,
            "STILLWATCH_PREFIX": self.prefix,
            "STILLWATCH_GROUP": self.prefix,
            "STILLWATCH_SETTLE_SECONDS": "1",
        }

    def environment(self, **more: str) -> dict[str, str]:
        """The whole environment of a command."""
        return os.environ | self.addresses() | more

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run one command to its end."""
        return subprocess.run(  # noqa: S603  our own command
            [STILLWATCH, *arguments],
            cwd=REPOSITORY,
            env=self.environment(**environment),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def produce(self, records: Sequence[tuple[int, bytes | None, bytes | None, list[tuple[str, bytes]]]]) -> None:
        """Put (partition, key, value, headers) on the requests topic, as they are."""
        producer = KafkaProducer(bootstrap_servers=self.bootstrap_servers, acks="all")
        for partition, key, value, headers in records:
            producer.send(self.topics.requests, key=key, value=value, headers=headers, partition=partition)
        producer.close(timeout=30)

    def read(self, topic: str) -> list[Any]:
        """All records of a topic, by partition and offset."""
        ends = {TopicPartition(topic, number): end for number, end in self._ends(topic).items()}
        with self._consumer() as consumer:
            consumer.assign(list(ends))
            consumer.seek_to_beginning()
            records: list[Any] = []
            deadline = time.monotonic() + 30
            while any(consumer.position(tp) < end for tp, end in ends.items()):
                assert time.monotonic() < deadline, f"{topic} cannot be read to its end"
                for batch in consumer.poll(timeout_ms=500).values():
                    records.extend(batch)
        return sorted(records, key=lambda record: (record.partition, record.offset))

    def states(self) -> States:
        """Every state that Redis holds for this deployment, decoded by its stage."""
        stages = stages_of(self.partitions)
        found: States = {}
        with redis.Redis.from_url(self.redis_url) as client:
            names = [name.decode() for name in client.scan_iter(match=f"{self.prefix}:*", count=5_000)]
            values = client.mget(names) if names else []
        for name, value in zip(names, values, strict=True):
            if "{" not in name or value is None:
                continue
            stage, _, rest = name.partition("{")[2].partition(":")
            number, _, key = rest.partition("}:")
            if key in {"owner", "log", "format"}:  # whose it is, and of which log: no two runs agree on those
                continue
            states = found.setdefault((stage, int(number)), {})
            if key == "offset":
                states[key] = int(value)
            elif key == "outbox":
                states[key] = msgspec.msgpack.decode(value, type=tuple[Posted, ...]) if value else ()
            elif value:  # without a byte it is no state, and gone in a second
                states[key] = decoded(stages[stage], key, value)
        return found

    def committed(self) -> dict[int, int]:
        """The consumer group's offsets of the requests, by partition."""
        with KafkaConsumer(bootstrap_servers=self.bootstrap_servers, group_id=self.prefix) as consumer:
            found = {it: consumer.committed(TopicPartition(self.topics.requests, it)) for it in range(self.partitions)}
        return {number: offset for number, offset in found.items() if offset is not None}

    def settled(self) -> bool:
        """Whether all that was produced has had all its consequences, on topics and in states."""
        return not self.unsettled()

    def unsettled(self) -> str:
        """What has not had all its consequences yet, in words; empty if everything has."""
        states = self.states()
        for stage, topic in zip(("observe", "networks", "campaigns"), self._read_topics, strict=True):
            for number, end in self._ends(topic).items():
                offset = states.get((stage, number), {}).get("offset", -1)
                if offset != end - 1:
                    return f"{stage}/{number} stands at offset {offset}, the log of {topic} ends before {end}"
        shards = {place: state["shard"] for place, state in states.items() if "shard" in state}
        for number, end in self._ends(self.topics.feedback).items():
            shard = shards.get(("observe", number), ObserveShard())
            if shard.feedback.offset != end - 1:
                return f"observe/{number} stands at offset {shard.feedback.offset}, the feedback ends before {end}"
        for place, shard in shards.items():
            if isinstance(shard, NetworksShard) and shard.open_links:
                return f"{place} has {len(shard.open_links)} open links"
        for place, state in states.items():
            if not all(arrived(posted, states) for posted in state.get("outbox", ())):
                return f"not all of the outbox of {place} has arrived"
        return ""

    @property
    def _read_topics(self) -> tuple[str, str, str]:
        return self.topics.requests, self.topics.links, self.topics.findings

    def _ends(self, topic: str) -> dict[int, int]:
        with self._consumer() as consumer:
            found = consumer.end_offsets([TopicPartition(topic, it) for it in consumer.partitions_for_topic(topic)])
        return {tp.partition: end for tp, end in found.items()}

    def _consumer(self) -> Any:  # noqa: ANN401  kafka-python is untyped
        return KafkaConsumer(
            bootstrap_servers=self.bootstrap_servers,
            enable_auto_commit=False,
            max_partition_fetch_bytes=8 * 1024 * 1024,
        )


def deployed(bootstrap_servers: str, redis_url: str, prefix: str, partitions: int) -> Deployment:
    """Create the topics under `prefix` and name all that belongs together."""
    names = create_topics(bootstrap_servers, partitions=partitions, prefix=prefix)
    return Deployment(bootstrap_servers, redis_url, names, prefix, partitions)


class WorkerProcess:
    """`stillwatch run`, or another program that is one, with its log and its health port."""

    def __init__(self, process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
        self._process = process
        self._port = port
        self._log = log

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def port(self) -> int:
        return self._port

    def further(self, number: int) -> "WorkerProcess":
        """As seen on a later health port: a further process of a worker that has several."""
        return WorkerProcess(self._process, self._port + number, self._log)

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def get(self, path: str) -> tuple[int, str]:
        """What the health server answers: status 0 if nothing does."""
        try:
            with urllib.request.urlopen(f"http://{LOOPBACK}:{self._port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def metrics(self) -> dict[str, float]:
        """Every sample of the metrics page by its name with labels."""
        rows = (line.rpartition(" ") for line in self.get("/metrics")[1].splitlines() if not line.startswith("#"))
        return {name: float(value) for name, _, value in rows if name}

    def until(self, what: str, condition: Callable[[], bool], *, seconds: float = READY_SECONDS) -> None:
        """Wait until `condition()` holds, at most `seconds`, and fail with the log if the worker ends before."""

        def look() -> bool:
            assert self._process.poll() is None, f"the worker ended before {what}:\n{self.log[-4000:]}"
            return condition()

        assert wait_until(look, seconds=seconds), f"not {what} in {seconds:.0f} s:\n{self.log[-4000:]}"

    def until_settled(self, deployment: Deployment, *, seconds: float = SETTLED_SECONDS) -> None:
        """Wait until everything that was produced has had all its consequences."""
        try:
            self.until("settled", deployment.settled, seconds=seconds)
        except AssertionError as error:
            raise AssertionError(f"{deployment.unsettled()}; {error}") from None

    def until_ready(self) -> None:
        self.until("ready", lambda: self.get("/readyz")[0] == 200)

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def wait(self, seconds: float) -> int:
        """The exit code. Fails if the worker does not end in time."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the worker did not end in {seconds:.0f} s:\n{self.log[-4000:]}") from None

    def kill(self) -> None:
        """kill -9, if it still runs."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait(10)

    def drain(self) -> int:
        """End it as an orchestrator does; the exit code."""
        self.send(signal.SIGTERM)
        return self.wait(3 * DRAIN_SECONDS)  # it says by its code whether it drained; how fast is not asked here


@contextmanager
def worker(
    deployment: Deployment,
    folder: Path,
    *arguments: str,
    program: Sequence[str] = (STILLWATCH, "run"),
    environment: Mapping[str, str] | None = None,
) -> Iterator[WorkerProcess]:
    """A running worker; whatever is left of it after the block is killed."""
    port = next(it for it in choose_ports((), 20) if is_free(it + 1))  # the next is a second process's
    log = folder / f"worker-{port}.log"
    with log.open("wb") as file:
        process = subprocess.Popen(  # noqa: S603  our own command
            [*program, *arguments],
            cwd=REPOSITORY,
            env=deployment.environment(STILLWATCH_HEALTH_PORT=str(port), **(environment or {})),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
        )
    running = WorkerProcess(process, port, log)
    try:
        yield running
    finally:
        running.kill()


def ingest(deployment: Deployment, events: Sequence[RequestEvent]) -> None:
    """Produce `events` as `stillwatch ingest` does."""
    producer = Ingest(deployment.bootstrap_servers, deployment.topics.requests)
    try:
        assert producer.put(events) == len(events)
    finally:
        producer.close()


def of_kind(states: States, stage: str, kind: str) -> dict[tuple[int, str], Any]:
    """The states of one stage whose key begins with `kind`, over all partitions."""
    return {
        (place[1], key): state
        for place, held in states.items()
        if place[0] == stage
        for key, state in held.items()
        if key.startswith(kind)
    }
