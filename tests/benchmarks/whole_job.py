"""How fast the whole of Stillwatch is: one worker with all agents, a real Kafka and a real Redis on the same machine.

    .venv/bin/python -m tests.benchmarks.whole_job [--events 1000000] [--accounts 100000] [--processes 2]
    .venv/bin/python -m tests.benchmarks.whole_job --rate 10000 --events 400000 --policy tests/faults/policy.toml

Events are in the log before the workers start; measured is the time from the first event taken until every event has
had all its consequences. With --rate, events are produced as they happen instead, so many a second, and the delay from
an event to the append of the decision about its account that it led to is read off the records.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec
import redis
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.structs import TopicPartition

from agents.embedded import servers
from agents.routing import key_partition
from agents.topics import TopicNames, create_topics
from streams.decisions import Decision
from streams.events import RequestEvent
from tests.benchmarks.plain import log
from tests.benchmarks.plain.watching import processor_seconds, resident_bytes, tree
from tests.benchmarks.traffic import START_MS, events

PREFIX = "bench"
PARTITIONS = log.PARTITIONS
LONGEST_SECONDS = 400.0
QUIET_SECONDS = 1.0
TICK_SECONDS = 0.02
MEBIBYTE = 2**20
STILLWATCH = str(Path(sys.executable).with_name("stillwatch"))
REPOSITORY = Path(__file__).parents[2]


class Prepared(NamedTuple):
    """An event but for its time: where it goes, and what stands before and after the time in its value."""

    partition: int
    key: bytes
    before: bytes
    after: bytes


Spent = dict[str, float]
"""Processor seconds by who spent them."""


def main() -> None:
    """Measure once, and print what was measured as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--minutes", type=float, default=65.0, help="of event time that the events span")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--processes", type=int, default=1, help="of each worker")
    parser.add_argument("--rate", type=int, default=0, help="events a second, as they happen")
    parser.add_argument("--policy", help="a policy file, instead of the default: one that decides about many accounts")
    parser.add_argument("--log", default=os.devnull, help="where the workers' logs go")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, servers.running(Path(folder)) as found:
        measured = Bench(found, asked).measure()
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(measured), indent=1).decode() + "\n")


class Bench:
    """One deployment, and what it takes to run traffic through it."""

    def __init__(self, found: servers.Servers, asked: argparse.Namespace) -> None:
        self._found = found
        self._asked = asked
        self._names: TopicNames = create_topics(found.bootstrap_servers, partitions=PARTITIONS, prefix=PREFIX)
        self._redis = redis.Redis.from_url(found.redis_url)
        self._started = {process.name: process.pid for process in found.processes}

    def measure(self) -> dict[str, object]:
        """Run the workers over the events."""
        asked = self._asked
        prepared = self._prepared() if asked.rate else []
        if not asked.rate:
            records = ((it.account_id, msgspec.json.encode(it)) for it in self._events(START_MS))
            asyncio.run(log.append(self._found.bootstrap_servers, self._names.requests, records))
        with self._workers() as workers:
            if asked.rate:
                self._wait(workers, lambda: len(list(self._redis.scan_iter(f"{PREFIX}:*owner"))) > 2 * PARTITIONS)
            else:
                self._wait(workers, lambda: self._taken("observe", PARTITIONS) > 0)
            begun, first, before = time.monotonic(), self._taken("observe", PARTITIONS), self._spent(workers)
            if asked.rate:
                asyncio.run(self._produce_live(prepared))
            seconds = self._until_done(workers) - begun
            spent = {name: used - before[name] for name, used in self._spent(workers).items()}
            peak = max(sum(map(resident_bytes, tree(pid))) for pid in workers)
        delays = asyncio.run(self._delays())
        count = asked.events - first
        if asked.rate:
            measured = {"p50_seconds": _quantile(delays, 0.5), "p99_seconds": _quantile(delays, 0.99)}
        else:
            measured = {"seconds": round(seconds, 2), "events_per_second": round(count / seconds)}
        measured |= {f"{name}_us_an_event": round(used / count * 1e6, 2) for name, used in spent.items()}
        return {
            **{name: getattr(asked, name) for name in ("events", "accounts", "workers", "processes", "rate")},
            **measured,
            "worker_peak_mib": round(peak / MEBIBYTE),
            "redis_mib": round(self._redis.info("memory")["used_memory"] / MEBIBYTE),
            "decisions": len(delays),
        }

    def _events(self, start_ms: int) -> Iterator[RequestEvent]:
        minutes = self._asked.events / self._asked.rate / 60 if self._asked.rate else self._asked.minutes
        return events(self._asked.events, self._asked.accounts, minutes=minutes, start_ms=start_ms)

    def _prepared(self) -> list[Prepared]:
        """Every event, made beforehand: whoever produces them must not take the worker's time."""
        found = []
        for event in self._events(int(time.time() * 1000)):
            before, name, after = msgspec.json.encode(event).partition(b'"occurred_at_ms":')
            key = event.account_id
            found.append(
                Prepared(key_partition(key, PARTITIONS), key.encode(), before + name, after.partition(b",")[2])
            )
        return found

    async def _produce_live(self, prepared: list[Prepared]) -> None:
        """Produce the events, each at its time, a batch a partition every few milliseconds."""
        topic = self._names.requests
        async with AIOKafkaProducer(
            bootstrap_servers=self._found.bootstrap_servers, max_batch_size=log.BATCH_BYTES
        ) as producer:
            begun, start = time.time(), 0
            sent: list[asyncio.Future[object]] = []
            while start < len(prepared):
                await asyncio.sleep(TICK_SECONDS)
                now = time.time()
                end = int((now - begun) * self._asked.rate)
                batches = [producer.create_batch() for _ in range(PARTITIONS)]
                for event in prepared[start:end]:
                    value, partition = b"%b%d,%b" % (event.before, now * 1000, event.after), event.partition
                    if batches[partition].append(key=event.key, value=value, timestamp=None) is None:  # it is full
                        sent.append(await producer.send_batch(batches[partition], topic, partition=partition))
                        batches[partition] = producer.create_batch()
                        batches[partition].append(key=event.key, value=value, timestamp=None)
                for partition, batch in enumerate(batches):
                    if batch.record_count():
                        sent.append(await producer.send_batch(batch, topic, partition=partition))
                start = end
            await asyncio.gather(*sent)  # a batch that was not taken must not pass for one that waits

    @contextmanager
    def _workers(self) -> Iterator[list[int]]:
        """The process ids of the running workers."""
        environment: Mapping[str, str] = os.environ | {
            "KAFKA_BOOTSTRAP_SERVERS": self._found.bootstrap_servers,
            "REDIS_URL": self._found.redis_url,
            "STILLWATCH_PREFIX": PREFIX,
            "STILLWATCH_GROUP": PREFIX,
            "STILLWATCH_HEALTH_PORT": "0",
        }
        with ExitStack() as stack:
            file = stack.enter_context(Path(self._asked.log).open("wb"))
            running = []
            run = [STILLWATCH, "run", "--processes", str(self._asked.processes)]
            for _ in range(self._asked.workers):
                process = subprocess.Popen(  # noqa: S603  our own command
                    [*run, *(("--policy", self._asked.policy) if self._asked.policy else ())],
                    cwd=REPOSITORY,
                    env=environment,
                    stdout=file,
                    stderr=file,
                    start_new_session=True,
                )
                stack.callback(_end, process)
                running.append(process.pid)
            yield running

    def _until_done(self, workers: list[int]) -> float:
        """When the last consequence of the last event was there, by the monotonic clock."""
        seen, since = None, time.monotonic()
        deadline = since + LONGEST_SECONDS
        while time.monotonic() < deadline:
            places = (("observe", PARTITIONS), ("networks", PARTITIONS), ("campaigns", 1))
            now = tuple(self._taken(stage, partitions) for stage, partitions in places)
            if now != seen:
                seen, since = now, time.monotonic()
            elif (
                now[0] >= self._asked.events
                and time.monotonic() - since > QUIET_SECONDS
                and now[1:] == asyncio.run(self._made())
            ):
                return since
            time.sleep(0.02)
        raise SystemExit(f"{workers} were not done in {LONGEST_SECONDS:.0f} s: {seen}")

    def _wait(self, workers: list[int], condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + LONGEST_SECONDS
        while not condition():
            if time.monotonic() > deadline:
                raise SystemExit(f"the workers {workers} do not start")
            time.sleep(0.02)

    def _taken(self, stage: str, partitions: int) -> int:
        """How many records a stage has taken, from Redis."""
        keys = [f"{PREFIX}:{{{stage}:{number}}}:offset" for number in range(partitions)]
        return sum(int(offset) + 1 for offset in self._redis.mget(keys) if offset is not None)

    async def _made(self) -> tuple[int, ...]:
        """How many records of links and of findings there are."""
        async with AIOKafkaConsumer(bootstrap_servers=self._found.bootstrap_servers) as consumer:
            links = [TopicPartition(self._names.links, number) for number in range(PARTITIONS)]
            findings = [TopicPartition(self._names.findings, 0)]
            return tuple([sum((await consumer.end_offsets(it)).values()) for it in (links, findings)])

    async def _delays(self) -> list[float]:
        """Of each decision about an account, in order, the seconds from its newest event to the decision's append."""
        found = []
        async with AIOKafkaConsumer(
            self._names.enforcement,
            bootstrap_servers=self._found.bootstrap_servers,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
        ) as consumer:
            while batches := await consumer.getmany(timeout_ms=3_000):
                for record in (record for batch in batches.values() for record in batch):
                    decision = msgspec.json.decode(record.value, type=Decision)
                    if decision.subject_kind == "account":
                        found.append((record.timestamp - decision.decided_at_ms) / 1000)
        return sorted(found)

    def _spent(self, workers: list[int]) -> Spent:
        mine = sum(sum(map(processor_seconds, tree(pid))) for pid in workers)
        return {"worker": mine, **{name: processor_seconds(pid) for name, pid in self._started.items()}}


def _quantile(ordered: list[float], share: float) -> float | None:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else None


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(10)


if __name__ == "__main__":
    main()
