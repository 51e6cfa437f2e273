"""river's half-space trees alone, on windows of accounts.

S. C. Tan, K. M. Ting and T. F. Liu, "Fast anomaly detection for streaming data", IJCAI 2011, in river's implementation
with its defaults but for 25 trees of height 8 over windows of 1,000. Scored and learnt at each tenth request of an
account, by what its last day looks like.
"""

from collections.abc import Hashable, Iterator
from math import log10

from river.anomaly import HalfSpaceTrees

from streams.events import RequestEvent

EVERY = 10
FEWEST = 30
DAY_MS, HOUR_MS = 86_400_000, 3_600_000
LARGEST_LOG = 6.0


class AnomalousWindows:
    """The anomaly score of the account's day."""

    def __init__(self) -> None:
        names = ("requests", "tokens", "templates", "conversations", "addresses", "hours", "capability", "errors")
        limits: dict[Hashable, tuple[float, float]] = dict.fromkeys(names, (0.0, 1.0))
        self._trees = HalfSpaceTrees(n_trees=25, height=8, window_size=1_000, limits=limits, seed=1)
        self._days: dict[str, list[RequestEvent]] = {}

    def take(self, event: RequestEvent) -> Iterator[tuple[str, float]]:
        """Take one event; every tenth is scored, once there are thirty."""
        day = self._days.setdefault(event.account_id, [])
        day.append(event)
        if len(day) < FEWEST or len(day) % EVERY:
            return
        if day[0].occurred_at_ms <= event.occurred_at_ms - DAY_MS:
            day[:] = [it for it in day if it.occurred_at_ms > event.occurred_at_ms - DAY_MS]
        window = _features(day)
        yield event.account_id, float(self._trees.score_one(window))
        self._trees.learn_one(window)


def _features(day: list[RequestEvent]) -> dict[str, float]:
    """The day as numbers of 0 to 1."""
    count = len(day)
    asked = [event.capability for event in day]
    return {
        "requests": min(1.0, log10(count + 1) / LARGEST_LOG),
        "tokens": min(1.0, log10(sum(event.input_tokens + event.output_tokens for event in day) + 1) / 9),
        "templates": len({event.template_hash for event in day}) / count,
        "conversations": len({event.conversation_id for event in day}) / count,
        "addresses": min(1.0, log10(len({event.address_hash for event in day}) + 1) / 3),
        "hours": len({event.occurred_at_ms // HOUR_MS for event in day}) / 25,
        "capability": max(map(asked.count, set(asked))) / count,
        "errors": sum(event.status_code >= 400 for event in day) / count,
    }
