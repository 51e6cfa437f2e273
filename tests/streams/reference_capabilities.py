"""What was asked for, counted day by day with dictionaries: what the compiled folds must equal."""

from collections.abc import Collection

from streams.capabilities import CapabilityDays
from streams.events import CAPABILITIES, Capability

KEPT_DAYS = 28


def note(days: CapabilityDays, day: int, position: int, requests: int) -> None:
    """Count requests of one capability on `day`, unless that day has left the window; a new day clears out old ones."""
    counts = days.get(day)
    if counts is None:
        newest = max(max(days, default=day), day)
        if day <= newest - KEPT_DAYS:
            return
        for old in [kept for kept in days if kept <= newest - KEPT_DAYS]:
            del days[old]
        counts = days[day] = {}
    counts[position] = counts.get(position, 0) + requests


def focus(days: CapabilityDays, day: int, among: Collection[Capability]) -> tuple[Capability, float]:
    """Of `among` the capability asked for most on `day` and the day before, and its share of all requests then.

    The first of `CAPABILITIES` wins a tie; "other" with a share of 0 if none was asked for.
    """
    totals: dict[Capability, int] = {}
    for one in (day - 1, day):
        for position, requests in days.get(one, {}).items():
            name = CAPABILITIES[position]
            totals[name] = totals.get(name, 0) + requests
    candidates = [name for name in CAPABILITIES if name in among and name in totals]
    if not candidates:
        return "other", 0.0
    top = max(candidates, key=lambda name: totals[name])
    return top, totals[top] / sum(totals.values())
