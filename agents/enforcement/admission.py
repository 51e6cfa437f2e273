"""Which records of decisions are taken at all, and how each is counted."""

from collections.abc import Callable
from typing import Final

from agents import clock as clocks
from agents.enforcement.metrics import Source, Taken
from agents.signing import Headers, Refused, Verifier
from streams.decisions import OPENED_BEFORE_DAYS, Decision, SubjectKind
from streams.enforcement import age
from streams.enforcement.in_force import ANEW_MS
from streams.policy import LONGEST_EXPIRY_MS
from streams.windows import DAY_MS

MOST_TOLD: Final = 200_000
"""Of so many subjects a repeat is known as one."""


class Admission:
    """Lets in what the decider signed, unless it is from the future, or reaches further than any decision of ours.

    That is in force for longer, or about accounts that were opened longer before, for how they pay.

    Every record is counted with `count`: by its age among what its source told, or by why it is not let in.
    """

    def __init__(
        self, verifier: Verifier, count: Callable[[Taken, Source], None], clock: Callable[[], int] = clocks.now_ms
    ) -> None:
        self._verifier = verifier
        self._count = count
        self._clock = clock
        self._told: dict[tuple[Source, SubjectKind, str], tuple[int, int]] = {}
        """What each source told last of each subject, the newest last: its sequence, and when it was decided."""

    def admit(self, key: bytes | None, value: bytes | None, headers: Headers, source: Source) -> Decision | None:
        """The decision of a record; None if nobody is to act on it."""
        verified = self._verifier.verify(key, value, headers)
        if isinstance(verified, Refused):
            self._count(verified.reason, source)
            return None
        decision, now_ms = verified.decision, self._clock()
        opened_ms = decision.opened_from_ms if decision.payments else None
        reaches_back = opened_ms is not None and decision.decided_at_ms - opened_ms > OPENED_BEFORE_DAYS * DAY_MS
        if reaches_back or decision.expires_at_ms - decision.decided_at_ms > LONGEST_EXPIRY_MS:
            self._count("overlong", source)
            return None
        self._count(self._age(decision, source, now_ms), source)
        return None if age(decision, 0, now_ms) == "early" else decision

    def _age(self, decision: Decision, source: Source, now_ms: int) -> Taken:
        """Its age among what its own source told: what the other told as well is no repeat."""
        subject = source, decision.subject_kind, decision.subject_id
        sequence, decided_at_ms = self._told.get(subject, (0, 0))
        begins_anew = decision.decided_at_ms - decided_at_ms >= ANEW_MS
        if begins_anew or decision.sequence > sequence:
            self._told.pop(subject, None)
            self._told[subject] = decision.sequence, decision.decided_at_ms
            if len(self._told) > MOST_TOLD:
                del self._told[next(iter(self._told))]
        return age(decision, 0 if begins_anew else sequence, now_ms)
