"""What follows from a reviewer's verdict about a subject: it is let go for a time, or what is in force stays longer."""

from streams.accounts import Enforcement
from streams.decide import Subject, Verdict, action_of, decide, is_exempt, is_limited, ladder_of, rung_of
from streams.decisions import Action, Decision, Wording
from streams.feedback import Word
from streams.policy import LONGEST_EXPIRY_HOURS, Ladder, Policy
from streams.windows import DAY_MS, HOUR_MS

REVIEWER = "reviewer"
"""The `model_version` of a decision that a reviewer made."""


def review(  # noqa: PLR0913  as of `decide`
    current: Enforcement,
    subject: Subject,
    *,
    word: Word,
    at_ms: int,
    source: str,
    policy: Policy,
    campaign_id: str | None = None,
    among: int = 1,
    wording: Wording | None = None,
    payment: str | None = None,
) -> tuple[Enforcement, Decision] | None:
    """The decision that a verdict given at `at_ms` leads to, and what is in force from then on; None if none follows.

    `innocent`: a release, whose expiry is the end of the exemption. `confirmed`: what limits the subject is said again
    and stays for a multiple of its time; a subject that was called innocent before is watched again.
    A release tells the `payment` of an account, so that nobody is limited for paying so by what was decided before.
    """
    action, until_ms = _consequence(current, word, at_ms, ladder_of(policy, subject.kind), policy)
    if action is None:
        return None
    return decide(
        current,
        subject,
        action=action,
        verdict=Verdict(action, 0.0 if word == "innocent" else 1.0, ()),
        at_ms=at_ms,
        source=source,
        policy=policy,
        model_version=REVIEWER,
        campaign_id=campaign_id,
        among=among,
        wording=wording,
        until_ms=until_ms,
        payments=() if payment is None or action != "release" else (payment,),
    )


def exempt_until(word: Word, at_ms: int, policy: Policy) -> int:
    """Until when a subject must not be limited because of a verdict given at `at_ms`."""
    return at_ms + policy.feedback.exempt_days * DAY_MS if word == "innocent" else at_ms


def _consequence(
    current: Enforcement, word: Word, at_ms: int, ladder: Ladder, policy: Policy
) -> tuple[Action | None, int]:
    if word == "innocent":
        return "release", exempt_until(word, at_ms, policy)
    if is_limited(current, at_ms):
        action = action_of(current)
        hours = min(policy.feedback.extend_times * rung_of(ladder, action).expires_hours, LONGEST_EXPIRY_HOURS)
        return action, max(current.expires_at_ms, at_ms + hours * HOUR_MS)
    if is_exempt(current, at_ms):
        return "observe", at_ms + ladder.observe.expires_hours * HOUR_MS
    return None, 0
