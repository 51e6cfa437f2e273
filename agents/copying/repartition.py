"""Partitions grow by a copy: the logs of one prefix, in their order, into topics of another that have more of them."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from agents.copying.entry import CopyError
from agents.copying.forgotten import require_forgotten
from agents.copying.sink import Sink
from agents.copying.source import LogSource, digest_of, takes_times
from agents.settings import Settings
from agents.topics import TopicNames, create_topics, describe_topics, end_copy, log_ids

TELL_EVERY_S: Final = 5.0
LOOK_EVERY_S: Final = 1.0
QUIET_S: Final = 5.0
"""For so long nothing may come any more before a copy is finished."""


class Plan(Struct, frozen=True):
    """What a copy comes to: from where to where, and what there is to do."""

    old: TopicNames
    new: TopicNames
    to_prefix: str
    partitions: int
    replication: int
    counts: dict[str, int]
    """How many partitions each of the topics has that are copied."""

    exists: bool
    """Whether the new topics are there."""

    takes_times: bool
    """Whether they still take the copy's word for when a record was appended: nobody else may write to them."""

    origin: str
    """The digest of the ids of what is copied."""

    @property
    def group(self) -> str:
        """The group that keeps how far the copy is: another one once a topic was made again."""
        return f"{self.to_prefix}.copied-{self.origin}"


def plan(bootstrap_servers: str, prefix: str, to_prefix: str, partitions: int | None) -> Plan:
    """What is to be copied; nothing is changed. `partitions` None: as many as the new topics have.

    Raises CopyError, and TopicError where no Kafka answers.
    """
    old, new = TopicNames.under(prefix), TopicNames.under(to_prefix)
    if old == new:
        raise CopyError("--to-prefix is the prefix that is copied from: a copy needs one of its own")
    found, made = describe_topics(bootstrap_servers, old), describe_topics(bootstrap_servers, new)
    for topic in (old.requests, old.feedback):
        if topic not in found:
            raise CopyError(f"Kafka at {bootstrap_servers} has no topic {topic}: there is nothing to copy")
    if partitions is None:
        if new.requests not in made:
            raise CopyError(f"There is no topic {new.requests}: begin with `stillwatch repartition copy`")
        partitions = made[new.requests].partitions
    log_of = log_ids(bootstrap_servers, [old.requests, old.feedback])
    return Plan(
        old,
        new,
        to_prefix,
        partitions,
        found[old.requests].replication,
        {it: found[it].partitions for it in (old.requests, old.feedback)},
        bool(made),
        all(it not in made or takes_times(it, made[it]) for it in (new.requests, new.feedback)),
        digest_of(log_of),
    )


class Copy:
    """One run of the copy, that goes on where an earlier one was stopped, or killed."""

    def __init__(self, settings: Settings, plan: Plan, tell: Callable[[str], None]) -> None:
        """`tell` is given a sentence now and then."""
        self._bootstrap_servers = bootstrap_servers = settings.bootstrap_servers
        self._redis_url = settings.redis_url
        self._plan = plan
        self._tell = tell
        self._told_at = 0.0
        self.in_step = asyncio.Event()
        """Set once all was copied that the logs held when they were looked at."""

        self._source = LogSource(bootstrap_servers, plan.old, plan.counts, plan.group)
        self._sink = Sink(bootstrap_servers, plan.new, plan.partitions, plan.origin, keeps_times=plan.takes_times)

    async def count(self) -> int:
        """How many records are left to copy. Raises CopyError."""
        async with self._source as source:
            source.stand_at(await source.beginnings() | await source.kept())
            return await source.look()

    async def follow(self, stop: asyncio.Event) -> int:
        """Copy all, and what comes meanwhile, until `stop`; how many records.

        Raises CopyError, TopicError, StoreError.
        """
        if not self._plan.takes_times:
            raise CopyError(
                f"{self._plan.new.requests} takes the broker's time: its copy was finished, or gateways write to it"
            )
        await asyncio.to_thread(
            create_topics,
            self._bootstrap_servers,
            partitions=self._plan.partitions,
            replication=self._plan.replication,
            prefix=self._plan.to_prefix,
            for_copies=True,
        )
        async with self._source, self._sink:
            await self._begin()
            while not stop.is_set():
                await self._round(stop)
                await _wait(stop, LOOK_EVERY_S)
        return self._sink.count

    async def finish(self) -> int:
        """Copy what is left until nothing comes any more, and let gateways write to the copy; how many records.

        Raises CopyError, TopicError.
        """
        async with self._source, self._sink:
            await self._begin()
            quiet_since = time.monotonic()
            while time.monotonic() - quiet_since < QUIET_S:
                if await self._round(asyncio.Event()):
                    quiet_since = time.monotonic()
                await asyncio.sleep(LOOK_EVERY_S)
            await asyncio.to_thread(end_copy, self._bootstrap_servers, self._plan.new)
        return self._sink.count

    async def _begin(self) -> None:
        """Stand where the last run got to."""
        source, is_there = self._source, await self._sink.look()
        kept, beginnings = await source.kept(), await source.beginnings()
        if not kept and not self._plan.takes_times:
            raise CopyError(
                f"{self._plan.new.requests} takes the broker's time, and nothing was copied to it as yet: remove the "
                "topics, and begin with `stillwatch repartition copy`"
            )
        if is_there and not kept:
            raise CopyError(
                f"{self._plan.new.requests} holds records, and nothing says that they are a copy of "
                f"{self._plan.old.requests} as it is now: take another prefix, or remove the topics first"
            )
        source.stand_at({place: max(offset, kept.get(place, 0)) for place, offset in beginnings.items()})
        await source.look()
        source.require_whole("was copied of it: take another prefix")
        if not kept:
            await require_forgotten(self._redis_url, self._plan.to_prefix, self._plan.partitions)
            await source.keep()

    async def _round(self, stop: asyncio.Event) -> int:
        """Copy up to where the logs end now; how many records there were."""
        source, sink = self._source, self._sink
        left = count = await source.look()
        started = time.monotonic()
        async for entry in source.read():
            left -= 1
            if await sink.put(entry):
                await sink.flush()
                await source.keep()
                self._tell_progress(count, left, started)
                if stop.is_set():
                    return count
        await sink.flush()
        if count:
            await source.keep()
            self._tell_progress(count, 0, started)
        self.in_step.set()
        return count

    def _tell_progress(self, count: int, left: int, started: float) -> None:
        now = time.monotonic()
        if now - self._told_at < TELL_EVERY_S:
            return
        self._told_at = now
        at = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(self._source.at_ms / 1000))
        rate = (count - left) / max(now - started, 0.001)
        state = f"{left:,} left, {rate:,.0f} a second" if left > 0 else "in step"
        self._tell(f"{self._sink.count:,} records copied, {state}; the log as of {at} UTC")


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
