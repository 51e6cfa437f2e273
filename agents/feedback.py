"""The feedback: what reviewers say, put into the stage that keeps the accounts they speak of.

Faust shares partitions out topic by topic (aiokafka's round robin), so the same worker need not get the same numbers of
two topics. The feedback is therefore read without a group: whoever has a partition of the requests reads that one of
the feedback, from where the stage's own state says that it was taken.

A verdict is taken once the partition has taken the requests that the log took before it: so it meets the same states
when all is built again from the logs. Until then it is held here.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from agents.inputs import Origin, read_batch, verdict_reader
from agents.lane import Lane
from agents.metrics import Metrics
from agents.owned import Owned
from agents.store import Place as StorePlace
from agents.store import Store, StoreError, log_id, next_log
from agents.topics import TopicError
from agents.transport import Record
from streams.batch import EventBatch
from streams.feedback import Feedback
from streams.stages.observe_shard import SHARD, ObserveShard

logger = logging.getLogger(__name__)

WAIT_MS = 200
"""How long a look at the topic waits for something new; what is held is looked at as often."""

TROUBLE_S = 2.0
MOST_HELD = 10_000
"""Verdicts held; with so many no more are read."""

MOST_AT_ONCE = 500
"""Verdicts taken in one step. All that a step passes on is one record, which `MAX_STAGE_RECORD_BYTES` must hold."""


class Consumer(Protocol):
    """What is asked of aiokafka's consumer."""

    async def start(self) -> None: ...  # noqa: D102  as aiokafka has it

    async def stop(self) -> None: ...  # noqa: D102

    def assign(self, partitions: Sequence[TopicPartition]) -> None: ...  # noqa: D102

    def seek(self, partition: TopicPartition, offset: int) -> None: ...  # noqa: D102

    def highwater(self, partition: TopicPartition) -> int | None: ...  # noqa: D102

    async def end_offsets(self, partitions: Sequence[TopicPartition]) -> Mapping[TopicPartition, int]: ...  # noqa: D102

    async def beginning_offsets(self, partitions: Sequence[TopicPartition]) -> Mapping[TopicPartition, int]: ...  # noqa: D102

    async def getmany(self, *, timeout_ms: int) -> Mapping[TopicPartition, Sequence[Record]]: ...  # noqa: D102


class _Place:
    """One partition of the feedback: the identity of its log, the last offset taken, and what is held after it."""

    def __init__(self, owned: Owned, log: str, taken: int) -> None:
        self.owned = owned
        self.log = log
        self.taken = taken
        self.held: list[Record] = []

    @property
    def read(self) -> int:
        """The last offset that was read."""
        return self.held[-1].offset if self.held else self.taken


class FeedbackReader:
    """Reads the partitions of the feedback whose requests a lane has, and has the lane take what they say."""

    def __init__(
        self,
        lane: Lane[EventBatch],
        topic: str,
        consumer: Consumer,
        *,
        partitions: int,
        store: Store,
        metrics: Metrics,
        identify: Callable[[], str],
        end_of: Callable[[int], int | None],
    ) -> None:
        """`identify` asks for the identity of the topic's log, blocking, and raises TopicError where it cannot be read.

        `end_of` says where a partition of the requests ends now, None if that is not known.
        """
        self._lane = lane
        self._topic = topic
        self._consumer = consumer
        self._partitions = partitions
        self._store = store
        self._metrics = metrics
        self._identify = identify
        self._end_of = end_of
        self._places: dict[int, _Place] = {}

    async def run(self) -> None:
        """Read until it is cancelled; where Kafka or the topic is away it says so once (at each try of the start)."""
        said = ""
        await self._patient_start()
        try:
            while True:
                try:
                    await self.step()
                    said = ""
                except (KafkaError, TopicError, StoreError) as trouble:
                    sentence = str(trouble) or type(trouble).__name__
                    if sentence != said:
                        logger.warning("Reviewers are not heard: %s", sentence)
                    said = sentence
                    await asyncio.sleep(TROUBLE_S)
        finally:
            await self._consumer.stop()

    async def _patient_start(self) -> None:
        while True:
            try:
                return await self._consumer.start()
            except KafkaError as trouble:
                logger.warning("Reviewers are not heard: %s", trouble)
                await asyncio.sleep(TROUBLE_S)

    async def step(self) -> None:
        """Look once for what is new, and take what can be taken. Raises KafkaError, TopicError, StoreError."""
        await self._follow()
        if not self._places or sum(len(place.held) for place in self._places.values()) >= MOST_HELD:
            await asyncio.sleep(WAIT_MS / 1000)
        else:
            for tp, records in (await self._consumer.getmany(timeout_ms=WAIT_MS)).items():
                self._hold(tp.partition, records)
        for number, place in list(self._places.items()):
            await self._take_due(number, place)
            end = self._consumer.highwater(TopicPartition(self._topic, number))
            self._metrics.place(self._topic, number, position=place.taken + 1, end_offset=end or 0)

    async def _follow(self) -> None:
        """Read those partitions whose requests are the lane's now; anew those that were resumed meanwhile."""
        owned = dict(self._lane.owned)
        for number in [number for number, place in self._places.items() if owned.get(number) is not place.owned]:
            del self._places[number]
            self._metrics.forget(self._topic, number)
        fresh = owned.keys() - self._places.keys()
        if fresh:
            log = await asyncio.to_thread(self._identify)
            found = {number: await self._resume(number, owned[number], log) for number in sorted(fresh)}
            self._places |= found
            self._consumer.assign([TopicPartition(self._topic, number) for number in self._places])
            for number, place in self._places.items():
                self._consumer.seek(TopicPartition(self._topic, number), place.read + 1)

    async def _resume(self, number: int, owned: Owned, log: str) -> _Place:
        """Where the stage stands in a partition of the feedback, past what retention removed before it was taken."""
        loaded = await self._store.load(StorePlace(self._lane.stage.name, number), (SHARD,))
        shard = self._lane.stage.decode(SHARD, loaded.values[0])
        if not isinstance(shard, ObserveShard):
            raise TypeError(shard)
        reached, tp = shard.feedback, TopicPartition(self._topic, number)
        gone = (await self._consumer.beginning_offsets([tp]))[tp] - 1  # what retention removed is not waited for
        if reached.log and log_id(reached.log) != log:
            sentence = "%s partition %d was made again: it is read from offset %d."
            logger.error(sentence, self._topic, number, gone + 1)
            return _Place(owned, log, gone)
        end = (await self._consumer.end_offsets([tp]))[tp]
        if reached.offset < end:
            return _Place(owned, reached.log or log, max(reached.offset, gone))
        logger.error("%s partition %d was cut short: it is read on from its end, offset %d.", self._topic, number, end)
        place = _Place(owned, next_log(reached.log), end - 1)
        await self._lane.insert(number, EventBatch(feedback=Feedback(place.log, place.taken)), (), owned)
        return place

    def _hold(self, number: int, records: Sequence[Record]) -> None:
        """Hold what was read. Offsets that come again are those of another log, or of one that was cut short."""
        place = self._places.get(number)
        if place is None:
            return
        if records[0].offset <= place.read:
            del self._places[number]
        else:
            place.held += records

    async def _take_due(self, number: int, place: _Place) -> None:
        due = self._due(number, place)[:MOST_AT_ONCE]
        if not due:
            return
        origin = Origin(self._lane.stage.name, self._topic, number)
        inputs = read_batch(due, verdict_reader(number, self._partitions), origin)
        feedback = Feedback(place.log, due[-1].offset, tuple(inputs.items))
        if not await self._lane.insert(number, EventBatch(feedback=feedback), tuple(inputs.refused), place.owned):
            return
        del place.held[: len(due)]
        place.taken = due[-1].offset
        for item in inputs.items:
            verdict = item.verdict
            self._metrics.verdicts.labels(verdict=verdict.verdict, subject_kind=verdict.subject_kind).inc()
        for fault in inputs.faults:
            self._metrics.dead_letters.labels(reason=fault).inc()

    def _due(self, number: int, place: _Place) -> Sequence[Record]:
        """Those held before which no request is left to be taken: all of them where none is left at all."""
        end = self._end_of(number)
        if end is not None and place.owned.offset + 1 >= end:
            return list(place.held)
        newest_ms = place.owned.newest_ms
        late = next((at for at, record in enumerate(place.held) if record.timestamp > newest_ms), len(place.held))
        return place.held[:late]
