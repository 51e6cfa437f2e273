"""Exact intervals, and the curve of precision over recall."""

from collections.abc import Iterable

from scipy.special import betaincinv

from streams.evaluation.results import Interval, Point

CONFIDENCE = 0.95


def interval(count: int, of: int) -> Interval:
    """`count` of `of` with its Clopper-Pearson interval; of nobody, anything is possible: 0 to 1."""
    tail = (1 - CONFIDENCE) / 2
    low = float(betaincinv(count, of - count + 1, tail)) if count > 0 else 0.0
    high = float(betaincinv(count + 1, of - count, 1 - tail)) if count < of else 1.0
    return Interval(count, of, count / of if of else 0.0, low, high)


def precision_recall(scored: Iterable[tuple[float, bool]]) -> tuple[Point, ...]:
    """Recall and precision at each threshold, from the highest score down; one point for equal scores.

    `scored` is each account's score and whether it is guilty; those with score 0 count as guilty that were not found,
    and as innocents that were left in peace. Empty if nobody is guilty.
    """
    ordered = sorted(scored, reverse=True)
    guilty = sum(is_guilty for _, is_guilty in ordered)
    points, true = [], 0
    for found, (score, is_guilty) in enumerate(ordered, start=1):
        if score <= 0 or not guilty:
            break
        true += is_guilty
        if found == len(ordered) or ordered[found][0] != score:
            points.append(Point(true / guilty, true / found))
    return tuple(points)


def average_precision(points: Iterable[Point]) -> float:
    """The sum of precision times the recall gained at each point, as scikit-learn defines it."""
    area = before = 0.0
    for point in points:
        area += (point.x - before) * point.y
        before = point.x
    return area
