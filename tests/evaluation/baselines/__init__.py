"""What others would do: detectors from practice and from papers, for the same traffic and the same judge.

Each looks at events in order of time and gives accounts a score. Each gets its best threshold in hindsight: the lowest
that keeps wrongly limited accounts within the bar, which nobody could know beforehand. So it is flattered, and what it
misses it misses for want of evidence, not of tuning.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from streams.events import RequestEvent
from tests.evaluation.baselines.counting import PerAccount, PerAddress, PerTemplate
from tests.evaluation.baselines.half_space_trees import AnomalousWindows
from tests.evaluation.baselines.mmd import Discrepancy
from tests.evaluation.baselines.prada import Normality


class Scorer(Protocol):
    """A detector without a threshold."""

    def take(self, event: RequestEvent) -> Iterable[tuple[str, float]]:
        """Take one event; accounts and the scores that it gives them. The higher, the guiltier."""


BASELINES: Mapping[str, Callable[[], Scorer]] = {
    "rate limit per account": PerAccount,
    "rate limit per address": PerAddress,
    "accounts per prompt hash": PerTemplate,
    "half-space trees": AnomalousWindows,
    "PRADA": Normality,
    "MMD": Discrepancy,
}
