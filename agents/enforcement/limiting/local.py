"""Limits that this process counts by itself, for a bounded number of subjects."""

import time
from collections import OrderedDict
from collections.abc import Callable

from msgspec import Struct

from agents.enforcement.limiting.counters import LimitCounters
from streams.decisions import Limits
from streams.enforcement.asking import Room
from streams.enforcement.gcra import Meter, capped, charged, drained, is_near, take

SUBJECTS = 100_000
"""How many subjects are counted at once, at about 500 bytes each; the one that asked longest ago is forgotten first."""


class Counted(Struct):
    """What is used of the limits of one subject."""

    limits: Limits
    meter: Meter


def monotonic_us() -> int:
    """Microseconds of a clock that never goes back."""
    return time.monotonic_ns() // 1000


class LocalLimiter:
    """A `Limiter` of this process. It never waits and never fails."""

    def __init__(
        self,
        *,
        subjects: int = SUBJECTS,
        clock: Callable[[], int] = monotonic_us,
        counters: LimitCounters | None = None,
    ) -> None:
        """`clock` tells microseconds. Raises ValueError if there are no subjects."""
        if subjects < 1:
            raise ValueError("A limiter counts at least one subject.")
        self._subjects = subjects
        self._clock = clock
        self._counters = counters
        self._counted: OrderedDict[str, Counted] = OrderedDict()

    async def take(self, key: str, limits: Limits, tokens: int) -> Room:
        """The same as `take_now`."""
        return self.take_now(key, limits, tokens)

    def take_now(self, key: str, limits: Limits, tokens: int) -> Room:
        """Take one request of so many tokens, if the limits of `key` leave it. Fewer than none are none."""
        tokens = max(0, tokens)
        counted = self._of(key, limits)
        meter, room = take(counted.meter, limits, self._clock(), 1, tokens)
        counted.meter = meter
        if self._counters is not None:
            self._counters.answered("local", admitted=room.admitted, is_near=is_near(meter, limits))
        return Room(room.admitted, room.remaining, room.retry_after_ms, is_local=True)

    def note(self, key: str, limits: Limits, tokens: int) -> None:
        """Count one request that somebody else admitted. It keeps nobody waiting for longer than a window."""
        counted = self._of(key, limits)
        before = drained(counted.meter, limits, self._clock())
        after = capped(charged(before, limits, 1, tokens), limits)
        counted.meter = Meter(after.at_us, max(before.requests, after.requests), max(before.tokens, after.tokens))

    def _of(self, key: str, limits: Limits) -> Counted:
        counted = self._counted.get(key)
        if counted is not None and counted.limits == limits:
            self._counted.move_to_end(key)
            return counted
        counted = self._counted[key] = Counted(limits, Meter())
        self._counted.move_to_end(key)
        if len(self._counted) > self._subjects:
            self._counted.popitem(last=False)
        return counted
