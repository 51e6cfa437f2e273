"""Decisions against the truth."""

from agents.demo.ledger import Ledger
from agents.demo.snapshot import Score
from streams.decisions import Action, Decision, Reason, SubjectKind
from streams.scenarios import Truth

RELAY = [Truth(f"relay-{number}", "campaign:relay", "relay") for number in range(3)]
STUDENT = Truth("student", "look_alike:classroom")
CUSTOMER = Truth("customer", "benign")
PAID_TOGETHER = Reason("accounts_per_payment", "identity", "They pay together.", 3.0, 2.0, 1.0)


def decision(
    kind: SubjectKind,
    subject: str,
    action: Action,
    members: tuple[str, ...] = (),
    *,
    at_ms: int = 100,
    shadow: bool = False,
) -> Decision:
    return Decision(
        decision_id="d",
        subject_kind=kind,
        subject_id=subject,
        action=action,
        reasons=() if action == "release" else (PAID_TOGETHER,),
        score=0.9,
        decided_at_ms=at_ms,
        expires_at_ms=at_ms + 1_000,
        policy_version="1",
        model_version="1",
        shadow=shadow,
        sequence=1,
        members=members,
    )


def ledger() -> Ledger:
    """Three relay accounts with an exchange at 50, 100 and 150 each, a student and a customer."""
    known = Ledger()
    known.meet([*RELAY, STUDENT, CUSTOMER], [(it.account_id, at_ms) for at_ms in (50, 100, 150) for it in RELAY])
    return known


def test_an_exchange_at_the_moment_of_the_limit_or_later_did_not_pass() -> None:
    known = ledger()
    known.take(decision("campaign", "c-1", "throttle", ("relay-0", "relay-1")))

    assert known.score() == Score(
        campaign_accounts=3, caught=2, exchanges=9, passed=1 + 1 + 3, innocents=2, look_alikes=1
    )


def test_the_first_limit_of_an_account_counts() -> None:
    known = ledger()
    known.take(decision("account", "relay-0", "challenge", at_ms=60))
    known.take(decision("campaign", "c-1", "suspend", ("relay-0",), at_ms=160))

    assert known.score().passed == 1 + 3 + 3


def test_to_be_observed_or_decided_about_in_shadow_limits_nobody() -> None:
    known = ledger()
    known.take(decision("account", "customer", "observe"))
    known.take(decision("account", "student", "suspend", shadow=True))

    assert known.score().innocents_limited == 0


def test_innocents_that_are_limited_are_counted_look_alikes_also_by_themselves() -> None:
    known = ledger()
    known.take(decision("campaign", "c-1", "throttle", ("relay-0", "student")))
    known.take(decision("account", "customer", "throttle"))

    assert (known.score().innocents_limited, known.score().look_alikes_limited) == (2, 1)


def test_members_add_up_and_a_harder_action_is_that_of_all() -> None:
    known = ledger()
    known.take(decision("campaign", "c-1", "throttle", ("relay-0", "relay-1")))
    known.take(decision("campaign", "c-1", "suspend", ("relay-2",)))
    (campaign,) = known.campaigns()

    assert (campaign.accounts, campaign.action, campaign.reasons) == (3, "suspend", ("They pay together.",))


def test_the_largest_campaign_comes_first_and_a_released_one_not_at_all() -> None:
    known = ledger()
    known.take(decision("campaign", "c-1", "throttle", ("relay-0",)))
    known.take(decision("campaign", "c-2", "throttle", ("relay-1", "relay-2")))
    known.take(decision("campaign", "c-3", "throttle", ("student",)))
    known.take(decision("campaign", "c-3", "release"))

    assert [it.campaign_id for it in known.campaigns()] == ["c-2", "c-1"]
