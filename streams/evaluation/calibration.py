"""Whether scores mean what they say: of the accounts with score 0.7, seven in ten should be guilty."""

from collections.abc import Iterable, Sequence

from streams.evaluation.intervals import interval
from streams.evaluation.results import Calibration, ReliabilityBin

BINS = 10


def calibration(scored: Iterable[tuple[float, bool]]) -> Calibration | None:
    """Reliability over ten bins of equal width; None if nobody was scored.

    `scored` is the score of each account about which there was a decision, and whether it is guilty. A score of 1
    belongs to the last bin. The Brier score is the mean of the squared distance from score to truth (G. W. Brier,
    Monthly Weather Review 78, 1950).
    """
    ordered = list(scored)
    if not ordered:
        return None
    bins: list[list[tuple[float, bool]]] = [[] for _ in range(BINS)]
    for score, is_guilty in ordered:
        bins[min(int(score * BINS), BINS - 1)].append((score, is_guilty))
    found = [_bin(place, inside) for place, inside in enumerate(bins) if inside]
    return _calibration(found, sum((score - is_guilty) ** 2 for score, is_guilty in ordered) / len(ordered))


def pooled(each: Sequence[Calibration]) -> Calibration | None:
    """The accounts of several runs taken together; None of none."""
    accounts = sum(it.accounts for it in each)
    if not accounts:
        return None
    bins = []
    for low in sorted({it.low for one in each for it in one.bins}):
        same = [it for one in each for it in one.bins if it.low == low]
        guilty = interval(sum(it.guilty.count for it in same), sum(it.guilty.of for it in same))
        mean = sum(it.mean_score * it.guilty.of for it in same) / guilty.of
        bins.append(ReliabilityBin(low, same[0].high, mean, guilty))
    return _calibration(bins, sum(it.brier * it.accounts for it in each) / accounts)


def _bin(place: int, inside: Sequence[tuple[float, bool]]) -> ReliabilityBin:
    return ReliabilityBin(
        place / BINS,
        (place + 1) / BINS,
        sum(score for score, _ in inside) / len(inside),
        interval(sum(is_guilty for _, is_guilty in inside), len(inside)),
    )


def _calibration(bins: Sequence[ReliabilityBin], brier: float) -> Calibration:
    """With the expected calibration error: distances of mean score and share guilty, weighted by accounts.

    After M. P. Naeini, G. F. Cooper and M. Hauskrecht, "Obtaining Well Calibrated Probabilities Using Bayesian
    Binning", AAAI 2015.
    """
    accounts = sum(it.guilty.of for it in bins)
    error = sum(it.guilty.of * abs(it.mean_score - it.guilty.share) for it in bins) / accounts
    return Calibration(accounts, tuple(bins), error, brier)
