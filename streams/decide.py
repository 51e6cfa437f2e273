"""From reasons to an action: the policy's ladder. Deciding is not enforcing; every decision expires."""

import hashlib
import math
from collections.abc import Iterable
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from streams.accounts import Enforcement
from streams.decisions import LADDER, LIMITING, Action, Decision, Limits, Reason, SubjectKind, Wording
from streams.policy import Ladder, Policy, Rung
from streams.windows import HOUR_MS, MINUTE_MS


class Budget(Struct, array_like=True):
    """How many accounts decisions newly limited in event-time hour `hour`: the blast radius."""

    hour: int = 0
    used: int = 0

    def left(self, at_ms: int, cap: int) -> int:
        """How many more this hour may take. An hour in the past shares the budget of the newest."""
        if at_ms // HOUR_MS > self.hour:
            self.hour, self.used = at_ms // HOUR_MS, 0
        return max(0, cap - self.used)


class Subject(NamedTuple):
    """Whom a decision is about."""

    kind: SubjectKind
    name: str


class Verdict(Struct, frozen=True):
    """What the ladder says to a set of reasons."""

    action: Action | None
    score: float
    reasons: tuple[Reason, ...]


def verdict_of(reasons: Iterable[Reason], ladder: Ladder) -> Verdict:
    """The hardest rung that score and number of families allow.

    Log-odds add up (Good, "Probability and the Weighing of Evidence", 1950), the strongest reason of each family
    alone: reasons of one family are not independent, so the second of a family adds nothing.
    """
    ordered = tuple(sorted(reasons, key=lambda reason: (-reason.weight, reason.signal)))
    strongest: dict[str, float] = {}
    for reason in ordered:
        strongest.setdefault(reason.family, reason.weight)
    score = 1 / (1 + math.exp(-(ladder.prior + sum(strongest.values()))))
    action: Action | None = None
    for rung_action, rung in ladder.rungs:
        if score >= rung.score and len(strongest) >= rung.families:
            action = rung_action
    return Verdict(action, round(score, 6), ordered)


def ladder_of(policy: Policy, kind: SubjectKind) -> Ladder:
    """The ladder of accounts, or that of campaigns, which is that of their templates too."""
    return policy.account if kind == "account" else policy.campaign


def rung_of(ladder: Ladder, action: Action) -> Rung:
    """The rung that leads to `action`; a release, which is no rung, is remembered as long as an observation."""
    return dict(ladder.rungs).get(action, ladder.observe)


def harder(current: Enforcement, action: Action, at_ms: int) -> Action:
    """The harder of `action` and what is in force: news about a subject never softens what stands."""
    standing = action_of(current) if at_ms < current.expires_at_ms else "release"
    return max(standing, action, key=LADDER.index)


def both(one: Enforcement, other: Enforcement, at_ms: int) -> Enforcement:
    """Of two, as far as they limit: the harder action until the later of their times."""
    limiting = [it for it in (one, other) if is_limited(it, at_ms)]
    hardest = max(limiting, key=lambda it: LADDER.index(action_of(it)), default=Enforcement())
    return replace(hardest, expires_at_ms=max((it.expires_at_ms for it in limiting), default=0))


def is_due(
    current: Enforcement, action: Action, at_ms: int, ladder: Ladder, *, shadow: bool, hours: int | None = None
) -> bool:
    """True if `action` is news: harder than what is in force, or past the middle of its time and still deserved.

    Its time is `hours`, if given, else that of its rung. Where what stands is in shadow and `action` would not be, it
    is news as well: nobody enforces what stands.
    """
    if at_ms >= current.expires_at_ms or is_only_shadow(current, shadow=shadow):
        return True
    if LADDER.index(action) != LADDER.index(action_of(current)):
        return LADDER.index(action) > LADDER.index(action_of(current))
    hours = rung_of(ladder, action).expires_hours if hours is None else hours
    return current.expires_at_ms - at_ms <= hours * HOUR_MS // 2


def is_only_shadow(current: Enforcement, *, shadow: bool) -> bool:
    """Whether what was decided last is in shadow, though decisions are not any more."""
    return current.shadow and not shadow


def is_limited(current: Enforcement, at_ms: int) -> bool:
    """True while an action that slows or stops the subject is in force."""
    return at_ms < current.expires_at_ms and action_of(current) in LIMITING


def is_exempt(current: Enforcement, at_ms: int) -> bool:
    """True while a reviewer's word keeps the subject from being limited: a release that has not expired."""
    return at_ms < current.expires_at_ms and action_of(current) == "release"


def limits_of(rung: Rung, among: int = 1) -> Limits | None:
    """The limits of a throttle, shared out `among` so many subjects; None for every other rung."""
    if rung.requests is None or rung.tokens is None or rung.window_minutes is None:
        return None
    return Limits(-(-rung.requests // among), -(-rung.tokens // among), rung.window_minutes * MINUTE_MS)


def decide(  # noqa: PLR0913  a decision has this many independent facts
    current: Enforcement,
    subject: Subject,
    *,
    action: Action,
    verdict: Verdict,
    at_ms: int,
    source: str,
    policy: Policy,
    model_version: str,
    members: tuple[str, ...] = (),
    campaign_id: str | None = None,
    among: int = 1,
    wording: Wording | None = None,
    until_ms: int | None = None,
    payments: tuple[str, ...] = (),
    opened_from_ms: int | None = None,
) -> tuple[Enforcement, Decision]:
    """Make the next decision about a subject, and what is in force from then on.

    `source` names the input that caused it (stage, partition and offset): the same input gives the same id.
    `among`: of so many subjects that share the limits of a throttle this is one.
    `campaign_id` is the campaign to look at from then on, a campaign's own unless another is named.
    `until_ms` is when the decision expires, if not after the time of its rung. `payments` are told with
    `opened_from_ms`: whoever pays so and was opened then or later counts as a member.
    """
    own = subject.name if subject.kind == "campaign" else None
    rung = rung_of(ladder_of(policy, subject.kind), action)
    sequence = current.sequence + 1
    expires_at_ms = at_ms + rung.expires_hours * HOUR_MS if until_ms is None else until_ms
    if action in LIMITING and is_limited(current, at_ms):
        expires_at_ms = max(expires_at_ms, current.expires_at_ms)  # a reviewer may have had it stay longer
    decision = Decision(
        decision_id=decision_id(*subject, policy.version, source, sequence),
        subject_kind=subject.kind,
        subject_id=subject.name,
        campaign_id=own if campaign_id is None else campaign_id,
        members=members,
        action=action,
        limits=limits_of(rung, among) if action == "throttle" else None,
        wording=wording,
        reasons=verdict.reasons,
        score=verdict.score,
        decided_at_ms=at_ms,
        expires_at_ms=expires_at_ms,
        policy_version=policy.version,
        model_version=model_version,
        shadow=policy.shadow,
        sequence=sequence,
        payments=payments,
        opened_from_ms=opened_from_ms if payments else None,
    )
    return Enforcement(action, expires_at_ms, sequence, policy.shadow), decision


def decision_id(*parts: str | int) -> str:
    """32 hexadecimal digits that follow from the subject, the policy version and the input alone."""
    text = "\x1f".join(str(part) for part in parts)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16, person=b"sw-decision").hexdigest()


def action_of(current: Enforcement) -> Action:
    """The action that was decided last; a release if none was."""
    return next((action for action in LADDER if action == current.action), "release")
