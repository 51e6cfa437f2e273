"""Everything there is to say about one subject: what is in force, why, what would change it, and what was before."""

from collections import Counter

from msgspec import Struct

from streams.decide import verdict_of
from streams.decisions import LADDER, LIMITING, Action, Decision, SubjectKind
from streams.explaining.history import History, Subject
from streams.explaining.judgement import Judgement, judge
from streams.explaining.standing import Force, force_of
from streams.policy import Policy

SHOWN = 10
"""How many decisions of the history are told, the newest."""

_SAME = 1e-5
"""Scores are rounded to six digits; within this they are the same."""


class Case(Struct, frozen=True):
    """One decision and its evidence. `judgement` is what the policy at hand says to the decision's reasons.

    `stands`: it has neither expired nor been overtaken. `stands_harder`: the action is harder than the reasons alone
    deserve, because it stood already; `withheld`: it is milder, because the hour's cap on accounts was used up.
    `same_policy`: the policy at hand made the decision, by its version; `same_score`: its ladder gives these reasons
    the score that was decided. `without_identity` is what the ladder says to an account of the campaign that shares no
    payment; with fewer than `minimum_accounts` accounts there is no decision about a campaign.
    """

    subject_kind: SubjectKind
    subject_id: str
    sequence: int
    action: Action
    score: float
    decided_at_ms: int
    expires_at_ms: int
    policy_version: str
    model_version: str
    shadow: bool
    stands: bool
    same_policy: bool
    same_score: bool
    stands_harder: bool
    withheld: bool
    without_identity: Action | None
    minimum_accounts: int
    judgement: Judgement


class Told(Struct, frozen=True):
    """One line of the history."""

    decided_at_ms: int
    subject_kind: SubjectKind
    subject_id: str
    action: Action
    score: float
    sequence: int
    shadow: bool
    policy_version: str


class Explanation(Struct, frozen=True):
    """One subject as of `at_ms`. `forces` begins with what is hardest; what is over comes last.

    `members` and `templates` are of a campaign: how many accounts decisions have named, and how many of its templates
    are under which action. `took_in` are the campaigns that it took in. `sent` are the limited templates that an
    account uses, as far as that is known. `history` has the last of `decisions` in all.
    """

    subject_kind: SubjectKind
    subject_id: str
    at_ms: int
    policy_version: str
    forces: tuple[Force, ...]
    cases: tuple[Case, ...]
    history: tuple[Told, ...]
    decisions: int
    members: int = 0
    templates: dict[str, int] = {}
    took_in: tuple[str, ...] = ()
    sent: tuple[Force, ...] = ()


def explain(history: History, policy: Policy, at_ms: int) -> Explanation | None:
    """Explain by the decisions up to `at_ms`; None if none of them concerns the subject.

    An account and a link of one name are one subject to a gateway; the newest decision says which it is.
    """
    about = history.about(at_ms)
    kind = _kind(history, about)
    if kind is None:
        return None
    own = Subject(kind, history.subject_id)
    concerning = [own] if kind != "account" else [it for it in about if it == own or it.kind == "campaign"]
    forces = sorted((force_of(about[it], at_ms) for it in concerning if it in about), key=_hardest_first)
    decided = {(it.subject_id, it.sequence): it for subject in concerning for it in about.get(subject, ())}
    told = sorted(decided.values(), key=lambda it: (it.decided_at_ms, it.subject_id, it.sequence))
    others = [force_of(them, at_ms) for it, them in about.items() if it not in concerning]
    return Explanation(
        subject_kind=kind,
        subject_id=history.subject_id,
        at_ms=at_ms,
        policy_version=policy.version,
        forces=tuple(forces),
        cases=tuple(_case(it, policy, stands=stands) for it, stands in _telling(forces, decided, told)),
        history=tuple(_told(it) for it in told[-SHOWN:]),
        decisions=len(told),
        members=history.members(at_ms),
        templates=_templates(others) if kind == "campaign" else {},
        took_in=tuple(sorted(it.subject_id for it in others if it.heir == history.subject_id)),
        sent=tuple(it for it in sorted(others, key=_hardest_first) if kind == "account" and it.state == "enforced"),
    )


def _templates(forces: list[Force]) -> dict[str, int]:
    """How many templates are under which action, the hardest first."""
    actions = Counter(it.action for it in forces if it.subject_kind == "network" and it.state == "enforced")
    return {action: actions[action] for action in reversed(LADDER) if actions[action]}


def _kind(history: History, about: dict[Subject, list[Decision]]) -> SubjectKind | None:
    own = [subject for subject in about if subject.name == history.subject_id]
    if own:
        return max(own, key=lambda it: about[it][-1].decided_at_ms).kind
    if not about:
        return None
    belongs = any(decision.campaign_id == history.subject_id for them in about.values() for decision in them)
    return "campaign" if belongs else "account"


def _hardest_first(force: Force) -> tuple[int, int, int, str]:
    states = ("enforced", "observed", "shadow", "taken_in", "released", "expired")
    return states.index(force.state), -LADDER.index(force.action), -force.until_ms, force.subject_id


def _telling(
    forces: list[Force], decided: dict[tuple[str, int], Decision], told: list[Decision]
) -> list[tuple[Decision, bool]]:
    """The decisions whose evidence is to be told: those that stand, or else the last one that gave reasons."""
    live = [it for it in forces if it.state in {"enforced", "observed", "shadow"}]
    found = [(decided[it.subject_id, it.sequence], True) for it in live]
    return found or [(it, False) for it in told if it.reasons][-1:]


def _case(decision: Decision, policy: Policy, *, stands: bool) -> Case:
    ladder = policy.account if decision.subject_kind == "account" else policy.campaign
    judgement = judge(decision.reasons, ladder)
    deserved = 0 if judgement.action is None else LADDER.index(judgement.action)
    same_score = abs(decision.score - judgement.score) < _SAME
    as_decided = decision.policy_version == policy.version and same_score
    elsewhere = [it for it in decision.reasons if it.family != "identity"]
    return Case(
        subject_kind=decision.subject_kind,
        subject_id=decision.subject_id,
        sequence=decision.sequence,
        action=decision.action,
        score=decision.score,
        decided_at_ms=decision.decided_at_ms,
        expires_at_ms=decision.expires_at_ms,
        policy_version=decision.policy_version,
        model_version=decision.model_version,
        shadow=decision.shadow,
        stands=stands,
        same_policy=decision.policy_version == policy.version,
        same_score=same_score,
        stands_harder=as_decided and LADDER.index(decision.action) > deserved,
        withheld=as_decided and decision.action == "observe" and judgement.action in LIMITING,
        without_identity=verdict_of(elsewhere, ladder).action,
        minimum_accounts=ladder.minimum_accounts,
        judgement=judgement,
    )


def _told(decision: Decision) -> Told:
    return Told(
        decided_at_ms=decision.decided_at_ms,
        subject_kind=decision.subject_kind,
        subject_id=decision.subject_id,
        action=decision.action,
        score=decision.score,
        sequence=decision.sequence,
        shadow=decision.shadow,
        policy_version=decision.policy_version,
    )
