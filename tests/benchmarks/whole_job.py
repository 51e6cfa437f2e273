"""How fast the whole of Stillwatch is: one worker with all agents, a real Kafka and a real Redis on the same machine.

    .venv/bin/python -m tests.benchmarks.whole_job [--events 1000000] [--accounts 100000] [--rate 0]

Events are in the log before the worker starts. Measured from the first event taken to the moment at which every event
has had all its consequences. With --rate, events are produced live at so many a second instead, and the delay from an
event's append to the append of the decision that it led to is measured from the records themselves.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec
import redis
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from msgspec import Struct

from agents.embedded import servers
from agents.routing import key_partition
from agents.topics import TopicNames, create_topics
from streams.decisions import Decision
from tests.benchmarks.traffic import events

PARTITIONS = 8
LONGEST_SECONDS = 300.0
QUIET_SECONDS = 2.0
STILLWATCH = str(Path(sys.executable).with_name("stillwatch"))
REPOSITORY = Path(__file__).parents[2]
TICKS = os.sysconf("SC_CLK_TCK")


class Used(Struct):
    """Processor seconds and peak memory (MiB) of one process."""

    seconds: float
    peak_mib: float


def used_by(pid: int) -> Used:
    """What /proc says of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    peak = next(
        int(line.split()[1])
        for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
        if line.startswith("VmHWM")
    )
    return Used((int(fields[11]) + int(fields[12])) / TICKS, peak / 1024)


async def fill(bootstrap: str, topic: str, count: int, accounts: int, minutes: float) -> float:
    """Produce the events by account; their mean size in bytes."""
    size = 0
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, linger_ms=20, max_batch_size=256 * 1024) as producer:
        for event in events(count, accounts, minutes=minutes):
            value = msgspec.json.encode(event)
            size += len(value)
            key = event.account_id
            await producer.send(topic, value, key=key.encode(), partition=key_partition(key, PARTITIONS))
    return size / count


async def live(bootstrap: str, topic: str, count: int, accounts: int, rate: float) -> None:
    """Produce the events as they happen, `rate` a second."""
    begun = time.time()
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, linger_ms=5, max_batch_size=256 * 1024) as producer:
        start_ms = int(begun * 1000)
        for number, event in enumerate(events(count, accounts, minutes=count / rate / 60, start_ms=start_ms)):
            if number % 64 == 0 and (ahead := begun + number / rate - time.time()) > 0:
                await asyncio.sleep(ahead)
            event_now = msgspec.structs.replace(event, occurred_at_ms=int(time.time() * 1000))
            key = event.account_id
            await producer.send(
                topic, msgspec.json.encode(event_now), key=key.encode(), partition=key_partition(key, PARTITIONS)
            )


class Standing(Struct):
    """How far the stages are, from Redis."""

    observed: int
    linked: int
    found: int


def standing(client: redis.Redis, prefix: str) -> Standing:
    """Records that each stage has taken."""

    def taken(stage: str, partitions: int) -> int:
        keys = [f"{prefix}:{{{stage}:{number}}}:offset" for number in range(partitions)]
        return sum(int(offset) + 1 for offset in client.mget(keys) if offset is not None)

    return Standing(taken("observe", PARTITIONS), taken("networks", PARTITIONS), taken("campaigns", 1))


async def ends(bootstrap: str, topics: dict[str, int]) -> list[int]:
    """How many records each topic has, given its number of partitions."""
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap) as consumer:
        return [
            sum((await consumer.end_offsets([TopicPartition(topic, number) for number in range(partitions)])).values())
            for topic, partitions in topics.items()
        ]


async def delays(bootstrap: str, topic: str) -> list[float]:
    """Seconds from an account's newest event to the append of the decision about it, of each decision."""
    found = []
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest", enable_auto_commit=False
    )
    await consumer.start()
    try:
        while batches := await consumer.getmany(timeout_ms=2_000):
            for record in (record for batch in batches.values() for record in batch):
                decision = msgspec.json.decode(record.value, type=Decision)
                if decision.subject_kind == "account":
                    found.append((record.timestamp - decision.decided_at_ms) / 1000)
    finally:
        await consumer.stop()
    return sorted(found)


def measure(options: argparse.Namespace, found: servers.Servers, processes: dict[str, int]) -> dict[str, object]:
    """Run the worker over the events; what was measured."""
    names: TopicNames = create_topics(found.bootstrap_servers, partitions=PARTITIONS, prefix="bench")
    client = redis.Redis.from_url(found.redis_url)
    size = 0.0
    if not options.rate:
        size = asyncio.run(
            fill(found.bootstrap_servers, names.requests, options.events, options.accounts, options.minutes)
        )
    environment = os.environ | {
        "KAFKA_BOOTSTRAP_SERVERS": found.bootstrap_servers,
        "REDIS_URL": found.redis_url,
        "STILLWATCH_PREFIX": "bench",
        "STILLWATCH_GROUP": "bench",
        "STILLWATCH_HEALTH_PORT": "0",
        "STILLWATCH_FINGERPRINT_KEY": "benchmark-key-0123456789",
    }
    log = Path(options.log).open("wb")
    worker = subprocess.Popen([STILLWATCH, "run"], cwd=REPOSITORY, env=environment, stdout=log, stderr=log)
    deadline = time.monotonic() + LONGEST_SECONDS
    try:
        if options.rate:
            while standing(client, "bench").observed == 0 and not list(client.scan_iter("bench:*owner")):
                time.sleep(0.2)
            time.sleep(3)
            feeder = subprocess.Popen(
                [
                    sys.executable,
                    "-c",
                    f"import asyncio; from tests.benchmarks.whole_job import live; "
                    f"asyncio.run(live({found.bootstrap_servers!r}, {names.requests!r}, {options.events}, "
                    f"{options.accounts}, {options.rate}))",
                ],
                cwd=REPOSITORY,
            )
        while standing(client, "bench").observed == 0:
            assert worker.poll() is None and time.monotonic() < deadline, "the worker does not start"
            time.sleep(0.02)
        begun, first = time.monotonic(), standing(client, "bench").observed
        before = {name: used_by(pid) for name, pid in {"worker": worker.pid, **processes}.items()}
        done = last = time.monotonic()
        seen = Standing(0, 0, 0)
        while time.monotonic() < deadline:
            assert worker.poll() is None, "the worker ended"
            now = standing(client, "bench")
            if now != seen:
                seen, last = now, time.monotonic()
            elif now.observed >= options.events and time.monotonic() - last > QUIET_SECONDS:
                made = asyncio.run(ends(found.bootstrap_servers, {names.links: PARTITIONS, names.findings: 1}))
                if [now.linked, now.found] == made:
                    done = last
                    break
            time.sleep(0.02)
        after = {name: used_by(pid) for name, pid in {"worker": worker.pid, **processes}.items()}
    finally:
        worker.terminate()
        worker.wait(30)
        if options.rate:
            feeder.wait(30)
    seconds, count = done - begun, options.events - first
    result: dict[str, object] = {
        "events": options.events,
        "accounts": options.accounts,
        "bytes": round(size),
        "seconds": round(seconds, 2),
        "events_per_second": round(count / seconds),
        **{f"{name}_us": round((after[name].seconds - before[name].seconds) / count * 1e6, 2) for name in after},
        "worker_peak_mib": round(after["worker"].peak_mib),
        "redis_mib": round(client.info("memory")["used_memory"] / 2**20),
    }
    late = asyncio.run(delays(found.bootstrap_servers, names.enforcement))
    if options.rate and late:
        result |= {"decisions": len(late), "p50_s": late[len(late) // 2], "p99_s": late[int(len(late) * 0.99)]}
    result["decisions"] = len(late)
    return result


def main() -> None:
    """Measure once and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--minutes", type=float, default=65.0)
    parser.add_argument("--rate", type=float, default=0.0)
    parser.add_argument("--log", default=os.devnull)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, servers.running(Path(folder)) as found:
        state = json.loads((Path(folder) / "state.json").read_text()) if (Path(folder) / "state.json").exists() else {}
        processes = {}
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            words = path.read_bytes().split(b"\0") if path.exists() else []
            if any(folder.encode() in word for word in words) or any(b"redis-server" in w for w in words[:1]):
                name = "kafka" if b"java" in words[0] else "redis"
                if name == "kafka" or found.redis_url.rpartition(":")[2].partition("/")[0].encode() in b" ".join(words):
                    processes[name] = int(path.parent.name)
        del state
        print(json.dumps(measure(options, found, processes), indent=1))


if __name__ == "__main__":
    main()
