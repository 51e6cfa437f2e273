"""The decisions that concern one subject, out of all that were made."""

from collections.abc import Container, Iterable

from msgspec import Struct
from msgspec.structs import replace

from streams.decisions import Decision, SubjectKind
from streams.distinct import hash32


class Subject(Struct, frozen=True):
    """Whom decisions are about."""

    kind: SubjectKind
    name: str


class History:
    """Takes every decision, in any order that keeps each subject's, and keeps those that concern `subject_id`.

    Of an account: its own, and those of the campaigns that name it from then on. Of a campaign: its own, those of its
    templates, and the releases of campaigns that it took in. Of a template: its own. `sends` are the `hash32` of
    templates that an account uses: what was decided about them concerns it. What is kept grows with these alone; of
    the members of a decision only the subject itself is kept, and of a campaign their names.
    """

    def __init__(self, subject_id: str, sends: Container[int] = frozenset()) -> None:
        """Nothing is known yet."""
        self.subject_id = subject_id
        self._sends = sends
        self.newest_ms: int | None = None
        self._kept: dict[Subject, dict[int, Decision]] = {}
        self._members: dict[str, int] = {}

    def take(self, decision: Decision) -> None:
        """Keep the decision if it concerns the subject. A repeat changes nothing."""
        self.newest_ms = max(decision.decided_at_ms, self.newest_ms or 0)
        about = Subject(decision.subject_kind, decision.subject_id)
        names = self.subject_id in decision.members
        concerns = names or about in self._kept or self.subject_id in {decision.subject_id, decision.campaign_id}
        if not (concerns or (about.kind == "network" and hash32(about.name.partition(":")[2]) in self._sends)):
            return
        if decision.subject_id == self.subject_id:
            for member in decision.members:
                self._members[member] = min(decision.decided_at_ms, self._members.get(member, decision.decided_at_ms))
        kept = replace(decision, members=(self.subject_id,) if names else ())
        self._kept.setdefault(about, {}).setdefault(decision.sequence, kept)

    def take_all(self, decisions: Iterable[Decision]) -> None:
        """Take one after the other."""
        for decision in decisions:
            self.take(decision)

    @property
    def sequence(self) -> int:
        """The sequence of the newest decision about the subject itself, 0 if there is none."""
        return max((max(kept) for about, kept in self._kept.items() if about.name == self.subject_id), default=0)

    def about(self, at_ms: int) -> dict[Subject, list[Decision]]:
        """What was decided up to `at_ms` about each subject that concerns this one, by sequence."""
        found = {}
        for about, kept in self._kept.items():
            decided = [kept[sequence] for sequence in sorted(kept) if kept[sequence].decided_at_ms <= at_ms]
            if decided:
                found[about] = decided
        return found

    def members(self, at_ms: int) -> int:
        """How many accounts the decisions about the subject, if it is a campaign, have named up to `at_ms`."""
        return sum(named_ms <= at_ms for named_ms in self._members.values())
