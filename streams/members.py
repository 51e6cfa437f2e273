"""One account among those on a link, and how much such accounts are active together."""

from collections.abc import Sequence
from functools import reduce
from operator import or_

from msgspec import Struct

from streams.windows import DAY_MS, MINUTE_MS

RECENT_MS = 60 * DAY_MS
RIPE_HOURS = 2
REPEATS = 4
"""Uses of one template from which on an account has not just come upon it; it is named again then."""

ROUND_THE_CLOCK_HOURS = 18
LOOK_BACK_HOURS = 6
_DAY_HOURS = 24
_KEPT_HOURS = 48
_DAY_MASK = (1 << _DAY_HOURS) - 1
_KEPT_MASK = (1 << _KEPT_HOURS) - 1


class Member(Struct, array_like=True, gc=False):
    """One account on a tying link. `hours` is a bitmap of its last 48 hours over the link, newest bit 0.

    `reported` are its `uses` of the link when a finding named it last, 0 before. `since_minute` is that of the first of
    those uses, as the log has them: from an erasure on they are counted anew.
    """

    last_minute: int
    org_id: str | None
    hours: int
    uses: int = 1
    reported: int = 0
    payment_hash: str | None = None
    created_at_ms: int | None = None
    since_minute: int = 0

    @property
    def is_new(self) -> bool:
        """Whether it was opened lately, as of its newest use."""
        opened_ms = self.created_at_ms
        return opened_ms is not None and self.last_minute * MINUTE_MS - opened_ms < RECENT_MS

    def is_ripe(self, hour: int, hours: int = RIPE_HOURS) -> bool:
        """Requests over this link in at least so many different hours of the 24 up to `hour`."""
        return self.hours_at(hour).bit_count() >= hours

    def hours_at(self, hour: int) -> int:
        """The 24 hours up to `hour`, that one in bit 0; exact for as much as a day before the member's newest."""
        behind = hour - self.last_minute // 60
        shifted = self.hours << min(behind, _DAY_HOURS) if behind >= 0 else self.hours >> -behind
        return shifted & _DAY_MASK

    def note_hour(self, hour: int) -> None:
        """Add a use in this hour to the bitmap."""
        ahead = hour - self.last_minute // 60
        if ahead >= 0:
            self.hours = ((self.hours << min(ahead, _KEPT_HOURS)) | 1) & _KEPT_MASK
        elif -ahead < _KEPT_HOURS:
            self.hours |= 1 << -ahead


def round_the_clock_synchrony(members: Sequence[Member], settled_hour: int) -> float:
    """The greatest synchrony as of one of the last six settled hours with 18 active hours in the day before; else 0.

    The greatest of six, so that it does not matter in which of them somebody happened to look.
    """
    greatest = 0.0
    for hour in range(settled_hour, settled_hour - LOOK_BACK_HOURS, -1):
        hours = [member.hours_at(hour) for member in members]
        if reduce(or_, hours, 0).bit_count() >= ROUND_THE_CLOCK_HOURS:
            greatest = max(greatest, synchrony([bitmap for bitmap in hours if bitmap]))
    return greatest


def synchrony(hours: list[int]) -> float:
    """How much the members are active in the same hours, 0..1; 0 for fewer than two.

    For a random active hour of a random member: the share of the other members that are active in it too.
    Each entry is a bitmap of 24 hours.
    """
    others = len(hours) - 1
    if others < 1:
        return 0.0
    active = [sum(bitmap >> bit & 1 for bitmap in hours) for bit in range(_DAY_HOURS)]
    total = sum(active)
    return sum(count * (count - 1) for count in active) / (total * others) if total else 0.0
