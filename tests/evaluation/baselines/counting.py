"""Counting: requests of an account or an address in an hour, and accounts that share a prompt's hash in a day.

The first two are what every gateway has (fixed limits over a sliding hour, here by the minute). The third is what is
written first against shared templates; it counts our own `template_hash`, whose slots are masked, so it sees more than
a hash of the prompt would.
"""

from collections import defaultdict, deque
from collections.abc import Iterator

from streams.events import RequestEvent

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000


class PerAccount:
    """Requests of the account in the last hour."""

    def __init__(self) -> None:
        self._hours: defaultdict[str, Hour] = defaultdict(Hour)

    def take(self, event: RequestEvent) -> Iterator[tuple[str, float]]:
        """Count one request."""
        yield event.account_id, self._hours[event.account_id].count(event.occurred_at_ms)


class PerAddress:
    """Requests of the address in the last hour, whoever sends them."""

    def __init__(self) -> None:
        self._hours: defaultdict[str, Hour] = defaultdict(Hour)

    def take(self, event: RequestEvent) -> Iterator[tuple[str, float]]:
        """Count one request."""
        if event.address_hash is not None:
            yield event.account_id, self._hours[event.address_hash].count(event.occurred_at_ms)


class PerTemplate:
    """Accounts that sent the template in the last day; whoever is among them gets the count."""

    def __init__(self) -> None:
        self._seen: defaultdict[str, dict[str, int]] = defaultdict(dict)

    def take(self, event: RequestEvent) -> Iterator[tuple[str, float]]:
        """Count one account, and tell each account of the template."""
        if event.template_hash is None:
            return
        seen = self._seen[event.template_hash]
        new = event.account_id not in seen
        seen.pop(event.account_id, None)
        seen[event.account_id] = event.occurred_at_ms  # the newest stands last
        while next(iter(seen.values())) <= event.occurred_at_ms - DAY_MS:
            del seen[next(iter(seen))]
        count = len(seen)
        for account_id in seen if new else (event.account_id,):
            yield account_id, count


class Hour:
    """Requests of the last 60 minutes."""

    __slots__ = ("_minutes", "_total")

    def __init__(self) -> None:
        self._minutes: deque[list[int]] = deque()
        self._total = 0

    def count(self, at_ms: int) -> int:
        """Count a request at `at_ms`; how many there are in the hour up to it."""
        minute = at_ms // MINUTE_MS
        if not self._minutes or self._minutes[-1][0] != minute:
            self._minutes.append([minute, 0])
        self._minutes[-1][1] += 1
        self._total += 1
        while self._minutes[0][0] <= minute - 60:
            self._total -= self._minutes.popleft()[1]
        return self._total
