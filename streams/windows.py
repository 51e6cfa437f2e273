"""Sliding windows in event time: 60 one-minute, 24 one-hour and 28 one-day buckets of five counts.

A window of N buckets as of a moment holds the bucket of that moment and the N - 1 before it, so an event stands
in "the last hour" for between 59 and 60 minutes. A late event is counted into its own bucket, wherever that still
lies inside a window, so the order of arrival never changes a count. Buckets are kept sparsely: an idle minute
costs nothing.
"""

from typing import Literal

from msgspec import Struct, field

MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000

Resolution = Literal["minutes", "hours", "days"]

SPANS: dict[Resolution, tuple[int, int]] = {
    "minutes": (MINUTE_MS, 60),
    "hours": (HOUR_MS, 24),
    "days": (DAY_MS, 28),
}
"""Resolution -> (width of a bucket in ms, buckets kept)."""


class Counts(Struct, array_like=True, gc=False):
    """What one bucket counts. Mutable: it lives inside a window and is added to in place."""

    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    errors: int = 0
    refusals: int = 0

    @property
    def tokens(self) -> int:
        """Input and output tokens together."""
        return self.input_tokens + self.output_tokens

    def add(self, other: "Counts") -> None:
        """Add `other` to this, field by field."""
        self.requests += other.requests
        self.input_tokens += other.input_tokens
        self.output_tokens += other.output_tokens
        self.errors += other.errors
        self.refusals += other.refusals


class Windows(Struct, array_like=True):
    """The sliding windows of one subject. Bucket keys are `time_ms // width`."""

    newest_ms: int = 0
    minutes: dict[int, Counts] = field(default_factory=dict)
    hours: dict[int, Counts] = field(default_factory=dict)
    days: dict[int, Counts] = field(default_factory=dict)

    def total(self, resolution: Resolution, as_of_ms: int, buckets: int | None = None) -> Counts:
        """The sum over the last `buckets` buckets (all that are kept, if None) up to and with that of `as_of_ms`."""
        width, kept = SPANS[resolution]
        last = as_of_ms // width
        first = last - (kept if buckets is None else min(buckets, kept)) + 1
        total = Counts()
        for index, counts in self.buckets(resolution).items():
            if first <= index <= last:
                total.add(counts)
        return total

    def buckets(self, resolution: Resolution) -> dict[int, Counts]:
        """The buckets of one resolution by index; may hold some that have just left the window."""
        if resolution == "minutes":
            return self.minutes
        return self.hours if resolution == "hours" else self.days
