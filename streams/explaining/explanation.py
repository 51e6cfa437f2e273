"""Everything there is to say about one subject: what is in force, why, what would change it, and what was before."""

from collections import Counter

from msgspec import Struct
from msgspec.structs import replace

from streams.decide import Subject, ladder_of, verdict_of
from streams.decisions import LADDER, LIMITING, Action, Decision, SubjectKind
from streams.enforcement import names_an_heir
from streams.explaining.history import History
from streams.explaining.judgement import Judgement, judge
from streams.explaining.standing import LIVE, Force, force_of
from streams.membership import Traits, speaking_of
from streams.policy import Policy

SHOWN = 10
"""How many decisions of the history are told, the newest."""

_SAME = 1e-5
"""Scores are rounded to six digits; within this they are the same."""


class Case(Struct, frozen=True):
    """One decision and its evidence. `judgement` is what the policy at hand says to the decision's reasons.

    `stands`: it has neither expired nor been overtaken. `stands_harder`: the action is harder than the reasons alone
    deserve, because it stood already; `withheld`: it is milder, because the hour's cap on accounts was used up;
    `of_everybody`: it is milder, because too few were members and the evidence is of all who were seen with the
    campaign (`streams.membership`).
    `same_policy`: the policy at hand made the decision, by its version; `same_score`: its ladder gives these reasons
    the score that was decided. `without_identity` is what the ladder says to an account of the campaign that shares no
    payment, `without_rotation` to one that rotates no wordings, `without_lifecycle` to an old one; with fewer than
    `minimum_accounts` members a campaign is throttled at most. A reviewer's decision has no reasons.
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
    of_everybody: bool
    without_identity: Action | None
    without_rotation: Action | None
    without_lifecycle: Action | None
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
    account uses, as far as that is known, none while a release keeps them from it. `history` has the last of
    `decisions` in all.
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
    paid = {it: said_ms for it, told in about.items() if (said_ms := _paid_ms(told, history, at_ms)) is not None}
    about = {it: told for it, told in about.items() if it in paid or not _is_of_payments(told)}
    kind = _kind(history, about)
    if kind is None:
        return None
    own = Subject(kind, history.subject_id)
    released_ms, exempt = _released(about.get(own, []), at_ms) if kind == "account" else (-1, False)
    concerning = [own] if kind != "account" else [it for it in about if it == own or it.kind == "campaign"]
    by_name = [it for it in concerning if it in about and (it == own or _names_after(about[it], released_ms))]
    by_payment = [it for it in concerning if it not in by_name and paid.get(it, -1) > released_ms]
    forces = [force_of(about[it], at_ms) for it in by_name]
    forces += [replace(force_of(about[it], at_ms), is_by_payment=True) for it in by_payment]
    if exempt:
        forces = [replace(it, state="exempt") if it.state in LIVE else it for it in forces]
    forces.sort(key=_hardest_first)
    every = [it for subject in concerning for it in about.get(subject, ())]
    told = sorted(every, key=lambda it: (it.decided_at_ms, it.subject_id, it.sequence))
    decided = {(it.subject_id, it.sequence): it for it in told}
    others = [force_of(them, at_ms) for it, them in about.items() if it not in concerning]
    return Explanation(
        subject_kind=kind,
        subject_id=history.subject_id,
        at_ms=at_ms,
        policy_version=policy.version,
        forces=tuple(forces),
        cases=tuple(
            _case(it, policy, stands=stands, named=_named(history, it))
            for it, stands in _telling(forces, decided, told)
        ),
        history=tuple(_told(it) for it in told[-SHOWN:]),
        decisions=len(told),
        members=history.members(at_ms),
        templates=_templates(others) if kind == "campaign" else {},
        took_in=tuple(sorted(it.subject_id for it in others if it.heir == history.subject_id)),
        sent=tuple(
            it
            for it in sorted(others, key=_hardest_first)
            if kind == "account" and not exempt and it.state == "enforced"
        ),
    )


def _released(own: list[Decision], at_ms: int) -> tuple[int, bool]:
    """When an account was released last, -1 if never: it is no member by what was decided up to then (rule 9).

    And whether that release still keeps every other decision from it.
    """
    released_ms = next((it.decided_at_ms for it in reversed(own) if it.action == "release"), -1)
    return released_ms, bool(own) and own[-1].action == "release" and at_ms < own[-1].expires_at_ms


def _names_after(decisions: list[Decision], released_ms: int) -> bool:
    return any(it.members and it.decided_at_ms > released_ms for it in decisions)


def _paid_ms(decisions: list[Decision], history: History, at_ms: int) -> int | None:
    """When a campaign said last, and nobody took back, that it is about the account for how it pays (rule 11)."""
    said: tuple[int, int] | None = None
    for decision in decisions:
        if decision.action == "release" and not names_an_heir(decision):
            said = None
        elif decision.payments and decision.opened_from_ms is not None:
            said = decision.decided_at_ms, decision.opened_from_ms
    if said is None or said[0] <= history.payment_released_ms(at_ms) or history.created_at_ms < said[1]:
        return None
    return said[0]


def _is_of_payments(decisions: list[Decision]) -> bool:
    """Whether what is kept of a campaign says of the account at most how it pays."""
    has_payments = any(it.payments for it in decisions)
    return has_payments and not any(it.members for it in decisions) and decisions[0].subject_kind == "campaign"


def _named(history: History, decision: Decision) -> int | None:
    """How many accounts a campaign had named with this decision; None unless the history is the campaign's own."""
    own = decision.subject_kind == "campaign" and decision.subject_id == history.subject_id
    return history.members(decision.decided_at_ms) if own else None


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
    states = ("enforced", "observed", "shadow", "released", "exempt", "taken_in", "expired")
    return states.index(force.state), -LADDER.index(force.action), -force.until_ms, force.subject_id


def _telling(
    forces: list[Force], decided: dict[tuple[str, int], Decision], told: list[Decision]
) -> list[tuple[Decision, bool]]:
    """The decisions whose evidence is to be told: those that stand, or else the last one that gave reasons."""
    live = [it for it in forces if it.state in LIVE]
    found = [(decided[it.subject_id, it.sequence], True) for it in live]
    return found or [(it, False) for it in told if it.reasons][-1:]


def _case(decision: Decision, policy: Policy, *, stands: bool, named: int | None) -> Case:
    ladder = ladder_of(policy, decision.subject_kind)
    judgement = judge(decision.reasons, ladder)
    deserved = 0 if judgement.action is None else LADDER.index(judgement.action)
    same_score = abs(decision.score - judgement.score) < _SAME
    as_decided = decision.policy_version == policy.version and same_score
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
        of_everybody=as_decided and _is_of_everybody(decision, judgement.action, policy, named),
        without_identity=verdict_of(speaking_of(decision.reasons, Traits(shares=False)), ladder).action,
        without_rotation=verdict_of(speaking_of(decision.reasons, Traits(rotates=False)), ladder).action,
        without_lifecycle=verdict_of(speaking_of(decision.reasons, Traits(is_new=False)), ladder).action,
        minimum_accounts=ladder.minimum_accounts,
        judgement=judgement,
    )


def _is_of_everybody(decision: Decision, deserved: Action | None, policy: Policy, named: int | None) -> bool:
    """Whether a decision about a campaign or a template is a throttle for want of members.

    The evidence tells: with members enough it would have been as hard as that, unless the model softened it.
    """
    if decision.subject_kind == "account" or decision.action != "throttle" or deserved not in {"challenge", "suspend"}:
        return False
    return policy.feedback.model != "on" or (named is not None and named < policy.campaign.minimum_accounts)


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
