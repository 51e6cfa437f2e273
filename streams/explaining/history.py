"""The decisions that concern one subject, out of all that were made."""

from collections.abc import Container, Iterable

from msgspec import Struct
from msgspec.structs import replace

from streams.decide import Subject
from streams.decisions import Decision
from streams.distinct import hash32
from streams.enforcement import ANEW_MS, names_an_heir

CAMPAIGN = "c-"
"""How the id of a campaign begins."""


class Pays(Struct, frozen=True):
    """How an account pays, and when it was opened."""

    payment_hash: str
    created_at_ms: int


class _Lives:
    """The decisions about one subject: a decider that has forgotten it counts from 1 again, in another life of it."""

    def __init__(self) -> None:
        self._lives: list[dict[int, Decision]] = [{}]
        self._newest_ms = 0
        self._known: set[tuple[int, int]] = set()

    def take(self, decision: Decision) -> None:
        """Keep a decision. A repeat, and another with the sequence of one that is known, changes nothing."""
        said = (decision.decided_at_ms, decision.sequence)
        if said in self._known:
            return
        self._known.add(said)
        if (
            self._lives[-1]
            and decision.decided_at_ms >= self._newest_ms + ANEW_MS
            and decision.sequence <= self.sequence
        ):
            self._lives.append({})
        self._newest_ms = max(self._newest_ms, decision.decided_at_ms)
        self._lives[-1].setdefault(decision.sequence, decision)

    @property
    def sequence(self) -> int:
        """The sequence of the newest."""
        return max(self._lives[-1])

    def until(self, at_ms: int) -> list[Decision]:
        """Those decided up to `at_ms`: life after life, each by sequence."""
        whole = [life[sequence] for life in self._lives for sequence in sorted(life)]
        return [decision for decision in whole if decision.decided_at_ms <= at_ms]


class History:
    """Takes every decision, in any order that keeps each subject's, and keeps those that concern `subject_id`.

    Of an account: its own, and those of the campaigns that name it, or how it `pays`, from then on. Of a campaign: its
    own, those of its templates and of those of campaigns that it took in, and the releases of these. Of a template: its
    own. `sends` are the `hash32` of templates that an account uses: what was decided about them concerns it. What is
    kept grows with these alone; of whom a decision names only the subject is kept, by name or as one that pays so, of
    a campaign their names, and what became of every template, as another campaign may turn out to be part of it.
    """

    def __init__(self, subject_id: str, sends: Container[int] = frozenset(), pays: Pays | None = None) -> None:
        """Nothing is known yet."""
        self.subject_id = subject_id
        self._sends = sends
        self._pays = pays
        self._payment_released_ms: list[int] = []
        self.newest_ms: int | None = None
        self._kept: dict[Subject, _Lives] = {}
        self._members: dict[str, int] = {}
        self._takes_in = subject_id.startswith(CAMPAIGN)
        self._templates: dict[Subject, _Lives] = {}
        self._taken_in: dict[str, tuple[str, int]] = {}

    def take(self, decision: Decision) -> None:
        """Keep the decision if it concerns the subject. A repeat changes nothing."""
        self.newest_ms = max(decision.decided_at_ms, self.newest_ms or 0)
        about = Subject(decision.subject_kind, decision.subject_id)
        if self._takes_in:
            self._notes_other(decision, about)
        names = self.subject_id in decision.members
        pays = self._notes_payment(decision)
        concerns = (
            names or pays or about in self._kept or self.subject_id in {decision.subject_id, decision.campaign_id}
        )
        if not (concerns or (about.kind == "network" and hash32(about.name.partition(":")[2]) in self._sends)):
            return
        if decision.subject_id == self.subject_id:
            for member in decision.members:
                self._members[member] = min(decision.decided_at_ms, self._members.get(member, decision.decided_at_ms))
        payments = decision.payments if pays else ()
        kept = replace(decision, members=(self.subject_id,) if names else (), payments=payments)
        self._kept.setdefault(about, _Lives()).take(kept)

    def _notes_other(self, decision: Decision, about: Subject) -> None:
        """Keep what may turn out to be about a campaign that the subject took in: its templates, and who took it in."""
        if about.kind == "network":
            self._templates.setdefault(about, _Lives()).take(replace(decision, reasons=()))
        elif decision.campaign_id is not None and names_an_heir(decision):
            self._taken_in[about.name] = decision.campaign_id, decision.decided_at_ms

    def _notes_payment(self, decision: Decision) -> bool:
        """Whether a campaign's decision says something of how the account pays; what a release says is noted too."""
        if self._pays is None or self._pays.payment_hash not in decision.payments:
            return False
        if decision.subject_kind == "account":
            self._payment_released_ms.append(decision.decided_at_ms)
            return False
        return True

    @property
    def created_at_ms(self) -> int:
        """When the account was opened, if it is known how it pays; else never."""
        return -1 if self._pays is None else self._pays.created_at_ms

    def payment_released_ms(self, at_ms: int) -> int:
        """When it was last taken back, up to `at_ms`, that accounts are limited for paying so (rule 9); -1 if never."""
        return max((it for it in self._payment_released_ms if it <= at_ms), default=-1)

    def take_all(self, decisions: Iterable[Decision]) -> None:
        """Take one after the other."""
        for decision in decisions:
            self.take(decision)

    @property
    def sequence(self) -> int:
        """The sequence of the newest decision about the subject itself, 0 if there is none."""
        return max((kept.sequence for about, kept in self._kept.items() if about.name == self.subject_id), default=0)

    def about(self, at_ms: int) -> dict[Subject, list[Decision]]:
        """What was decided up to `at_ms` about each subject that concerns this one, in its order."""
        concerning = {about: decided for about, kept in self._kept.items() if (decided := kept.until(at_ms))}
        for about, kept in self._templates.items():
            decided = kept.until(at_ms)
            if about not in concerning and decided and self._is_part(decided[-1].campaign_id, at_ms):
                concerning[about] = decided
        return concerning

    def _is_part(self, campaign_id: str | None, at_ms: int) -> bool:
        """Whether the subject had taken that campaign in, itself or by one that it took in."""
        passed = set()
        while campaign_id is not None and campaign_id not in passed:
            if campaign_id == self.subject_id:
                return True
            passed.add(campaign_id)
            heir, since_ms = self._taken_in.get(campaign_id, (None, 0))
            campaign_id = heir if since_ms <= at_ms else None
        return False

    def members(self, at_ms: int) -> int:
        """How many accounts the decisions about the subject, if it is a campaign, have named up to `at_ms`."""
        return sum(named_ms <= at_ms for named_ms in self._members.values())
