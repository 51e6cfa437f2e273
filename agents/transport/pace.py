"""A topic that is read from far back is read in the order of time: none of its partitions runs far ahead of the others.

A fetch brings a partition's records by the thousand. Near the end of the log that is a moment of each; after an outage
it is hours of one partition and nothing of the others, and whoever counts who did the same at the same time counts
nobody. So a partition whose next record is later than the earliest of the others' by more than `within_ms` waits for
them, as in Kafka Streams (KIP-353, KIP-695): those that were fetched, and those that are known to have more.

It waits for `patience_s` each time at the most, and goes on for `within_ms` then: a partition that one account has
filled delays the others by no more than that. One that brought nothing meanwhile is waited for no more until it grows.
"""

import math
import time
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Final

from faust.types import TP

from agents.transport.batches import Batch, Record

WITHIN_MS: Final = 30 * 60_000
PATIENCE_S: Final = 2.0

TimeOf = Callable[[Record], int]
"""When what a record tells of happened, in milliseconds since the epoch."""

EndOf = Callable[[TP], int | None]
"""One past the last offset of a partition, None while nobody has said."""


class Pace:
    """The records of one topic that were fetched and are not due yet. It has no clock but for its patience."""

    def __init__(
        self,
        topic: str,
        time_of: TimeOf,
        *,
        within_ms: int = WITHIN_MS,
        patience_s: float = PATIENCE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.topic = topic
        self._time_of = time_of
        self._within_ms = within_ms
        self._patience_s = patience_s
        self._clock = clock
        self._held: dict[TP, Batch] = {}
        self._held_since: dict[TP, float] = {}
        self._next: dict[TP, int] = {}
        self._ends: dict[TP, int] = {}
        self._come_to: dict[TP, float] = {}
        self._granted: dict[TP, int] = {}
        self._of_each: tuple[dict[TP, Any], ...] = (
            *(self._held, self._held_since, self._granted),
            *(self._next, self._ends, self._come_to),
        )

    @property
    def held(self) -> Collection[TP]:
        """The partitions that have records here: nothing more needs to be fetched of them."""
        return self._held.keys()

    def begin(self, starts: Mapping[TP, int], ends: Mapping[TP, int]) -> None:
        """Forget everything: each partition is read from its offset in `starts`, and its log goes up to `ends`."""
        self.forget([*self._next])
        self._next.update((tp, at) for tp, at in starts.items() if tp.topic == self.topic)
        self._ends.update((tp, ends[tp]) for tp in self._next)

    def forget(self, tps: Iterable[TP]) -> None:
        """Forget partitions, known or not."""
        for tp in tps:
            for known in self._of_each:
                known.pop(tp, None)

    def add(self, tp: TP, batch: Batch) -> None:
        """Take what was fetched of a partition, at least one record."""
        self._held.setdefault(tp, []).extend(batch)
        self._next[tp] = batch[-1].offset + 1

    def take(self, end_of: EndOf) -> list[tuple[TP, Batch]]:
        """What is due, a batch a partition at the most; to be asked again until it is nothing."""
        if not self._held:
            return []
        heads = {tp: self._time_of(batch[0]) for tp, batch in self._held.items()}
        ends = {tp: end_of(tp) or self._ends[tp] for tp in self._next.keys() - self._held.keys()}
        awaited = [tp for tp, end in ends.items() if self._next[tp] < end]
        come_to = [self._come_to.get(tp, -math.inf) for tp in awaited]
        until, now = min([*heads.values(), *come_to]) + self._within_ms, self._clock()
        due = []
        for tp, head in heads.items():
            if now - self._held_since.setdefault(tp, now) >= self._patience_s:
                self._next.update((it, ends[it]) for it in awaited)
                self._granted[tp] = head + self._within_ms
            if (batch := self._cut(tp, max(until, self._granted.get(tp, -math.inf)))) is not None:
                due.append((tp, batch))
        return due

    def _cut(self, tp: TP, until: float) -> Batch | None:
        """The records up to the first that is later than `until`, None if that is the very next."""
        batch = self._held[tp]
        newest = self._time_of(batch[-1])
        count = len(batch) if newest <= until else bisect_right(batch, until, key=self._time_of)
        if not count:
            return None
        self._come_to[tp] = max(self._come_to.get(tp, -math.inf), self._time_of(batch[count - 1]))
        del self._held_since[tp]
        if count == len(batch):
            return self._held.pop(tp)
        self._held[tp] = batch[count:]
        return batch[:count]
