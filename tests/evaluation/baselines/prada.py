"""PRADA: are the distances between an account's requests distributed as those of ordinary use?

M. Juuti, S. Szyller, S. Marchal and N. Asokan, "PRADA: protecting against DNN model stealing attacks", EuroS&P 2019.
For each request the least distance to the account's earlier requests of the same class enters a set D; the set of
earlier requests grows only by those that are farther away than mean less standard deviation; D without its outliers
(three standard deviations) is put to the Shapiro-Wilk test. They call an attack where W falls below a threshold, once D
has 100 members; the score here is 1 - W. Their classes are the classifier's labels and their distances those of images:
here they are the capability asked for and the distance of sketches. At most 150 earlier requests a class are kept.
"""

from collections.abc import Iterator
from statistics import fmean, pstdev

from msgspec import Struct, field
from scipy.stats import shapiro

from streams.events import RequestEvent
from tests.evaluation.baselines.sketches import Words, distance, words_of

FEWEST = 100
EVERY = 20
MOST_KEPT = 150
MOST_DISTANCES = 1_000


class _Account(Struct):
    distances: list[float] = field(default_factory=list)
    kept: dict[str, list[Words]] = field(default_factory=dict)
    nearest: dict[str, list[float]] = field(default_factory=dict)


class Normality:
    """One minus the statistic W of the account's distances."""

    def __init__(self) -> None:
        self._accounts: dict[str, _Account] = {}

    def take(self, event: RequestEvent) -> Iterator[tuple[str, float]]:
        """Take one event; every twentieth distance is followed by a test, once there are a hundred."""
        words = words_of(event)
        if words is None:
            return
        account = self._accounts.setdefault(event.account_id, _Account())
        kept = account.kept.setdefault(event.capability, [])
        if not kept:
            kept.append(words)
            return
        nearest = min(distance(words, it) for it in kept)
        of_class = account.nearest.setdefault(event.capability, [])
        threshold = max(0.0, fmean(of_class) - pstdev(of_class)) if of_class else 0.0
        if nearest > threshold and len(kept) < MOST_KEPT:
            kept.append(words)
            of_class.append(nearest)
        account.distances.append(nearest)
        del account.distances[:-MOST_DISTANCES]
        if len(account.distances) >= FEWEST and len(account.distances) % EVERY == 0:
            yield event.account_id, _abnormality(account.distances)


def _abnormality(distances: list[float]) -> float:
    mean, spread = fmean(distances), pstdev(distances)
    inliers = [it for it in distances if abs(it - mean) <= 3 * spread]
    if max(inliers) == min(inliers):
        return 1.0
    return 1.0 - float(shapiro(inliers).statistic)
