"""Campaigns as cases: what decisions have said of each so far, and which of them changed something."""

from collections.abc import Iterable, Iterator
from heapq import heappop, heappush
from typing import Literal

from msgspec import Struct, field
from msgspec.structs import replace

from streams.decisions import Decision
from streams.enforcement import InForce, names_an_heir
from streams.reviewing import REVIEWER

Activity = Literal["create", "update", "close"]
Ending = Literal["expired", "released", "taken_in"]


class Template(Struct):
    """A template of a campaign that was decided about: when first, and the decision that counts."""

    first_ms: int
    newest: Decision


class Case(Struct):
    """One campaign by its decisions.

    `members` are all accounts that they named, with when each was named first, `templates` its limited templates by
    link, `took_in` the campaigns that it took in, and when. `newest` is the decision that counts, `judged` the last
    that gave reasons. `new_members` and `new_templates` are those that no change has told yet, or has told otherwise.
    """

    campaign_id: str
    first: Decision | None = None
    newest: Decision | None = None
    judged: Decision | None = None
    members: dict[str, int] = field(default_factory=dict)
    templates: dict[str, Template] = field(default_factory=dict)
    took_in: dict[str, int] = field(default_factory=dict)
    is_open: bool = False
    new_members: list[str] = field(default_factory=list)
    new_templates: dict[str, None] = field(default_factory=dict)

    @property
    def is_taken_in(self) -> bool:
        """Whether another campaign speaks for it now."""
        return self.newest is not None and names_an_heir(self.newest)

    @property
    def modified_ms(self) -> int:
        """When something was decided last about it or its templates."""
        decided = [it.newest.decided_at_ms for it in self.templates.values()]
        return max([*decided, *self.took_in.values(), 0 if self.newest is None else self.newest.decided_at_ms])


class Change(Struct, frozen=True):
    """A change of a campaign, `by` a decision about it or its template; one that expired by the clock.

    `decision` is the one about the campaign that counts. `what` changed, in words. `accounts` and `templates` are how
    many are known by now, `new_members` and `new_templates` those that no change has told yet, or has told otherwise.
    `first_ms` is when it was decided about first.
    """

    activity: Activity
    at_ms: int
    decision: Decision
    by: Decision
    what: tuple[str, ...]
    first_ms: int
    accounts: int
    templates: int
    new_members: tuple[str, ...] = ()
    new_templates: tuple[str, ...] = ()
    took_in: tuple[str, ...] = ()
    ending: Ending | None = None


class Cases:
    """All campaigns by the decisions so far, which come in the order in which they were made, subject by subject."""

    def __init__(self) -> None:
        """No campaign is known."""
        self._in_force = InForce()
        self._expiring: list[tuple[int, str]] = []
        self.known: dict[str, Case] = {}

    def take(self, decision: Decision) -> list[Change]:
        """Take a decision, and tell what it changed. Repeats, older ones and renewals change nothing (rule 1)."""
        if not concerns_campaigns(decision):
            return []
        is_news = self._in_force.take(replace(decision, members=(), payments=()))
        if decision.subject_kind == "network":
            return self._of_template(decision) if is_news else []
        case = self._case(decision.subject_id)
        for member in decision.members:
            if member not in case.members:
                case.members[member] = decision.decided_at_ms
                case.new_members.append(member)
        return list(self._changes(case, decision)) if is_news else []

    def take_all(self, decisions: Iterable[Decision]) -> Iterator[Change]:
        """Take all decisions up to the last of these, in order of time, with what expired meanwhile."""
        for decision in in_order(decisions):
            yield from self.expire(decision.decided_at_ms - 1)
            yield from self.take(decision)

    def is_decided(self, campaign_id: str) -> bool:
        """Whether something was decided about that campaign itself."""
        return campaign_id in self.known and self.known[campaign_id].newest is not None

    def expire(self, at_ms: int) -> list[Change]:
        """Close the campaigns that nothing is decided about any more at `at_ms`, in the order in which they expired."""
        closed = []
        while self._expiring and self._expiring[0][0] <= at_ms:
            expires_at_ms, campaign_id = heappop(self._expiring)
            case = self.known[campaign_id]
            if case.is_open and case.newest is not None and case.newest.expires_at_ms == expires_at_ms:
                closed.append(self._closed(case, "expired"))
        return closed

    def _of_template(self, decision: Decision) -> list[Change]:
        """A template that is new, or limited otherwise, changes a campaign that is open; else it is told later."""
        case = self._case(decision.campaign_id or "")
        known = case.templates.get(decision.subject_id)
        if known is None:
            known = case.templates[decision.subject_id] = Template(decision.decided_at_ms, decision)
            case.new_templates[decision.subject_id] = None
        elif (known.newest.action, known.newest.shadow) != (decision.action, decision.shadow):
            case.new_templates[decision.subject_id] = None
        is_let_go = decision.action == "release" and known.newest.action != "release"
        if is_let_go:
            case.new_templates.pop(decision.subject_id, None)
        known.newest = decision
        is_told = case.is_open and (is_let_go or decision.subject_id in case.new_templates)
        return [self._told(case, "update", ("templates",), by=decision)] if is_told else []

    def _changes(self, case: Case, decision: Decision) -> Iterator[Change]:
        before = case.newest
        if case.is_open and before is not None and before.expires_at_ms < decision.decided_at_ms:
            yield self._closed(case, "expired")
        case.first, case.newest = case.first or decision, decision
        case.judged = decision if decision.reasons else case.judged
        heappush(self._expiring, (decision.expires_at_ms, case.campaign_id))
        if case.is_taken_in and decision.campaign_id is not None:
            self._case(decision.campaign_id).took_in.setdefault(case.campaign_id, decision.decided_at_ms)
        if decision.action == "release":
            if case.is_open or before is None:
                yield self._closed(case, "taken_in" if case.is_taken_in else "released")
            return
        if before is None:
            yield self._told(case, "create", ("new",))
        elif what := (*_changed(before, decision), *self._grown(case), *([] if case.is_open else ["reopened"])):
            yield self._told(case, "update", what)
        case.is_open = True

    def _grown(self, case: Case) -> Iterable[str]:
        if case.new_members:
            yield "members"
        if case.new_templates:
            yield "templates"

    def _closed(self, case: Case, ending: Ending) -> Change:
        case.is_open = False
        return self._told(case, "close", (ending,), ending)

    def _told(
        self,
        case: Case,
        activity: Activity,
        what: tuple[str, ...],
        ending: Ending | None = None,
        by: Decision | None = None,
    ) -> Change:
        decision, first = case.newest, case.first
        if decision is None or first is None:
            raise ValueError(case.campaign_id)
        new_members, case.new_members = tuple(case.new_members), []
        new_templates, case.new_templates = tuple(case.new_templates), {}
        return Change(
            activity=activity,
            at_ms=decision.expires_at_ms if ending == "expired" else (by or decision).decided_at_ms,
            decision=decision,
            by=by or decision,
            what=what,
            first_ms=first.decided_at_ms,
            accounts=len(case.members),
            templates=sum(it.newest.action != "release" for it in case.templates.values()),
            new_members=new_members,
            new_templates=new_templates,
            took_in=tuple(case.took_in),
            ending=ending,
        )

    def _case(self, campaign_id: str) -> Case:
        return self.known.setdefault(campaign_id, Case(campaign_id))


def in_order(decisions: Iterable[Decision]) -> list[Decision]:
    """Decisions in the order in which they were made, whatever partitions they came from."""
    return sorted(decisions, key=lambda it: (it.decided_at_ms, it.subject_kind, it.subject_id, it.sequence))


def concerns_campaigns(decision: Decision) -> bool:
    """Whether a decision is about a campaign or one of its templates."""
    return decision.subject_kind == "campaign" or (decision.subject_kind == "network" and bool(decision.campaign_id))


def _changed(before: Decision, after: Decision) -> Iterator[str]:
    """What a decision says otherwise than the one before."""
    if after.model_version == REVIEWER:
        yield "confirmed"
    if before.action != after.action:
        yield "action"
    if before.shadow != after.shadow:
        yield "shadow"
    if before.limits != after.limits:
        yield "limits"
    if after.reasons and {it.signal for it in before.reasons} != {it.signal for it in after.reasons}:
        yield "reasons"
