"""Stillwatch on the plain job: a stage of its own on the worker's machinery, with the fence and the outbox.

Per partition offset, windows and alerts change in one script or not at all; an alert leaves from the outbox until the
broker has it, and a restart begins where the windows stand. A network's window is kept in one part per partition.

The worker's outbox sends what the last step of a partition left again at every start, which a reader knows by its id.
Here nobody is to see it twice, so what the alerts topic has already is left out (`PostOnce`).
"""

import asyncio
import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

import faust
import msgspec
import numpy as np
import redis
from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition
from faust.types import TP
from prometheus_client import CollectorRegistry

from agents.advance import Posted
from agents.deadletters import Refusal, classify
from agents.inputs import Inputs, Origin, read_batch
from agents.lane import Lane
from agents.metrics import Metrics
from agents.post import Post
from agents.progress import Progress
from agents.store.redis import RedisStore
from agents.topics import TopicNames
from agents.transport import Record, batches, read_again, resume_with
from streams.links import Source
from streams.stages.shape import Outgoing, Output, StageName
from streams.states import States
from tests.benchmarks.plain.contestants.stillwatch_windows import NO_LIMIT, Subjects, buckets_of
from tests.benchmarks.plain.in_redis import every_value
from tests.benchmarks.plain.job import (
    MINUTE_MS,
    Wanted,
    Windows,
    alert_of,
    decode,
)
from tests.benchmarks.plain.told import Told, act

SESSION_S = 6.0
FETCH_BYTES = 4 * 1024 * 1024
BATCH_RECORDS = 10_000
LOOKED_AT = 100_000
"""More alerts than one step of every partition can leave."""


class PostOnce(Post):
    """The worker's post, which does not send what is among the last records of the alerts topic already.

    An alert is the same bytes whenever it is made. The look is taken once, at the start, when nobody else writes.
    """

    _there: frozenset[bytes] = frozenset()

    async def look(self, servers: str, topic: str) -> None:
        """Read the end of the alerts topic."""
        tp = TopicPartition(topic, 0)
        there: list[bytes] = []
        async with AIOKafkaConsumer(bootstrap_servers=servers, enable_auto_commit=False) as consumer:
            consumer.assign([tp])
            end = (await consumer.end_offsets([tp]))[tp]
            consumer.seek(tp, max(0, end - LOOKED_AT))
            while await consumer.position(tp) < end:
                fetched = await consumer.getmany(tp, timeout_ms=500)
                there.extend(record.value for record in fetched.get(tp, ()))
        self._there = frozenset(there)

    async def send(self, posted: Iterable[Posted]) -> None:
        """Produce what is not there."""
        await super().send([letter for letter in posted if letter.value not in self._there])

    def _count(self, letters: Iterable[Posted]) -> None:
        """Count nothing: these alerts are no decisions."""


class PlainBatch:
    """A batch by column; worked out once a step."""

    def __init__(self, items: Sequence[Wanted]) -> None:
        self.items = items
        self.accounts = Subjects("a:", [item.account_id for item in items])
        self.networks = Subjects("n:", [item.network_hash for item in items])
        self.keys = {*self.accounts.keys, *self.networks.keys}


class PlainStage:
    """The plain job as a stage. State keys: `a:<account>` and `n:<network>`."""

    name = cast("StageName", "plain")

    def __init__(self, limit: int) -> None:
        self._limit = limit

    @property
    def nothing(self) -> Sequence[Wanted]:
        """No events."""
        return ()

    def needs(self, items: Sequence[Wanted], states: States) -> set[str]:
        """The accounts and networks of the batch."""
        return _batch(items, states).keys

    def decode(self, _key: str, stored: bytes | None) -> object:
        """The window as it is stored."""
        return stored or b""

    def encode(self, _key: str, state: object) -> bytes:
        """The window as it is stored."""
        return cast("bytes", state)

    def fold(self, _source: Source, items: Sequence[Wanted], states: States) -> Output:
        """Count events in their order; alerts leave with their account for a key."""
        output, batch = Output(), _batch(items, states)
        minutes = np.array([item.occurred_at_ms for item in items], np.int64) // MINUTE_MS
        tokens = np.array([item.output_tokens for item in items], np.int64)
        accounts, alerts = batch.accounts.fold(minutes, tokens, states.held, self._limit)
        networks, _ = batch.networks.fold(minutes, np.zeros_like(tokens), states.held, NO_LIMIT)
        for windows in (accounts, networks):
            states.held.update(windows)
            states.changed.update(windows)
        for event, total in alerts:
            alert = msgspec.Raw(alert_of(items[event], total))
            output.records.append(Outgoing("alerts", cast("Any", alert), 0, key=items[event].account_id))
        return output


def _batch(items: Sequence[Wanted], states: States) -> PlainBatch:
    if not isinstance(states.prepared, PlainBatch):
        states.prepared = PlainBatch(items)
    return states.prepared


def read(record: Record) -> Wanted | Refusal:
    """One event, or why it is none."""
    try:
        return decode(record.value or b"")
    except ValueError as error:
        return classify(error, record.value or b"")


def read_all(records: Sequence[Record], origin: Origin) -> Inputs[Sequence[Wanted]]:
    """The events of a batch: in one go, as the worker reads its own, or one by one if one cannot be read."""
    try:
        return Inputs([decode(record.value or b"") for record in records], [], [])
    except ValueError:
        return read_batch(records, read, origin)


def run(told: Told) -> None:
    """Work to the end of the log."""
    asyncio.run(work(told))


async def work(told: Told) -> None:
    """Declare the agent, run it until every partition stands at its end, and stop."""
    names = TopicNames(requests=told.topic, alerts=told.alerts)
    metrics = Metrics(CollectorRegistry())
    store = RedisStore(told.redis_url, prefix=told.prefix)
    post = PostOnce(told.bootstrap_servers, names, metrics)
    app = _app(told)
    lane: Lane[Sequence[Wanted]] = Lane(
        PlainStage(told.limit),
        told.topic,
        read_all,
        store=store,
        post=post,
        metrics=metrics,
        progress=Progress(),
        read_again=partial(read_again, app),
        fail=lambda _error: os._exit(70),
    )
    Subjects("", ["compiled"]).fold(np.zeros(1, np.int64), np.zeros(1, np.int64), {"compiled": b""}, 0)
    ended = asyncio.Event()

    def look() -> None:
        if all(lane.offset(number) + 1 == end for number, end in told.ends.items()):
            ended.set()

    async def agent(stream: faust.StreamT[Any]) -> None:
        async for event in stream.events():
            told.first()
            await lane.take(event.message.tp.partition, event.value)
            look()

    async def resume(starts: Mapping[TP, int]) -> Mapping[TP, int]:
        resumed = {tp: await lane.resume(tp.partition) for tp in starts}
        look()
        return resumed

    app.agent(batches(app, told.topic), name="plain", concurrency=3)(agent)
    resume_with(app, offsets=resume)
    await post.look(told.bootstrap_servers, told.alerts)
    await post.start()
    app.finalize()
    await app.start()
    await ended.wait()
    await app.commit({told.topic})
    told.done()
    await app.stop()
    await post.stop()
    await store.close()


def _app(told: Told) -> faust.App:
    """The Faust app as the worker has it."""
    return faust.App(
        told.prefix,
        broker=f"stillwatch://{told.bootstrap_servers}",
        store="memory://",
        datadir=Path(tempfile.gettempdir()) / "stillwatch-faust",
        autodiscover=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        table_standby_replicas=0,
        web_enabled=False,
        broker_check_crcs=False,
        broker_max_poll_records=BATCH_RECORDS,
        broker_session_timeout=SESSION_S,
        broker_heartbeat_interval=SESSION_S / 10,
        broker_commit_interval=1.0,
        consumer_max_fetch_size=FETCH_BYTES,
        consumer_auto_offset_reset="earliest",
        stream_wait_empty=True,
    )


def windows(told: Told) -> Windows:
    """Every window in Redis; the parts of a network are added up."""
    found = Windows()
    with redis.Redis.from_url(told.redis_url) as client:
        for key, value in every_value(client, f"{told.prefix}:{{plain:*"):
            name = key.partition("}:")[2]
            if name.startswith("a:"):
                found.add_account(name[2:], buckets_of(value))
            elif name.startswith("n:"):
                found.add_network(name[2:], {minute: requests for minute, (requests, _) in buckets_of(value).items()})
    return found


if __name__ == "__main__":
    act(run, windows)
