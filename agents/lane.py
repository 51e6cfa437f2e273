"""A lane: one stage behind its topic. It turns each partition batch into one step, whatever goes wrong on the way.

Three kinds of failure, and this is the one place that tells them apart:
- a bad record is a dead letter, and the batch goes on;
- trouble with Redis or Kafka is waited out with the partition held, and nothing is acknowledged;
- anything else, a bug or states of another version, ends the process with the offset unmoved.
"""

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Generic, TypeVar

from aiokafka.errors import KafkaError

from agents.advance import Advanced, Partition, Posted
from agents.gaps import Gaps
from agents.inputs import BatchReader, Origin, parts_of
from agents.metrics import Metrics
from agents.owned import Owned
from agents.post import Post
from agents.progress import Progress
from agents.store import NOTHING, Answer, Store, StoreError, log_id, next_log
from agents.transport import Record
from streams.stages import Stage

logger = logging.getLogger(__name__)
Items = TypeVar("Items")
T = TypeVar("T")
ReadAgain = Callable[[], None]
"""Have every partition of this worker resume anew, each where the store stands by then."""

FIRST_WAIT_S, LONGEST_WAIT_S, LONGEST_REFUSED_S = 0.1, 2.0, 10.0

_BECAUSE = {
    "duplicate": "the step was taken before.",
    "gap": "Redis lost what came after.",
    "refused": "another worker opened it, or Redis lost it.",
}


class _StaleError(Exception):
    """The store did not take a step: what is at hand does not follow from what the store holds."""


class Lane(Generic[Items]):
    """The partitions of one stage that this worker has: those in `owned`, whether they are at hand or not."""

    def __init__(  # noqa: PLR0913  a lane is where these meet
        self,
        stage: Stage[Items],
        topic: str,
        read: BatchReader[Items],
        *,
        store: Store,
        post: Post,
        metrics: Metrics,
        progress: Progress,
        read_again: ReadAgain,
        fail: Callable[[BaseException], None],
    ) -> None:
        """`fail` is told of a bug and must end the process. `unsent` counts what Kafka has not acknowledged yet."""
        self.stage = stage
        self.topic = topic
        self._read = read
        self._store = store
        self._post = post
        self._metrics = metrics
        self._progress = progress
        self._read_again = read_again
        self._fail = fail
        self._partitions: dict[int, Partition[Items]] = {}
        self._locks: dict[int, asyncio.Lock] = {}
        self._moved_at: dict[int, float] = {}
        self._gaps = Gaps()
        self._repeated: dict[int, int] = {}
        self.owned: dict[int, Owned] = {}
        self.unsent = 0

    async def resume(self, number: int, log: str = "") -> int:
        """Open partition `number` where the store stands and send what it left to be sent; the offset to read next.

        NOTHING + 1 = 0 for a partition the store knows nothing of: it is built from the log. `log` is the identity of
        the log as it is now; where the store has counted in another one, that is said, and counting begins anew.
        """
        async with self._lock(number):
            offset = await self._patiently(partial(self._resume, number, log))
            self.owned[number] = Owned(offset)
            return offset + 1

    async def rebase(self, number: int, offset: int, *, is_cut_short: bool = False) -> None:
        """Stand at `offset` from now on, states kept: the log no longer has what the store expected next.

        `is_cut_short`: the log ends before that, so its offsets will come again with other records behind them.
        """
        async with self._lock(number):
            await self._patiently(partial(self._rebase, number, offset, is_cut_short=is_cut_short))
            self.owned[number] = Owned(offset)

    def revoke(self, numbers: Sequence[int]) -> None:
        """Forget partitions that another worker has now."""
        for number in numbers:
            self._forget(number)
            self.owned.pop(number, None)

    async def take(self, number: int, records: Sequence[Record]) -> None:
        """Take one partition batch to its end: states committed, records produced. Returns only then."""
        try:
            async with self._lock(number):
                started = time.perf_counter()
                await self._patiently(partial(self._step, number, records))
                self._metrics.batch_seconds.labels(stage=self.stage.name).observe(time.perf_counter() - started)
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001  a bug: Faust would acknowledge the batch
            self._fail(error)
            await asyncio.Event().wait()

    async def settle(self, idle_s: float) -> None:
        """Let partitions that were idle for `idle_s` seconds look at what they left for later."""
        for number in list(self._moved_at):
            async with self._lock(number):
                if time.monotonic() - self._moved_at.get(number, math.inf) >= idle_s:
                    await self._patiently(partial(self._settle, number))

    async def insert(self, number: int, items: Items, refused: tuple[Posted, ...], owned: Owned) -> bool:
        """Take items from beside the topic, with their dead letters, at the offset where the partition stands.

        `owned` is what they were chosen by. False if they cannot be taken now: the partition was opened anew since, or
        is another worker's, or is to be read again first. The stage must know items that it took before.
        """
        async with self._lock(number):
            return await self._patiently(partial(self._insert_ours, number, items, refused, owned))

    def offset(self, number: int) -> int:
        """The last offset that the states of a partition reflect; NOTHING if it is not open."""
        return self._partitions[number].offset if number in self._partitions else NOTHING

    @property
    def subjects_held(self) -> int:
        """Accounts or links that this worker's partitions hold windows of."""
        return sum(partition.subjects for partition in self._partitions.values())

    async def _open(self, number: int) -> int:
        partition = Partition(self.stage, number, self._store)
        left = await partition.open()
        await self._post.send(left)
        self._partitions[number] = partition
        if (owned := self.owned.get(number)) is not None:
            self.owned[number] = Owned(owned.offset, owned.newest_ms)
        return partition.offset

    async def _resume(self, number: int, log: str) -> int:
        offset = await self._open(number)
        partition = self._partitions[number]
        if not partition.log:
            partition.log = log
        elif log and log_id(partition.log) != log:
            logger.error(
                "%s partition %d was to be read from offset %d, but the topic was made again. "
                "Reading starts at 0, and windows go on.",
                self.topic,
                number,
                offset + 1,
            )
            offset = await self._stand_at(number, NOTHING, log)
        return offset

    async def _rebase(self, number: int, offset: int, *, is_cut_short: bool) -> int:
        await self._open(number)
        log = self._partitions[number].log
        return await self._stand_at(number, offset, next_log(log) if is_cut_short else log)

    async def _stand_at(self, number: int, offset: int, log: str) -> int:
        """Have an open partition stand at `offset` of `log`, whatever it stood at."""
        self._require_applied(number, await self._partitions[number].move(offset, log))
        return offset

    async def _step(self, number: int, records: Sequence[Record]) -> int:
        if number not in self._partitions:
            await self._open(number)
        partition = self._partitions[number]
        fresh = records
        if records[0].offset <= partition.offset:
            fresh = [record for record in records if record.offset > partition.offset]
        if not fresh:
            self._metrics.redis_fence_answers.labels(answer="duplicate").inc()
            if self._repeated.get(number) != partition.offset:
                # A batch that waited while the partition was opened anew; or else this log is another one.
                self._repeated[number] = partition.offset
                self._read_again()
            return partition.offset
        if self._gaps.is_before(number, partition.offset, fresh[0].offset):
            self._read_again()
            return partition.offset
        self._gaps.forget(number)
        for part in parts_of(fresh):
            inputs = self._read(part, Origin(self.stage.name, self.topic, number))
            advanced = await self._advance(partition, inputs.items, part[-1].offset, tuple(inputs.refused))
            self._metrics.events_read.labels(stage=self.stage.name).inc(len(part))
            for fault in inputs.faults:
                self._metrics.dead_letters.labels(reason=fault).inc()
            await self._send(advanced)
            self._moved_at[number] = time.monotonic()
            if (owned := self.owned.get(number)) is not None:
                owned.offset, owned.newest_ms = partition.offset, part[-1].timestamp
        return partition.offset

    async def _settle(self, number: int) -> int:
        """Look at what was left for later, unless another worker has the partition by now."""
        if number not in self._moved_at:
            return NOTHING
        if number not in self._partitions:
            await self._open(number)
        await self._insert(number, self.stage.nothing, ())
        self._moved_at.pop(number, None)
        return self.offset(number)

    async def _insert_ours(self, number: int, items: Items, refused: tuple[Posted, ...], owned: Owned) -> bool:
        if self.owned.get(number) is not owned:
            return False
        if number not in self._partitions:
            if await self._open(number) < owned.offset:
                self._read_again()  # the store lost what came before these items
            return False
        if self.offset(number) < owned.offset:
            return False
        await self._insert(number, items, refused)
        return True

    async def _insert(self, number: int, items: Items, refused: tuple[Posted, ...]) -> None:
        """One step at the offset where an open partition stands."""
        partition = self._partitions[number]
        try:
            await self._send(await self._advance(partition, items, partition.offset, refused))
        except asyncio.CancelledError:
            self._partitions.pop(number, None)  # it may be applied yet, unless somebody opens the partition anew
            raise
        # Neither offset nor owner changed, so nothing fences this step from another at the same offset but a new owner.
        await partition.open()

    async def _advance(
        self, partition: Partition[Items], items: Items, offset: int, refused: tuple[Posted, ...]
    ) -> Advanced:
        try:
            advanced = await partition.advance(items, offset, refused)
        except StoreError:
            # It may have been applied and not answered: only opening anew tells, and sends what was left to be sent.
            self._partitions.pop(partition.place.partition, None)
            raise
        self._require_applied(partition.place.partition, advanced.answer)
        self._metrics.count_output(self.stage.name, advanced.output)
        return advanced

    def _require_applied(self, number: int, answer: Answer) -> None:
        """Drop what is at hand unless the store took the step. Raises _StaleError: then it is to be opened anew."""
        self._metrics.redis_fence_answers.labels(answer=answer.kind).inc()
        if answer.kind != "applied":
            self._forget(number)
            raise _StaleError(f"{self.stage.name}/{number} stands at offset {answer.offset}: {_BECAUSE[answer.kind]}")

    async def _send(self, advanced: Advanced) -> None:
        """Produce until the broker has it all: the states are committed, so this may only be repeated."""
        self.unsent += len(advanced.posted)
        await self._patiently(partial(self._post.send, advanced.posted))
        self.unsent -= len(advanced.posted)  # not reached only where the process ends

    async def _patiently(self, work: Callable[[], Awaitable[T]]) -> T:
        """Repeat `work` until Redis and Kafka let it through."""
        wait, stood_still = FIRST_WAIT_S, False
        while True:
            refused_s, begun = 0.0, time.monotonic()
            try:
                done = await work()
            except _StaleError as stale:
                logger.warning("%s", stale)
                refused_s = time.monotonic() - begun  # else two take it from each other for ever
            except (StoreError, KafkaError) as trouble:
                sentence = str(trouble) or type(trouble).__name__
                logger.warning("%s stands still: %s", self.stage.name, sentence)
                self._progress.not_ready(sentence)
                stood_still = True
            else:
                self._progress.ready()
                if stood_still:
                    logger.info("%s goes on.", self.stage.name)
                return done
            await asyncio.sleep(max(wait, min(2 * refused_s, LONGEST_REFUSED_S)))
            wait = min(2 * wait, LONGEST_WAIT_S)

    def _forget(self, number: int) -> None:
        for held in (self._partitions, self._moved_at, self._repeated):
            held.pop(number, None)
        self._gaps.forget(number)

    def _lock(self, number: int) -> asyncio.Lock:
        return self._locks.setdefault(number, asyncio.Lock())
