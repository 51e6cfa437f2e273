"""The feedback: what reviewers say, put into the stage that keeps the accounts they speak of.

A verdict is taken once the partition has taken the requests that the log took before it: so it meets the same states
when all is built again from the logs. Until then it is held here, and counts as read: the stage's own state says how
far the feedback was *taken*, and from there it is read again, whatever the consumer group says. Faust gives the worker
the same partitions of the feedback as of the requests; while it does not (workers of an earlier version beside it),
verdicts are held as well.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence

from agents.gaps import Gaps
from agents.inputs import Origin, read_batch, verdict_reader
from agents.lane import Lane, ReadAgain
from agents.metrics import Metrics
from agents.store import NOTHING, log_id, next_log
from agents.transport import Record
from streams.batch import EventBatch
from streams.feedback import Feedback
from streams.stages.observe_shard import SHARD, ObserveShard

logger = logging.getLogger(__name__)


class _Place:
    """One partition of the feedback: the identity of its log, the last offset taken, and what is held after it."""

    def __init__(self, log: str, taken: int) -> None:
        self.log = log
        self.taken = taken
        self.held: list[Record] = []

    @property
    def read(self) -> int:
        """The last offset that was read."""
        return self.held[-1].offset if self.held else self.taken


class FeedbackLane:
    """The partitions of the feedback that this worker reads, beside the lane that takes what they say."""

    def __init__(
        self,
        lane: Lane[EventBatch],
        topic: str,
        *,
        partitions: int,
        metrics: Metrics,
        read_again: ReadAgain,
        end_of: Callable[[int], int | None],
        fail: Callable[[BaseException], None],
    ) -> None:
        """`end_of` says where a partition of the requests ends now, None if that is not known; `fail` as of `Lane`."""
        self.topic = topic
        self._lane = lane
        self._partitions = partitions
        self._metrics = metrics
        self._read_again = read_again
        self._end_of = end_of
        self._fail = fail
        self._places: dict[int, _Place] = {}
        self._locks: dict[int, asyncio.Lock] = {}
        self._gaps = Gaps()

    async def resume(self, number: int, log: str = "") -> int:
        """The offset to read next, by what the stage has taken; 0 if it took nothing of this log."""
        shard = await self._lane.look(number, SHARD)
        if not isinstance(shard, ObserveShard):
            raise TypeError(shard)
        reached = shard.feedback
        place = _Place(reached.log or log, reached.offset)
        if log and reached.log and log_id(reached.log) != log:
            logger.error("%s partition %d was made again: it is read from offset 0.", self.topic, number)
            place = _Place(log, NOTHING)
        self._places[number] = place
        self._gaps.forget(number)
        return place.taken + 1

    async def rebase(self, number: int, offset: int, *, is_cut_short: bool = False) -> None:
        """Go on after `offset`: the log no longer has what was to be read next (`is_cut_short`: it ends before)."""
        log = self._places[number].log
        place = self._places[number] = _Place(next_log(log) if is_cut_short else log, offset)
        await self._lane.insert(number, EventBatch(feedback=Feedback(place.log, offset)), ())

    def revoke(self, numbers: Sequence[int]) -> None:
        """Forget partitions that another worker reads now, and what is held of them."""
        for number in numbers:
            self._places.pop(number, None)
            self._gaps.forget(number)

    async def take(self, number: int, records: Sequence[Record]) -> None:
        """Hold what was read, and take as much of it as can be by now."""
        place = self._places.get(number)
        if place is None:
            return
        fresh = [record for record in records if record.offset > place.read]
        if not fresh:
            return
        if self._gaps.is_before(number, place.read, fresh[0].offset):
            self._read_again()
            return
        self._gaps.forget(number)
        place.held += fresh
        try:
            await self._take_due(number)
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001  a bug: Faust would acknowledge the batch
            self._fail(error)
            await asyncio.Event().wait()

    async def settle(self) -> None:
        """Take what can be taken of all that is held. Waits for as long as Redis is away."""
        for number in [number for number, place in self._places.items() if place.held]:
            await self._take_due(number)

    def offset(self, number: int) -> int:
        """The last offset that was read of a partition; NOTHING if it is not ours. What is held waits for requests."""
        place = self._places.get(number)
        return NOTHING if place is None else place.read

    async def _take_due(self, number: int) -> None:
        async with self._locks.setdefault(number, asyncio.Lock()):
            place = self._places.get(number)
            if place is None:
                return
            due = self._due(number, place.held)
            if not due:
                return
            inputs = read_batch(due, verdict_reader(number, self._partitions), self._origin(number))
            feedback = Feedback(place.log, due[-1].offset, tuple(inputs.items))
            if not await self._lane.insert(number, EventBatch(feedback=feedback), tuple(inputs.refused)):
                return
            del place.held[: len(due)]
            place.taken = due[-1].offset
        for item in inputs.items:
            verdict = item.verdict
            self._metrics.verdicts.labels(verdict=verdict.verdict, subject_kind=verdict.subject_kind).inc()
        for fault in inputs.faults:
            self._metrics.dead_letters.labels(reason=fault).inc()

    def _due(self, number: int, held: Sequence[Record]) -> Sequence[Record]:
        """Those held before which no request is left to be taken: all of them where none is left at all."""
        newest = self._lane.newest(number)
        if newest is None:
            return ()
        end = self._end_of(number)
        if end is not None and self._lane.offset(number) + 1 >= end:
            return list(held)
        late = next((place for place, record in enumerate(held) if record.timestamp > newest), len(held))
        return held[:late]

    def _origin(self, number: int) -> Origin:
        return Origin(self._lane.stage.name, self.topic, number)
