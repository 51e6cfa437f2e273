"""How many different values in the last hours, in bounded space, exact while there are few.

A bottom-k sketch (Bar-Yossef et al., "Counting distinct elements in a data stream", RANDOM 2002) read as a theta
sketch (Dasgupta et al., "A Framework for Estimating Stream Expression Cardinalities", ICDT 2016): values hash to
32 bits, the `CAPACITY` smallest hashes are kept, and the smallest that was dropped is the ceiling theta. Each kept
hash carries the hour it was last seen, which makes the sketch slide. Up to `CAPACITY` values the answer is exact;
beyond, the standard error is about 1 / sqrt(CAPACITY), 12 % at the default. After a flood the ceiling rises again,
once a window; values that it turned away until then count from the next time they are seen.
"""

from collections.abc import Iterable

import xxhash
from msgspec import Struct, field

CAPACITY = 64
_FULL = 1 << 32


def hash32(value: str) -> int:
    """The 32 bits that stand for a value in sketches."""
    return xxhash.xxh32_intdigest(value.encode("utf-8", "surrogatepass"))


class Distinct(Struct, array_like=True):
    """Distinct values of one kind for one subject; `seen` maps a 32-bit hash to the hour it was last seen in.

    `ceiling_hour` is the hour in which `ceiling` was last looked at.
    """

    seen: dict[int, int] = field(default_factory=dict)
    ceiling: int = _FULL
    swept_hour: int = 0
    ceiling_hour: int = 0

    def add(self, value: str, hour: int, *, window_hours: int = 24, capacity: int = CAPACITY) -> bool:
        """Note `value` in event-time hour `hour`; True if that changed anything.

        A late sighting never makes a value older than it is.
        """
        return self.add_hash(hash32(value), hour, window_hours=window_hours, capacity=capacity)

    def add_hash(self, key: int, hour: int, *, window_hours: int = 24, capacity: int = CAPACITY) -> bool:
        """As `add`, of a value's `hash32`."""
        seen = self.seen
        last = seen.get(key)
        if last is not None:
            if hour <= last:
                return False
            seen[key] = hour
            return True
        raised = key >= self.ceiling and hour - self.ceiling_hour >= window_hours
        if raised:
            self._raise_ceiling(hour, window_hours, capacity)
        if key >= self.ceiling:
            return raised
        self.seen[key] = hour
        if len(self.seen) > capacity:
            self._shrink(hour, window_hours, capacity)
        return True

    def add_hashes(self, keys: Iterable[int], hour: int, *, window_hours: int = 24, capacity: int = CAPACITY) -> bool:
        """As `add_hash`, of each of `keys` in any order; True if that changed anything."""
        changed = False
        if hour - self.ceiling_hour >= window_hours and self.ceiling != _FULL:
            for key in sorted(keys):
                changed |= self.add_hash(key, hour, window_hours=window_hours, capacity=capacity)
            return changed
        seen, ceiling = self.seen, self.ceiling
        for key in keys:
            if key < ceiling and seen.get(key, -1) < hour:
                seen[key] = hour
                changed = True
        if len(seen) > capacity:
            self._shrink(hour, window_hours, capacity)
        return changed

    def ceiling_at(self, hour: int, *, window_hours: int = 24) -> int:
        """The hash from which on `add_hashes` in `hour` takes none into account."""
        return _FULL if hour - self.ceiling_hour >= window_hours else self.ceiling

    def count(self, hour: int, *, window_hours: int = 24) -> int:
        """Distinct values of the `window_hours` hours up to and with `hour`; exact while the sketch never filled."""
        first = hour - window_hours + 1
        live = sum(1 for last in self.seen.values() if last >= first)
        return live if self.ceiling == _FULL else round(live * _FULL / self.ceiling)

    def _shrink(self, hour: int, window_hours: int, capacity: int) -> None:
        """Once an hour forget what has left the window; if that is not enough, drop the largest hashes."""
        seen = self.seen
        if hour > self.swept_hour:
            self.swept_hour = hour
            for key in [key for key, last in seen.items() if last <= hour - window_hours]:
                del seen[key]
        if len(seen) > capacity:
            dropped = sorted(seen)[capacity:]
            self.ceiling, self.ceiling_hour = dropped[0], max(hour, self.ceiling_hour)
            for key in dropped:
                del seen[key]

    def _raise_ceiling(self, hour: int, window_hours: int, capacity: int) -> None:
        """Nothing was dropped for a whole window: make room for what came back, to fill half the sketch."""
        self.seen = {key: last for key, last in self.seen.items() if last > hour - window_hours}
        self.ceiling_hour = hour
        if len(self.seen) < capacity // 2:
            self.ceiling = min(_FULL, self.ceiling * capacity // (2 * max(1, len(self.seen))))
