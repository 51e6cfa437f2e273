"""Which records of the log are decisions to tell others of: those that an enforcer would take."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

from agents.enforcement.admission import Admission
from agents.enforcement.metrics import Source, Taken
from agents.exporting.cases import concerns_campaigns
from agents.signing import Headers, Verifier
from streams.decisions import Decision

WHY: Final[dict[Taken, str]] = {
    "unsigned": "not signed",
    "unknown_key": "signed with a key that is not trusted",
    "bad_signature": "wrongly signed",
    "garbage": "unreadable",
    "overlong": "further-reaching than any policy allows",
    "early": "from the future",
}


class Intake:
    """Takes records as an enforcer does, and counts by reason what it leaves out."""

    def __init__(self, verifier: Verifier, clock: Callable[[], int]) -> None:
        self._admission = Admission(verifier, self._count, clock)
        self.left_out: Counter[Taken] = Counter()

    def decision(self, key: bytes | None, value: bytes | None, headers: Headers) -> Decision | None:
        """The decision in a record about a campaign or one of its templates; None where it is another, or none."""
        decision = self._admission.admit(key, value, headers, "log")
        return decision if decision is not None and concerns_campaigns(decision) else None

    def sentences(self) -> Iterator[str]:
        """What was left out, for a person."""
        for reason, count in sorted(self.left_out.items()):
            yield f"{count} record{'s' if count > 1 else ''} on the topic {_are(count)} {WHY[reason]}: left out."

    def _count(self, outcome: Taken, _source: Source) -> None:
        if outcome in WHY:
            self.left_out[outcome] += 1


def _are(count: int) -> str:
    return "are" if count > 1 else "is"
