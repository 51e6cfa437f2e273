"""What would have to change: the smallest sets of reasons without which the ladder says something milder."""

from collections.abc import Iterator, Sequence

from msgspec import Struct

from streams.decide import verdict_of
from streams.decisions import LADDER, Action, Reason
from streams.policy import Ladder


class Way(Struct, frozen=True):
    """Reasons that would have to go, by their positions, and what the ladder says to those that stay."""

    without: tuple[int, ...]
    action: Action | None
    score: float


class Change(Struct, frozen=True):
    """All smallest ways to `action` or milder; None is no action at all."""

    action: Action | None
    ways: tuple[Way, ...]


def changes_of(reasons: Sequence[Reason], ladder: Ladder) -> tuple[Change, ...]:
    """Of each milder action, and of none, the smallest sets of reasons whose absence leads there or further.

    Exact, but for what `streams.membership` leaves out of a company: `verdict_of` judges what stays. An action is left
    out whose ways all lead further, to the next one named. Whether a reason goes because its figure fell below its
    baseline or was never true makes no difference.
    """
    verdict = verdict_of(reasons, ladder)
    changes: list[Change] = []
    for target in _milder(verdict.action):
        change = Change(target, _smallest(reasons, ladder, target))
        if changes and changes[-1].ways == change.ways:
            changes.pop()
        changes.append(change)
    return tuple(changes)


def _milder(action: Action | None) -> tuple[Action | None, ...]:
    """The actions that are milder, the hardest of them first, and none."""
    below = LADDER[1 : LADDER.index(action)] if action is not None else ()
    return (*reversed(below), None) if action is not None else ()


def _smallest(reasons: Sequence[Reason], ladder: Ladder, target: Action | None) -> tuple[Way, ...]:
    """Every set of the smallest size without which the ladder says `target` or milder.

    Of a family only the strongest counts, so a smallest set holds, of each family, the strongest and what comes next.
    """
    families: dict[str, list[int]] = {}
    for position in sorted(range(len(reasons)), key=lambda it: (-reasons[it].weight, reasons[it].signal)):
        families.setdefault(reasons[position].family, []).append(position)
    for size in range(len(reasons) + 1):
        ways = []
        for gone in _leading(list(families.values()), size):
            stays = [reason for position, reason in enumerate(reasons) if position not in gone]
            verdict = verdict_of(stays, ladder)
            if _rank(verdict.action) <= _rank(target):
                ways.append(Way(tuple(sorted(gone)), verdict.action, verdict.score))
        if ways:
            return tuple(sorted(ways, key=lambda way: way.without))
    return ()


def _leading(families: list[list[int]], size: int) -> Iterator[frozenset[int]]:
    """Every set of `size` positions that has of each family the first ones."""
    if not families:
        if size == 0:
            yield frozenset()
        return
    first, *others = families
    for count in range(min(size, len(first)) + 1):
        for rest in _leading(others, size - count):
            yield rest | frozenset(first[:count])


def _rank(action: Action | None) -> int:
    return 0 if action is None else LADDER.index(action)
