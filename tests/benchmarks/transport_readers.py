"""The readers that `transport.py` measures, each run in a process of its own.

    .venv/bin/python tests/benchmarks/transport_readers.py stock|batch|aiokafka SERVERS TOPIC EVENTS

Prints a `Reading` as JSON.
"""

import asyncio
import gc
import sys
import tempfile
import time
from collections.abc import Sequence
from typing import Any

import faust
import msgspec
from aiokafka import AIOKafkaConsumer
from faust.types import StreamT

from agents.transport import batches
from streams.events import RequestEvent

YOUNG_OBJECTS = (50_000, 50, 100)
"""Python looks for cycles every 700 new objects, and each record is one: a quarter of the processor time, for nothing.
Every reader here gets this setting, stock Faust too."""

decode = msgspec.json.Decoder(RequestEvent).decode


class Stopwatch:
    """Counts events from the first one's arrival until `wanted` have come."""

    def __init__(self, wanted: int) -> None:
        self._wanted = wanted
        self._seen = 0
        self._first: tuple[float, float] | None = None
        self._last = (0.0, 0.0)
        self.done = asyncio.Event()

    def arrived(self) -> None:
        """Note that something has come, before any work on it."""
        if self._first is None:
            self._first = (time.perf_counter(), time.process_time())

    def decoded(self, events: int) -> None:
        """Note that `events` more were decoded."""
        self._seen += events
        if self._seen >= self._wanted and not self.done.is_set():
            self._last = (time.perf_counter(), time.process_time())
            self.done.set()

    def reading(self) -> dict[str, float]:
        """What was measured, as `transport.Reading` has it."""
        wall, processor = self._first or self._last
        return {"events": self._seen, "seconds": self._last[0] - wall, "processor_seconds": self._last[1] - processor}


def application(scheme: str, servers: str) -> faust.App:
    """An app of a group nobody has used, with what the project sets and Faust's defaults for the rest."""
    return faust.App(
        f"bench-{time.time_ns()}",
        broker=f"{scheme}://{servers}",
        store="memory://",
        datadir=tempfile.gettempdir(),
        autodiscover=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        table_standby_replicas=0,
        web_enabled=False,
    )


async def run(app: faust.App, watch: Stopwatch) -> None:
    """Start the app, wait until everything was read, and stop it."""
    app.finalize()
    await app.start()
    await watch.done.wait()
    await app.stop()


async def read_stock(servers: str, topic: str, watch: Stopwatch) -> None:
    """Read with Faust as it comes: a message per record."""
    app = application("kafka", servers)

    @app.agent(app.topic(topic, key_serializer="raw", value_serializer="raw"))
    async def observe(stream: StreamT[Any]) -> None:
        async for value in stream:
            watch.arrived()
            decode(value)
            watch.decoded(1)

    await run(app, watch)


async def read_batches(servers: str, topic: str, watch: Stopwatch) -> None:
    """Read with Faust and the batch transport: a message per fetched partition batch."""
    app = application("stillwatch", servers)

    @app.agent(batches(app, topic))
    async def observe(stream: StreamT[Any]) -> None:
        async for batch in stream:
            watch.arrived()
            watch.decoded(_decode_all(batch))

    await run(app, watch)


async def read_directly(servers: str, topic: str, watch: Stopwatch) -> None:
    """Read with aiokafka alone."""
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=servers, group_id=f"bench-{time.time_ns()}", auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        while not watch.done.is_set():
            fetched = await consumer.getmany(timeout_ms=1000)
            for batch in fetched.values():
                watch.arrived()
                watch.decoded(_decode_all(batch))
    finally:
        await consumer.stop()


def _decode_all(batch: Sequence[Any]) -> int:
    return len([decode(record.value) for record in batch])


def main() -> None:
    """Read as the arguments say and print what was measured."""
    kind, servers, topic, events = sys.argv[1:]
    gc.freeze()
    gc.set_threshold(*YOUNG_OBJECTS)
    reader = {"stock": read_stock, "batch": read_batches, "aiokafka": read_directly}[kind]

    async def measured() -> dict[str, float]:
        watch = Stopwatch(int(events))
        await reader(servers, topic, watch)
        return watch.reading()

    sys.stdout.buffer.write(msgspec.json.encode(asyncio.run(measured())))


if __name__ == "__main__":
    main()
