"""What people are told about campaigns: of all decisions so far, the alerts that stand at a moment, and those over.

One alert a campaign. What makes an alert another one is its `Identity`; all else about it may change while it stands:
it grows, and it is decided again. Whoever keeps alerts believes of each what it was told last, until the time it was
told then. So an alert that ended earlier is told as over until that time has passed. What is told depends on the
decisions and the moment alone: whoever missed any of it, on either side, needs only the next.
"""

from typing import Literal

from msgspec import Struct, field
from msgspec.structs import replace

from streams.decisions import LIMITING, Action, Decision, Reason
from streams.enforcement import InForce, names_an_heir
from streams.enforcement.in_force import KEPT_MS

Severity = Literal["page", "ticket", "none"]
"""page: somebody looks now. ticket: somebody looks in working hours. none: nobody is told, and it can be looked up."""


class Identity(Struct, frozen=True):
    """What makes two alerts two."""

    campaign_id: str
    action: Action
    severity: Severity
    shadow: bool


class Alert(Struct, frozen=True, kw_only=True):
    """One alert. `until_ms` is when it ends; one that is over ended by then, and `over` says why in a few words.

    `since_ms` is when the campaign was first limited without a break. `members` are how many accounts the decisions
    about the campaign name so far, but for those that a reviewer released since.
    """

    identity: Identity
    since_ms: int
    until_ms: int
    members: int
    reasons: tuple[Reason, ...] = ()
    over: str | None = None


class _Standing(Struct, frozen=True):
    """An alert as the last decision leaves it, until its time is over."""

    identity: Identity
    since_ms: int
    until_ms: int
    reasons: tuple[Reason, ...]


class _Ended(Struct, frozen=True):
    """An alert that ended before `told_until_ms`, until when it was told to stand."""

    since_ms: int
    ended_ms: int
    told_until_ms: int
    why: str


class _Known(Struct):
    """What is known of one campaign: the decision that counts, its members and when each was last named, its alerts."""

    decision: Decision | None = None
    members: dict[str, int] = field(default_factory=dict)
    standing: _Standing | None = None
    ended: dict[Identity, _Ended] = field(default_factory=dict)


class CampaignBook:
    """Takes decisions, in any order that keeps each subject's, and says which alerts there are.

    A campaign that is challenged or suspended and has `large` members or more is a page; one that is only one of the
    two is a ticket. What else is throttled, and all that is in shadow, has an alert that nobody is told of.
    """

    def __init__(self, large: int) -> None:
        """No campaign is known."""
        self._large = large
        self._in_force = InForce(shadow=True)
        self._campaigns: dict[str, _Known] = {}
        self._released: dict[str, int] = {}

    def take(self, decision: Decision) -> bool:
        """Take a decision; whether it may change an alert. A repeat changes nothing."""
        if decision.subject_kind == "account" and decision.action == "release":
            newest_ms = self._released.get(decision.subject_id, -1)
            self._released[decision.subject_id] = max(newest_ms, decision.decided_at_ms)
            return decision.decided_at_ms > newest_ms
        if decision.subject_kind != "campaign":
            return False
        known = self._campaigns.setdefault(decision.subject_id, _Known())
        is_news = any(known.members.get(it, -1) < decision.decided_at_ms for it in decision.members)
        for member in decision.members:
            known.members[member] = max(decision.decided_at_ms, known.members.get(member, -1))
        counting = replace(decision, members=(), payments=())
        if self._in_force.take(counting):
            known.decision, is_news = counting, True
        if is_news:
            self._restate(known, decision.decided_at_ms)
        return is_news

    def alerts(self, at_ms: int) -> tuple[Alert, ...]:
        """The alerts that stand at `at_ms`, milliseconds since the epoch, and those over that are still believed."""
        told: list[Alert] = []
        for known in self._campaigns.values():
            standing = known.standing
            if standing is not None and at_ms >= standing.until_ms:
                standing = None
            over = [it for it in known.ended if at_ms < known.ended[it].told_until_ms]
            if standing is None and not over:
                continue
            members = self._members(known)
            if standing is not None:
                told.append(
                    Alert(
                        identity=standing.identity,
                        since_ms=min(standing.since_ms, at_ms),
                        until_ms=standing.until_ms,
                        members=members,
                        reasons=standing.reasons,
                    )
                )
            for identity in over:
                if standing is None or identity != standing.identity:
                    ended = known.ended[identity]
                    until_ms = min(ended.ended_ms, at_ms)
                    told.append(
                        Alert(
                            identity=identity,
                            since_ms=min(ended.since_ms, until_ms),
                            until_ms=until_ms,
                            members=members,
                            over=ended.why,
                        )
                    )
        return tuple(told)

    def forget(self, at_ms: int) -> None:
        """Drop what is over and older than the log keeps decisions."""
        before_ms = at_ms - KEPT_MS
        self._in_force.forget(at_ms)
        for campaign_id, known in list(self._campaigns.items()):
            decision = known.decision
            if decision is None or (decision.decided_at_ms < before_ms and decision.expires_at_ms <= at_ms):
                del self._campaigns[campaign_id]
        for account_id in [it for it, released_ms in self._released.items() if released_ms < before_ms]:
            del self._released[account_id]

    def _members(self, known: _Known) -> int:
        """How many members it has, without those that a reviewer released since they were named (rule 9)."""
        if not self._released:
            return len(known.members)
        return sum(named_ms > self._released.get(it, -1) for it, named_ms in known.members.items())

    def _restate(self, known: _Known, at_ms: int) -> None:
        """Say which alert stands from now on, and keep the one before if it ends before the time it was told."""
        before = known.standing
        known.standing = after = self._standing(known)
        if before is None:
            return
        goes_on = after is not None and after.identity == before.identity
        if goes_on and after is not None and after.until_ms >= before.until_ms:
            return
        earlier = known.ended.get(before.identity)
        known.ended[before.identity] = _Ended(
            since_ms=before.since_ms,
            ended_ms=after.until_ms if goes_on and after is not None else at_ms,
            told_until_ms=max(before.until_ms, 0 if earlier is None else earlier.told_until_ms),
            why="expired" if goes_on else _why(known.decision, after),
        )

    def _standing(self, known: _Known) -> _Standing | None:
        """The alert that the decision which counts makes, for as long as it is in force."""
        decision, before = known.decision, known.standing
        if decision is None or decision.action not in LIMITING:
            return None
        is_hard, is_large = decision.action != "throttle", len(known.members) >= self._large
        severity: Severity = "page" if is_hard and is_large else "ticket" if is_hard or is_large else "none"
        stood = before is not None and decision.decided_at_ms < before.until_ms
        return _Standing(
            Identity(decision.subject_id, decision.action, "none" if decision.shadow else severity, decision.shadow),
            before.since_ms if before is not None and stood else decision.decided_at_ms,
            decision.expires_at_ms,
            decision.reasons or (before.reasons if before is not None else ()),
        )


def _why(decision: Decision | None, after: _Standing | None) -> str:
    """Why an alert is over, in a few words."""
    if decision is None or decision.action == "observe":
        return "only watched now"
    if after is not None:
        return f"goes on as {decision.action}{' in shadow' if decision.shadow else ''}"
    return f"taken in by {decision.campaign_id}" if names_an_heir(decision) else "released"
