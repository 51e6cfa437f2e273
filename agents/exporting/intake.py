"""Which records of the log are decisions to tell others of: those that an enforcer would take."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Literal

from agents.enforcement.following import LONGEST_MS
from agents.exporting.cases import concerns_campaigns
from agents.signing import Headers, Refused, RefusedFor, Verifier
from streams.decisions import Decision
from streams.enforcement.freshness import EARLY_MS

LeftOut = RefusedFor | Literal["overlong", "early"]
"""Why a record is left out."""

WHY: dict[LeftOut, str] = {
    "unsigned": "not signed",
    "unknown_key": "signed with a key that is not trusted",
    "bad_signature": "wrongly signed",
    "garbage": "unreadable",
    "overlong": "in force for longer than any policy allows",
    "early": "from the future",
}


class Intake:
    """Takes records as an enforcer does, and counts by reason what it leaves out."""

    def __init__(self, verifier: Verifier, clock: Callable[[], int]) -> None:
        self._verifier = verifier
        self._clock = clock
        self.left_out: Counter[LeftOut] = Counter()

    def decision(self, key: bytes | None, value: bytes | None, headers: Headers) -> Decision | None:
        """The decision in a record about a campaign or one of its templates; None where it is another, or none."""
        verified = self._verifier.verify(key, value, headers)
        if isinstance(verified, Refused):
            self.left_out[verified.reason] += 1
            return None
        decision = verified.decision
        if decision.expires_at_ms - decision.decided_at_ms > LONGEST_MS:
            self.left_out["overlong"] += 1
            return None
        if decision.decided_at_ms > self._clock() + EARLY_MS:
            self.left_out["early"] += 1
            return None
        return decision if concerns_campaigns(decision) else None

    def sentences(self) -> Iterator[str]:
        """What was left out, for a person."""
        for reason, count in sorted(self.left_out.items()):
            yield f"{count} record{'s' if count > 1 else ''} on the topic {_are(count)} {WHY[reason]}: left out."


def _are(count: int) -> str:
    return "are" if count > 1 else "is"
