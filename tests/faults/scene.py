"""A scene: one deployment on real servers, what was sent to it, and the workers that come and go.

A test produces, does its harm, heals it (`healed`), waits until everything has had its consequences (`settle`) and ends
with `balance`, which holds the ledger against the reference and puts a row into the table.
"""

import math
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

import msgspec
from kafka.errors import KafkaError
from redis.exceptions import RedisError

from agents.ingest import Ingest
from agents.routing import key_partition
from streams.events import RequestEvent
from tests.contracts.redis_server import RedisServer
from tests.faults import ledger
from tests.faults.balance import balance
from tests.faults.kafka_side import KafkaSide, Raw
from tests.faults.reference import POLICY, Expected, Sent, expected_of
from tests.faults.table import ROWS, Row
from tests.integration.worker_harness import Deployment, WorkerProcess, worker

FAULTY_WORKER = (sys.executable, str(Path(__file__).with_name("faulty_worker.py")))
POLL_SECONDS = 0.2
IN_STEP = 1_000
"""Events a second at which no partition gets hours ahead of another. What is found about a campaign while one is hours
behind is milder until something is found in a later hour, as deploy/limits.md says."""
SLOTS = 4
"""In how many parts the events of one second are sent."""

SETTLED_SECONDS = 120.0
SHOWN = 6


class Unbalanced(AssertionError):  # noqa: N818  it is an assertion that failed
    """The ledger does not balance."""


class Scene:
    """`sent` is what must be counted, in the order of the log; `poison` what must be a dead letter, by place."""

    def __init__(self, deployment: Deployment, redis: RedisServer, folder: Path) -> None:
        self.deployment = deployment
        self.redis = redis
        self.kafka = KafkaSide(deployment)
        self.sent: list[Sent] = []
        self.poison: dict[tuple[int, int], tuple[bytes | None, bytes | None]] = {}
        self.same_offsets = True
        self._folder = folder
        self._stack = ExitStack()
        self._ingest: Ingest | None = None
        self._healed_at = 0.0
        self._recovered_s = 0.0

    def start(self, **environment: str) -> WorkerProcess:
        """Start a worker that runs until the test ends or somebody ends it."""
        return self._stack.enter_context(
            worker(
                self.deployment,
                self._folder,
                "--policy",
                str(POLICY),
                program=FAULTY_WORKER,
                environment={"STILLWATCH_BATCH_RECORDS": "200", **environment},
            )
        )

    def ready(self, **environment: str) -> WorkerProcess:
        """Start a worker and wait until it has partitions."""
        running = self.start(**environment)
        running.until_ready()
        return running

    def produce(self, events: Sequence[RequestEvent]) -> None:
        """Send events as `stillwatch ingest` does; returns when the broker has them all."""
        if self._ingest is None:
            self._ingest = Ingest(self.deployment.bootstrap_servers, self.deployment.topics.requests)
        before = self._ingest.settle()
        self._ingest.put(events)
        assert self._ingest.settle() - before == len(events)
        self.sent += [Sent(event, event.occurred_at_ms) for event in events]

    def pace(self, events: Sequence[RequestEvent], a_second: int = IN_STEP) -> None:
        """Send events at a steady rate."""
        started = time.monotonic()
        size = a_second // SLOTS
        for slot, at in enumerate(range(0, len(events), size)):
            time.sleep(max(0.0, started + slot / SLOTS - time.monotonic()))
            self.produce(events[at : at + size])

    def produce_at(self, sent: Sequence[Sent]) -> None:
        """Send events with the append times that they claim, to a topic that takes the producer's word for it."""
        self.kafka.put(
            self.deployment.topics.requests,
            [
                (
                    key_partition(it.event.account_id, self.deployment.partitions),
                    it.event.account_id.encode(),
                    msgspec.json.encode(it.event),
                    it.appended_at_ms,
                )
                for it in sent
            ],
        )
        self.sent += sent

    def harm(self, records: Sequence[Raw]) -> None:
        """Send records that nobody can read."""
        offsets = self.kafka.put(self.deployment.topics.requests, records)
        for (partition, key, value, _), offset in zip(records, offsets, strict=True):
            self.poison[partition, offset] = (key, value)
        self.same_offsets = False

    def counted(self) -> int:
        """How many records of the requests the states reflect."""
        return sum(offset + 1 for offset in ledger.offsets(self.deployment, "observe").values())

    def until(self, what: str, condition: Callable[[], bool], *, seconds: float = SETTLED_SECONDS) -> None:
        """Wait until `condition()` holds, whatever becomes of the workers meanwhile."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"not {what} in {seconds:.0f} s; {self._logs()}"
            time.sleep(POLL_SECONDS)

    def hold(self, seconds: float, *running: WorkerProcess) -> None:
        """Let the fault last so long; the workers must outlive it."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for each in running:
                assert each.get("/healthz")[0] != 0, f"a worker ended meanwhile:\n{each.log[-4000:]}"
            time.sleep(POLL_SECONDS)

    def healed(self) -> None:
        """From now on nothing is wrong: recovery counts from here."""
        self._healed_at = time.monotonic()

    def settle(self, *, seconds: float = SETTLED_SECONDS) -> None:
        """Wait until everything that was produced has had all its consequences; a row says so if that never comes."""
        last = ""

        def is_settled() -> bool:
            nonlocal last
            last = ledger.unsettled(self.deployment, self.kafka)
            return not last

        try:
            self.until("settled", is_settled, seconds=seconds)
        except AssertionError as error:
            self._recovered_s = math.inf
            with suppress(Unbalanced, KafkaError, RedisError):
                self.balance(self._folder.name, remarks=f"never settled: {last}")
            raise AssertionError(f"{last}; {error}") from None
        self._recovered_s = time.monotonic() - self._healed_at

    def balance(self, fault: str, *, expected: Expected | None = None, remarks: str = "") -> None:
        """Hold the ledger against what was sent, and put a row into the table. Raises Unbalanced."""
        wanted = expected or expected_of(self.sent, partitions=self.deployment.partitions)
        everything = ledger.found(self.deployment, self.kafka)
        found = balance(wanted, everything, self.poison, same_offsets=self.same_offsets)
        events = len(self.sent) + len(self.poison)
        ROWS.append(Row(fault, events, found.lost, found.twice, self._recovered_s, remarks))
        if found.differences:
            count = len(found.differences)
            raise Unbalanced("\n".join((f"{fault}: {count} differences", *found.differences[:SHOWN])))

    def assert_log_is_what_was_sent(self) -> None:
        """The producer lost nothing and repeated nothing either: what the workers read is what was sent."""
        on_topic = sum(self.kafka.ends(self.deployment.topics.requests).values())
        assert on_topic == len(self.sent) + len(self.poison)

    def close(self) -> None:
        """End what still runs, and disconnect."""
        self._stack.close()
        self.disconnect()

    def disconnect(self) -> None:
        """Let go of Kafka; the next event or question connects anew."""
        if self._ingest is not None:
            self._ingest.close()
            self._ingest = None
        self.kafka.close()

    def _logs(self) -> str:
        return "\n".join(it.read_text(errors="replace")[-2000:] for it in sorted(self._folder.glob("worker-*.log")))


def memory_mb(running: WorkerProcess, *, peak: bool = False) -> float:
    """What the process holds in memory, in millions of bytes, or the most that it ever held."""
    field = "VmHWM:" if peak else "VmRSS:"
    status = Path(f"/proc/{running.pid}/status").read_text(encoding="utf-8")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(field)) * 1024 / 1_000_000
