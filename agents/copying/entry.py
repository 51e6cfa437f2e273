"""One record of a log, wherever it comes from and goes to, and the order of records of several partitions."""

import heapq
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final, Literal, Protocol

from msgspec import Struct

Word = Literal["requests", "feedback"]
WORDS: Final[tuple[Word, ...]] = ("requests", "feedback")

Place = tuple[Word, int]
"""One partition of a log."""


class Entry(Struct, frozen=True, gc=False):
    """A record as its log has it. `at_ms` is when the log took it, in milliseconds since the epoch."""

    word: Word
    partition: int
    offset: int
    at_ms: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()

    @property
    def place(self) -> Place:
        """The partition that it stands in."""
        return self.word, self.partition


class CopyError(Exception):
    """The copy cannot go on; one sentence."""


class Feed(Protocol):
    """What hands out the entries of each partition in their order."""

    async def fill(self, wanted: Sequence[Place]) -> Mapping[Place, Sequence[Entry]]:
        """The next entries of those of `wanted` that have any, at least of one; nothing once none of them has."""


async def in_order(feed: Feed, places: Sequence[Place]) -> AsyncIterator[Entry]:
    """The entries of all partitions in the order of the times at which the log took them, each partition's in its own.

    Holds no more than what the feed hands out at once of each partition. Equal times go by place, so that the same logs
    come in the same order. A clock that was set back keeps nothing waiting: the time of a partition never goes back.
    """
    waiting: dict[Place, list[Entry]] = {}
    clocks: dict[Place, int] = {}
    heads: list[tuple[int, Place]] = []
    wanted = list(places)
    while wanted or heads:
        if wanted:
            filled = await feed.fill(wanted)
            for place, entries in filled.items():
                waiting[place] = [*reversed(entries)]
                clocks[place] = max(clocks.get(place, 0), entries[0].at_ms)
                heapq.heappush(heads, (clocks[place], place))
            wanted = [it for it in wanted if it not in filled] if filled else []
            continue
        _, place = heads[0]
        left = waiting[place]
        yield left.pop()
        if left:
            clocks[place] = max(clocks[place], left[-1].at_ms)
            heapq.heapreplace(heads, (clocks[place], place))
        else:
            heapq.heappop(heads)
            wanted = [place]
