"""How fast a worker can read request events: stock Faust, the batch transport, and aiokafka alone.

    .venv/bin/python tests/benchmarks/transport.py [--events 400000] [--stock-events 40000] [--runs 3]

All three read the same topic of 8 partitions on the same broker (an embedded one, or KAFKA_BOOTSTRAP_SERVERS), each in
a process of its own, and decode every event to a `RequestEvent`. Stock Faust reads fewer of them, so that it ends. What
is measured begins with the first event's arrival, so neither the start nor the first rebalance counts; the fastest of
the runs is printed. Exit code 1 when the batch transport is below its bar.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from agents.embedded import kafka, processes
from streams.events import RequestEvent

PARTITIONS = 8
BAR_EVENTS_PER_SECOND = 150_000
BAR_TIMES_STOCK = 15
READER = Path(__file__).with_name("transport_readers.py")
READER_TIMEOUT_SECONDS = 90


class Reading(msgspec.Struct, frozen=True):
    """What one reader measured of itself: wall-clock and processor seconds from the first event to the last."""

    events: int
    seconds: float
    processor_seconds: float

    @property
    def per_second(self) -> float:
        """Events a second."""
        return self.events / self.seconds

    @property
    def per_core(self) -> float:
        """Events a second of processor time: what one core does, whoever else uses the machine."""
        return self.events / self.processor_seconds

    @property
    def processor_microseconds(self) -> float:
        """Processor time an event, over all threads of the reader."""
        return self.processor_seconds / self.events * 1e6


def event(number: int) -> bytes:
    """One request event as the edge fingerprint makes it, some 540 bytes of JSON."""
    account = number * 7919 % 50_000
    return msgspec.json.encode(
        RequestEvent(
            event_id=f"evt-{number:012d}",
            occurred_at_ms=1_790_000_000_000 + number,
            account_id=f"acct-{account:08d}",
            operation="chat",
            request_model="example-large-4",
            plan="pro",
            plan_daily_tokens=2_000_000,
            payment_hash=f"{account * 2654435761 % 2**64:016x}",
            address_hash=f"{number * 11400714819323198485 % 2**64:016x}",
            network_hash=f"{number % 4096 * 40503 % 2**64:016x}",
            asn=64_500 + number % 500,
            network_type="residential",
            user_agent_hash=f"{number % 300 * 2246822519 % 2**64:016x}",
            template_hash=f"{number % 9000 * 3266489917 % 2**64:016x}",
            capability="coding",
            capability_strength=0.75,
            character_count=600 + number % 900,
            turn_count=1 + number % 5,
            input_tokens=150 + number % 700,
            output_tokens=300 + number % 1500,
            latency_ms=800 + number % 4000,
        )
    )


async def fill(servers: str, topic: str, events: int) -> float:
    """Make the topic, write `events` events evenly over its partitions, and return their mean size in bytes."""
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    await admin.create_topics([NewTopic(topic, PARTITIONS, 1)])
    await admin.close()
    written = 0
    async with AIOKafkaProducer(bootstrap_servers=servers, linger_ms=20, max_batch_size=256 * 1024) as producer:
        for number in range(events):
            value = event(number)
            written += len(value)
            await producer.send(topic, value, partition=number % PARTITIONS)
    return written / events


async def remove(servers: str, topic: str) -> None:
    """Delete the topic: the broker may be somebody's own."""
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    await admin.delete_topics([topic])
    await admin.close()


def read(kind: str, servers: str, topic: str, events: int) -> Reading:
    """Run one reader in a process of its own and return what it measured."""
    command = [sys.executable, str(READER), kind, servers, topic, str(events)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=READER_TIMEOUT_SECONDS)  # noqa: S603
    return msgspec.json.decode(done.stdout, type=Reading)


@contextmanager
def bootstrap_servers() -> Iterator[str]:
    """Give the broker that KAFKA_BOOTSTRAP_SERVERS names, or one that lives as long as the block."""
    given = os.environ.get("KAFKA_BOOTSTRAP_SERVERS")
    if given:
        yield given
        return
    with tempfile.TemporaryDirectory() as folder:
        brokers = kafka.start(Path(folder), brokers=1)
        try:
            yield kafka.bootstrap_servers(brokers)
        finally:
            processes.stop(brokers, patience_seconds=20)


def fastest(readings: list[Reading]) -> Reading:
    """The fastest reading: what a busy machine adds to the others is not the reader's."""
    return max(readings, key=lambda reading: reading.per_second)


def measure(servers: str, events: int, stock_events: int, runs: int) -> dict[str, Reading]:
    """Fill a topic and read it in turns, so that a busy minute of the machine hits every reader."""
    topic = f"bench.requests.{os.getpid()}"
    size = asyncio.run(fill(servers, topic, events))
    sys.stdout.write(
        f"{events:,} events of {size:.0f} bytes, {PARTITIONS} partitions, "
        f"{os.cpu_count()} processors with a load of {os.getloadavg()[0]:.1f} before\n"
    )
    amounts = {"stock": stock_events, "batch": events, "aiokafka": events}
    readings: dict[str, list[Reading]] = {kind: [] for kind in amounts}
    try:
        for _ in range(runs):
            for kind, amount in amounts.items():
                readings[kind].append(read(kind, servers, topic, amount))
    finally:
        asyncio.run(remove(servers, topic))
    return {kind: fastest(taken) for kind, taken in readings.items()}


def report(readings: dict[str, Reading]) -> bool:
    """Print a row per reader; say whether the batch transport is above its bar."""
    names = {"stock": "stock Faust agent", "batch": "batch transport", "aiokafka": "aiokafka getmany"}
    stock, batch = readings["stock"], readings["batch"]
    sys.stdout.write(f"{'':<18}{'events/s':>10}{'a core':>10}{'CPU us':>8}{'x stock':>9}{'a core':>8}\n")
    for kind, reading in readings.items():
        sys.stdout.write(
            f"{names[kind]:<18}{reading.per_second:>10,.0f}{reading.per_core:>10,.0f}"
            f"{reading.processor_microseconds:>8.2f}"
            f"{reading.per_second / stock.per_second:>9.1f}{reading.per_core / stock.per_core:>8.1f}\n"
        )
    reached = batch.per_second >= BAR_EVENTS_PER_SECOND and batch.per_second >= BAR_TIMES_STOCK * stock.per_second
    sys.stdout.write(
        f"{'above' if reached else 'BELOW'} the bar of {BAR_EVENTS_PER_SECOND:,} events/s and {BAR_TIMES_STOCK}x stock "
        f"Faust; the batch transport had {batch.processor_seconds / batch.seconds:.0%} of a core\n"
    )
    return reached


def main() -> int:
    """Measure, report, and answer with the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=400_000)
    parser.add_argument("--stock-events", type=int, default=40_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", type=Path, help="also write the readings to this file")
    asked = parser.parse_args()
    with bootstrap_servers() as servers:
        readings = measure(servers, asked.events, asked.stock_events, asked.runs)
    if asked.json is not None:
        asked.json.write_text(json.dumps(msgspec.to_builtins(readings), indent=2), encoding="ascii")
    return 0 if report(readings) else 1


if __name__ == "__main__":
    sys.exit(main())
