"""What is in force by the decisions under one prefix and under another, to know whether enforcers may be switched."""

from collections.abc import Iterable

from msgspec import Struct

from streams.decisions import LADDER, Decision
from streams.enforcement import InForce

EXEMPT = "exempt"
"""What a released account is: no decision limits it."""

PASS = "pass"  # noqa: S105  a verdict
_MILDEST_FIRST = (EXEMPT, PASS, *LADDER)


class Difference(Struct, frozen=True, order=True):
    """A subject of which the two do not say the same; each says `pass`, `exempt`, or the action in force."""

    kind: str
    name: str
    old: str
    new: str

    @property
    def is_milder(self) -> bool:
        """Whether the subject is limited less by the new decisions than by the old ones."""
        return _MILDEST_FIRST.index(self.new) < _MILDEST_FIRST.index(self.old)


class Comparison(Struct, frozen=True):
    """How many accounts and templates are limited by each, which differ, and campaigns of which only one knows.

    What a campaign limits are its members, who are compared as accounts. It may be found anew under another id.
    """

    old: int
    new: int
    differences: tuple[Difference, ...]
    campaigns: tuple[Difference, ...]


class Standings:
    """What a log of decisions comes to at one moment."""

    def __init__(self, decisions: Iterable[Decision | None]) -> None:
        """Take every decision in its order; what was none is passed over."""
        self._in_force = InForce()
        self._subjects: set[tuple[str, str]] = set()
        for decision in decisions:
            if decision is None:
                continue
            self._in_force.take(decision)
            self._subjects.update(("account", member) for member in decision.members)
            self._subjects.add((decision.subject_kind, decision.subject_id))

    def at(self, at_ms: int) -> dict[tuple[str, str], str]:
        """The action in force for each subject for which there is one; an account's also as a member of campaigns."""
        found: dict[tuple[str, str], str] = {}
        for kind, name in self._subjects:
            if kind == "account" and self._in_force.is_exempt(name, at_ms):
                found[kind, name] = EXEMPT
                continue
            if kind == "account":
                standing = self._in_force.over_account(name, at_ms)
            else:
                standing = self._in_force.of("campaign" if kind == "campaign" else "network", name, at_ms)
            if standing is not None and standing.action is not None:
                found[kind, name] = standing.action
        return found


def compare(old: Standings, new: Standings, at_ms: int) -> Comparison:
    """Hold what is in force by `new` against what is by `old`."""
    before, after = old.at(at_ms), new.at(at_ms)
    found = sorted(
        Difference(*subject, before.get(subject, PASS), after.get(subject, PASS))
        for subject in before.keys() | after.keys()
        if before.get(subject) != after.get(subject)
    )
    differences = tuple(it for it in found if it.kind != "campaign")
    campaigns = tuple(it for it in found if it.kind == "campaign" and PASS in {it.old, it.new})
    return Comparison(_limited(before), _limited(after), differences, campaigns)


def _limited(standings: dict[tuple[str, str], str]) -> int:
    return sum(action != EXEMPT and kind != "campaign" for (kind, _), action in standings.items())
