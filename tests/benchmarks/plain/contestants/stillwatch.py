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
import redis
from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition
from faust.types import TP
from prometheus_client import CollectorRegistry

from agents.advance import Posted
from agents.deadletters import Refusal, classify
from agents.inputs import Inputs, read_batch
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
from tests.benchmarks.plain.in_redis import every_value
from tests.benchmarks.plain.job import (
    MINUTE_MS,
    Account,
    Network,
    Wanted,
    Windows,
    decode,
    decode_account,
    decode_network,
    encode_window,
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


class PlainStage:
    """The plain job as a stage. State keys: `a:<account>` and `n:<network>`."""

    name = cast("StageName", "plain")

    def __init__(self, limit: int) -> None:
        self._limit = limit

    def needs(self, items: Sequence[Wanted], _states: States) -> set[str]:
        """The accounts and networks of the batch."""
        return {f"a:{it}" for it in {item.account_id for item in items}} | {
            f"n:{it}" for it in {item.network_hash for item in items}
        }

    def decode(self, key: str, stored: bytes | None) -> object:
        """The window, or an empty one."""
        if key.startswith("a:"):
            return Account() if stored is None else decode_account(stored)
        return Network() if stored is None else decode_network(stored)

    def encode(self, _key: str, state: object) -> bytes:
        """The window as it is stored."""
        return encode_window(state)

    def fold(self, _source: Source, items: Sequence[Wanted], states: States) -> Output:
        """Count events in their order; alerts leave with their account for a key."""
        output = Output()
        by_account: dict[str, list[Wanted]] = {}
        held, changed = states.held, states.changed
        for item in items:
            if (together := by_account.get(item.account_id)) is None:
                by_account[item.account_id] = [item]
            else:
                together.append(item)
            network = "n:" + item.network_hash
            held[network].add(item.occurred_at_ms // MINUTE_MS)
            changed.add(network)
        for name, some in by_account.items():
            account = "a:" + name
            changed.add(account)
            for _, alert in held[account].add(some, self._limit):
                output.records.append(Outgoing("alerts", cast("Any", msgspec.Raw(alert)), 0, key=name))
        return output


def read(record: Record) -> Wanted | Refusal:
    """One event, or why it is none."""
    try:
        return decode(record.value or b"")
    except ValueError as error:
        return classify(error, record.value or b"")


def read_all(records: Sequence[Record], stage: str) -> Inputs[Wanted]:
    """The events of a batch: in one go, as the worker reads its own, or one by one if one cannot be read."""
    try:
        return Inputs([decode(record.value or b"") for record in records], [], [])
    except ValueError:
        return read_batch(records, read, stage)


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
    lane: Lane[Wanted] = Lane(
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
                found.add_account(name[2:], decode_account(value).buckets)
            elif name.startswith("n:"):
                found.add_network(name[2:], decode_network(value).buckets)
    return found


if __name__ == "__main__":
    act(run, windows)
