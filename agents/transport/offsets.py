"""Where reading starts and how far it may be committed: offsets, with no Kafka behind them."""

from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping

from faust.types import TP
from msgspec import Struct


class OutsideLog(Struct, frozen=True):
    """An offset to resume from that the log does not have: it holds `beginning` (included) to `end` (excluded)."""

    tp: TP
    asked: int
    beginning: int
    end: int

    @property
    def is_cut_short(self) -> bool:
        """True if the log ends before the offset; else it begins after it."""
        return self.asked > self.end

    @property
    def resumed(self) -> int:
        """Where reading starts: at the beginning of what is left, or behind all of it, which was read before."""
        return self.end if self.is_cut_short else self.beginning

    @property
    def sentence(self) -> str:
        """Say what happened and what follows, for an engineer who reads the log at night."""
        if self.is_cut_short:
            cause = "the log was cut short, and what it holds was read before"
        else:
            cause = f"{self.beginning - self.asked} records were removed before they were read"
        return (
            f"{self.tp.topic} partition {self.tp.partition} was to be read from offset {self.asked}, but its log holds "
            f"{self.beginning} to {self.end}: {cause}. Reading starts at {self.resumed}."
        )


ResumeOffsets = Callable[[Mapping[TP, int]], Awaitable[Mapping[TP, int]]]
"""From where the consumer group would start each assigned partition, to where to start it instead.

A partition left out of the answer starts where the group would. Called at least once after every rebalance,
before the first batch. What it raises ends the worker, so an outage that will pass is waited for inside, for less than
`broker_request_timeout`."""

ReportOutsideLog = Callable[[OutsideLog], Awaitable[None]]
"""Told of an offset outside the log before reading starts where `OutsideLog.resumed` says.

A store then forgets what it holds of the partition: otherwise its fence takes re-read records for duplicates, or waits
for records that are gone."""


async def as_committed(starts: Mapping[TP, int]) -> Mapping[TP, int]:
    """Resume where the consumer group would: the `ResumeOffsets` of an app that registers none."""
    return starts


class Delivered:
    """The batches of one partition that were handed out, each by its last offset, in the order they were."""

    def __init__(self) -> None:
        self._waiting: deque[int] = deque()
        self._acked: set[int] = set()
        self.committable: int | None = None
        """One past the last record of the longest run of acknowledged batches; None before the first."""

    def add(self, last: int) -> None:
        """Note that the batch ending at offset `last` was handed out."""
        self._waiting.append(last)

    def acknowledge(self, lasts: Iterable[int]) -> None:
        """Note that the batches ending at `lasts` are done, in whatever order; move `committable` as far as it goes."""
        self._acked.update(lasts)
        while self._waiting and self._waiting[0] in self._acked:
            last = self._waiting.popleft()
            self._acked.discard(last)
            self.committable = last + 1
