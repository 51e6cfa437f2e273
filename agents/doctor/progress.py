"""Where each agent stands in its topic, by what Redis holds, against where the topic ends, twice within moments."""

import asyncio
import time
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from kafka import TopicPartition
from kafka.admin import OffsetSpec
from kafka.errors import AuthorizationError, CoordinatorNotAvailableError
from msgspec import Struct

from agents.clock import now_ms
from agents.doctor.found import Found, ill, well
from agents.sealing import state_of
from agents.settings import Settings
from agents.store import NOTHING, Place
from agents.store.redis import RedisStore
from agents.topics import TopicNames, asking
from streams.anomaly import ModelState
from streams.stages.networks_shard import NetworksShard
from streams.stages.observe_shard import ObserveShard

BETWEEN_SECONDS = 2.0
"""How far apart the two looks are: a worker that works commits several times in between."""

BEHIND_MS = 5 * 60 * 1000
"""What has waited for longer than this is too late for a gateway."""

READ_BY = {"requests": "observe", "links": "networks", "findings": "campaigns", "feedback": "observe"}
NAMED = 8
"""Partitions that a sentence names; of more it gives the number."""


class Standing(Struct, frozen=True):
    """One partition of a topic and who reads it.

    The log holds the offsets from `start` to before `end`, `taken` is the last that the stage's states reflect;
    everything before `due` has been there for `BEHIND_MS`. `newest_ms` is the latest append time in it, -1 for none.
    """

    stage: str
    topic: str
    partition: int
    taken: int
    start: int
    end: int
    due: int
    newest_ms: int

    @property
    def waits(self) -> int:
        """How many records wait to be taken."""
        return max(0, self.end - max(self.start, self.taken + 1))

    @property
    def is_behind(self) -> bool:
        """Whether one of them has waited for too long."""
        return max(self.start, self.taken + 1) < self.due


class Learnt(Struct, frozen=True):
    """As of when the anomaly model of one partition of a stage learnt last, and whether it judges; 0: not yet."""

    stage: str
    partition: int
    learned_ms: int
    is_warm: bool


class Seen(Struct, frozen=True):
    """One look: when it began, all partitions, the models, and the newest hour of event time; 0 where nothing came."""

    at_ms: int
    standings: tuple[Standing, ...]
    learnt: tuple[Learnt, ...]
    newest_hour: int

    def place(self, topic: str, partition: int) -> Standing | None:
        """Where one partition stood."""
        return next((it for it in self.standings if (it.topic, it.partition) == (topic, partition)), None)


def look(settings: Settings, partitions: int) -> Seen:
    """Where everything stands now. Raises TopicError, StoreError."""
    names, at_ms = TopicNames.under(settings.prefix), now_ms()
    places = {
        (stage, number): TopicPartition(getattr(names, stage), number)
        for stage in READ_BY
        for number in range(1 if stage == "findings" else partitions)
    }
    taken, learnt, newest_hour = asyncio.run(_stored(settings, list(places)))
    with asking(settings.bootstrap_servers) as admin:
        starts, ends, newest, due = (
            admin.list_partition_offsets(dict.fromkeys(places.values(), wanted))
            for wanted in (OffsetSpec.EARLIEST, OffsetSpec.LATEST, OffsetSpec.MAX_TIMESTAMP, at_ms - BEHIND_MS)
        )
    standings = [
        Standing(
            READ_BY[stage],
            tp.topic,
            number,
            taken[stage, number],
            starts[tp].offset,
            ends[tp].offset,
            ends[tp].offset if due[tp].offset < 0 else due[tp].offset,
            newest[tp].timestamp,
        )
        for (stage, number), tp in places.items()
    ]
    return Seen(at_ms, tuple(standings), learnt, newest_hour)


async def _stored(
    settings: Settings, places: Sequence[tuple[str, int]]
) -> tuple[dict[tuple[str, int], int], tuple[Learnt, ...], int]:
    """How far each partition was taken, what the models are, and the newest hour of event time. Raises StoreError."""
    store = RedisStore(settings.redis_url, prefix=settings.prefix)
    taken, learnt, newest_hour = {}, [], 0
    try:
        for topic, number in places:
            stage = READ_BY[topic]
            loaded = await store.load(Place(stage, number), ("shard", "model"))
            taken[topic, number] = loaded.offset
            shard, model = loaded.values
            if topic == "feedback":
                told = ObserveShard() if shard is None else msgspec.msgpack.decode(shard, type=ObserveShard)
                taken[topic, number] = told.feedback.offset
            elif topic != "findings" and loaded.offset != NOTHING:
                state = ModelState() if model is None else msgspec.msgpack.decode(state_of(model), type=ModelState)
                learnt.append(Learnt(stage, number, state.learned_ms, bool(state.reference)))
            if topic == "links" and shard is not None:
                newest_hour = max(newest_hour, msgspec.msgpack.decode(shard, type=NetworksShard).hour)
    finally:
        await store.close()
    return taken, tuple(learnt), newest_hour


def look_twice(settings: Settings, partitions: int) -> tuple[Seen, Seen]:
    """Two looks, moments apart. Raises TopicError, StoreError."""
    before = look(settings, partitions)
    time.sleep(BETWEEN_SECONDS)
    return before, look(settings, partitions)


def members_of(settings: Settings) -> frozenset[tuple[str, int]] | None:
    """The partitions that somebody in the group has; None if this user may not see it. Raises TopicError."""
    with asking(settings.bootstrap_servers) as admin:
        try:
            told = admin.describe_groups([settings.group])[settings.group]
        except AuthorizationError:
            return None
        except CoordinatorNotAvailableError:
            return frozenset()
    if told["error"] and "uthoriz" in told["error"]:
        return None
    return frozenset(_assigned(told["members"]))


def _assigned(members: Iterable[dict[str, Any]]) -> Iterable[tuple[str, int]]:
    for member in members:
        assignment = member["member_assignment"] or {}
        for it in assignment.get("assigned_partitions", ()):
            yield from ((it["topic"], number) for number in it["partitions"])


def judge_progress(
    before: Seen, after: Seen, had: frozenset[tuple[str, int]] | None, group: str = "stillwatch"
) -> list[Found]:
    """What is to be said of each topic and its agent; `had` are the partitions that somebody in the group has."""
    found = []
    if had is not None and not had:
        waiting = sum(it.waits for it in after.standings)
        sentence = f"Nobody is in the group {group}"
        found.append(
            ill(f"{sentence}, and {waiting:,} records wait: start `stillwatch run`.")
            if waiting
            else well(f"{sentence}, and nothing waits: `stillwatch run` is the worker.")
        )
    for topic in dict.fromkeys(it.topic for it in after.standings):
        found += _judge_topic(topic, before, after, had or None)
    return found


def _judge_topic(topic: str, before: Seen, after: Seen, had: frozenset[tuple[str, int]] | None) -> list[Found]:
    here = [it for it in after.standings if it.topic == topic]
    stage, waiting = here[0].stage, sum(it.waits for it in here)
    nowhere = [it for it in here if it.taken >= it.end]
    stuck = [it for it in here if _is_stuck(before.place(topic, it.partition), it)]
    behind = [it for it in here if it.is_behind and it not in stuck]
    # The feedback is read outside the group, by whoever has the requests.
    free = [it for it in here if it.waits and had is not None and (topic, it.partition) not in had]
    free = [] if topic.endswith(".feedback") else [it for it in free if it not in stuck]
    found = []
    if nowhere:
        found.append(
            ill(
                f"{stage} stands after the end of {topic} {_named(nowhere)}: was the topic made again, or cut short? "
                "The worker finds out when it starts anew."
            )
        )
    if stuck:
        found.append(
            ill(
                f"{stage} does not move in {topic} {_named(stuck)}, where {sum(it.waits for it in stuck):,} records "
                "wait and more arrive: the worker's log and /readyz say what it waits for."
            )
        )
    if free:
        found.append(
            ill(f"Nobody reads {topic} {_named(free)}: start `stillwatch run --agents {stage}`, or all agents.")
        )
    if behind:
        found.append(
            ill(
                f"{stage} is more than {BEHIND_MS // 60_000} minutes behind in {topic} {_named(behind)}, by "
                f"{sum(it.waits for it in behind):,} records: start more processes, if there are partitions for them "
                "(`stillwatch plan`)."
            )
        )
    return found or [well(f"{stage} has taken all of {topic} but {waiting:,} records.")]


def _is_stuck(before: Standing | None, after: Standing) -> bool:
    """Whether nothing was taken between two looks while something waited and more came."""
    return before is not None and before.waits > 0 and before.taken == after.taken and after.waits > before.waits


def _named(standings: Sequence[Standing]) -> str:
    if len(standings) > NAMED:
        return f"in {len(standings)} partitions"
    return f"partition {', '.join(str(it.partition) for it in standings)}"
