"""What is in force about a subject at one moment, since when and until when."""

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from streams.decisions import Action, Decision, Limits, SubjectKind, Wording
from streams.enforcement import InForce, names_an_heir
from streams.reviewing import REVIEWER

State = Literal["enforced", "observed", "shadow", "exempt", "expired", "released", "taken_in"]
"""`enforced`: gateways act on it. `observed` and `shadow`: decided, and nobody acts on it.

`exempt`: it stands, but not for the account that is explained, which a reviewer released. The rest is over.
"""

LIVE: frozenset[State] = frozenset({"enforced", "observed", "shadow"})
"""What stands."""


class Force(Struct, frozen=True):
    """How the decisions about one subject stand. `sequence` is of the decision that `action` is from.

    `since_ms` is when the action began without a break; `heir` is the campaign that took this one in; `is_reviewed`:
    a reviewer said so; `is_by_payment`: it is about an account for how that pays, and does not name it.
    """

    subject_kind: SubjectKind
    subject_id: str
    state: State
    action: Action
    since_ms: int
    until_ms: int
    sequence: int
    score: float
    limits: Limits | None = None
    wording: Wording | None = None
    campaign_id: str | None = None
    heir: str | None = None
    is_reviewed: bool = False
    is_by_payment: bool = False


def force_of(decisions: Sequence[Decision], at_ms: int) -> Force:
    """How things stand at `at_ms` by all decisions about one subject up to then, at least one, in their order."""
    newest = decisions[-1]
    gateway = InForce()
    for decision in decisions:
        gateway.take(decision)
    standing = gateway.of(newest.subject_kind, newest.subject_id, at_ms)
    heir = newest.campaign_id if names_an_heir(newest) else None
    spoken = newest if standing is None else next(it for it in reversed(decisions) if it.sequence == standing.decided)
    return Force(
        subject_kind=newest.subject_kind,
        subject_id=newest.subject_id,
        state="enforced" if standing is not None else _idle(newest, heir, at_ms),
        action=spoken.action,
        since_ms=_since(decisions, spoken),
        until_ms=newest.expires_at_ms if standing is None else standing.until_ms,
        sequence=spoken.sequence,
        score=spoken.score,
        limits=spoken.limits,
        wording=spoken.wording,
        campaign_id=spoken.campaign_id,
        heir=heir,
        is_reviewed=spoken.model_version == REVIEWER,
    )


def _idle(newest: Decision, heir: str | None, at_ms: int) -> State:
    if newest.action == "release":
        return "released" if heir is None else "taken_in"
    if at_ms >= newest.expires_at_ms:
        return "expired"
    return "shadow" if newest.shadow else "observed"


def _since(decisions: Sequence[Decision], spoken: Decision) -> int:
    """When the action of `spoken` began: each decision before it that says the same and had not expired carries it."""
    since = spoken
    for decision in reversed(decisions[: decisions.index(spoken)]):
        same = (decision.action, decision.shadow) == (spoken.action, spoken.shadow)
        if not same or decision.expires_at_ms < since.decided_at_ms:
            break
        since = decision
    return since.decided_at_ms
