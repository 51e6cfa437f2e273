"""A gateway's rules, one by one."""

from typing import Any

import pytest

from streams.decisions import Action, Limits, Wording
from streams.enforcement import Ask, InForce, Standing
from streams.enforcement.in_force import ANEW_MS, KEPT_MS
from streams.events import LATEST_MS
from tests.streams.evaluation.deciding import MINUTE, decision


def action(standing: Standing | None) -> Action | None:
    return None if standing is None else standing.action


def subject(standing: Standing | None) -> str | None:
    return None if standing is None else standing.subject_id


@pytest.mark.parametrize("action", ["throttle", "challenge", "suspend"])
def test_a_decision_limits_its_account_until_it_expires(action: Action) -> None:
    gateway = InForce()
    gateway.take(decision(action, "a", 0, expires_at_ms=100))
    assert gateway.over_account("a", 99) is not None
    assert gateway.over_account("a", 100) is None
    assert gateway.over_account("b", 99) is None


def test_a_shadow_and_an_observation_limit_nobody() -> None:
    gateway = InForce()
    gateway.take(decision("suspend", "a", 0, shadow=True))
    gateway.take(decision("observe", "b", 0))
    assert gateway.over_account("a", 1) is None
    assert gateway.over_account("b", 1) is None


def test_the_highest_sequence_counts_whatever_comes_last() -> None:
    gateway = InForce()
    gateway.take(decision("release", "a", 5, sequence=2))
    gateway.take(decision("suspend", "a", 0, sequence=1))
    assert gateway.over_account("a", 6) is None


def test_a_campaign_limits_all_members_that_were_ever_named() -> None:
    gateway = InForce()
    gateway.take(decision("observe", "c", 0, members=("a",)))
    gateway.take(decision("suspend", "c", 1, sequence=2, members=("b",)))
    assert gateway.over_account("a", 2) is not None
    assert gateway.over_account("b", 2) is not None


def test_members_of_an_older_decision_are_kept_though_it_does_not_count() -> None:
    gateway = InForce()
    gateway.take(decision("suspend", "c", 1, sequence=2, members=("b",)))
    gateway.take(decision("observe", "c", 0, sequence=1, members=("a",)))
    assert gateway.over_account("a", 2) is not None


def test_the_hardest_decision_about_an_account_counts() -> None:
    gateway = InForce()
    gateway.take(decision("throttle", "a", 0, limits=Limits(5, 5, MINUTE)))
    gateway.take(decision("suspend", "c", 0, members=("a",)))
    assert action(gateway.over_account("a", 1)) == "suspend"


def test_a_request_in_other_words_is_limited_with_the_template_that_it_resembles() -> None:
    gateway = InForce()
    link, worded = "template:t", Wording("0a0b0c0d", 0.6)
    gateway.take(decision("suspend", link, 0, subject_kind="network", wording=worded, expires_at_ms=MINUTE))
    alike, other = "0a0b0c0x", "0a0b0x0y"
    asked = [Ask("a", "u", sketch) for sketch in ("0a0b0c0d", alike, other, None)]
    assert [subject(gateway.over_request(ask, 1)) for ask in asked] == [link, link, None, None]
    assert subject(gateway.over_request(Ask("a", "t", other), 1)) == link
    assert gateway.over_request(Ask("a", "t", alike), MINUTE) is None


def test_of_several_templates_a_request_resembles_the_hardest_limited_counts_then_its_own() -> None:
    gateway = InForce()
    actions: tuple[Action, ...] = ("throttle", "throttle", "challenge")
    for number, action in enumerate(actions):
        worded = Wording(f"0a0b0c{number}d", 0.5)
        gateway.take(decision(action, f"template:{number}", 0, subject_kind="network", wording=worded))
    assert subject(gateway.over_request(Ask("a", "1", "0a0b0c0d"), 1)) == "template:2"
    gateway.take(decision("release", "template:2", 1, 2, subject_kind="network"))
    assert subject(gateway.over_request(Ask("a", "1", "0a0b0c0d"), 1)) == "template:1"


def test_the_wording_of_the_decision_that_counts_is_the_one_that_counts() -> None:
    gateway = InForce()
    gateway.take(decision("suspend", "template:t", 0, subject_kind="network", wording=Wording("0a0b", 0.5)))
    gateway.take(decision("suspend", "template:t", 1, 2, subject_kind="network"))
    assert gateway.over_request(Ask("a", "u", "0a0b"), 1) is None
    assert subject(gateway.over_request(Ask("a", "t", "0a0b"), 1)) == "template:t"


def test_a_campaign_that_was_taken_in_counts_for_a_minute_more() -> None:
    gateway = InForce()
    gateway.take(decision("suspend", "c", 0, members=("a",)))
    gateway.take(decision("release", "c", 1_000, sequence=2, members=(), campaign_id="heir"))
    assert gateway.over_account("a", 60_999) is not None
    assert gateway.over_account("a", 61_000) is None


def test_a_released_campaign_is_released_at_once() -> None:
    gateway = InForce()
    gateway.take(decision("suspend", "c", 0, members=("a",)))
    gateway.take(decision("release", "c", 1_000, sequence=2, members=(), campaign_id="c"))
    assert gateway.over_account("a", 1_000) is None


def test_a_release_of_an_account_lets_it_go_from_campaigns_and_links_until_it_expires() -> None:
    gateway = InForce()
    gateway.take(decision("suspend", "c", 0, members=("a", "b")))
    gateway.take(decision("suspend", "template:t", 0, subject_kind="network"))
    gateway.take(decision("release", "a", 5, expires_at_ms=100))
    gateway.take(decision("suspend", "c", 6, sequence=2, members=("a",)))
    assert gateway.over_account("a", 99) is gateway.over_request(Ask("a", "t"), 99) is None
    assert action(gateway.over_account("b", 99)) == action(gateway.over_request(Ask("b", "t"), 99)) == "suspend"
    assert gateway.over_account("a", 100) is not None
    assert gateway.over_request(Ask("a", "t"), 100) is not None


@pytest.mark.parametrize("released_first", [True, False])
def test_a_released_account_is_no_member_by_what_was_decided_before(released_first: bool) -> None:
    gateway = InForce()
    decisions = [decision("suspend", "c", 5, members=("a", "b")), decision("release", "a", 5, expires_at_ms=10)]
    for it in reversed(decisions) if released_first else decisions:
        gateway.take(it)
    assert gateway.over_account("a", 11) is None
    assert gateway.over_account("b", 11) is not None


def test_a_shadow_release_lets_go_and_a_later_decision_about_the_account_ends_it() -> None:
    gateway = InForce()
    gateway.take(decision("suspend", "c", 6, members=("a",)))
    gateway.take(decision("release", "a", 5, expires_at_ms=100, shadow=True))
    assert gateway.over_account("a", 7) is None
    gateway.take(decision("observe", "a", 8, sequence=2))
    assert gateway.over_account("a", 8) is not None


def test_a_released_account_may_send_what_is_limited_and_others_may_not() -> None:
    gateway = InForce()
    gateway.take(decision("suspend", "template:t", 0, subject_kind="network"))
    gateway.take(decision("release", "a", 5, expires_at_ms=100))
    answers = [action(gateway.over_request(Ask("a", "t"), at_ms)) for at_ms in (99, 100)]
    assert (answers, action(gateway.over_request(Ask("b", "t"), 99))) == ([None, "suspend"], "suspend")


def test_a_template_that_a_reviewer_releases_is_let_go_at_once_though_it_names_its_campaign() -> None:
    gateway = InForce()
    gateway.take(decision("suspend", "template:t", 0, subject_kind="network", campaign_id="c"))
    gateway.take(decision("release", "template:t", 5, sequence=2, subject_kind="network", campaign_id="c"))
    assert gateway.over_request(Ask("a", "t"), 5) is None


def test_an_account_a_campaign_and_a_link_of_one_name_are_three_subjects() -> None:
    gateway = InForce()
    gateway.take(decision("suspend", "template:t", 0))
    gateway.take(decision("throttle", "template:t", 0, subject_kind="network"))
    gateway.take(decision("challenge", "template:t", 0, members=("b",)))
    assert action(gateway.over_account("template:t", 1)) == "suspend"
    assert action(gateway.over_request(Ask("a", "t"), 1)) == "throttle"
    assert action(gateway.over_account("b", 1)) == "challenge"


def test_what_is_news_is_told_from_what_is_not() -> None:
    gateway = InForce()
    assert gateway.take(decision("suspend", "a", 0, 2))
    assert not gateway.take(decision("suspend", "a", 0, 2))
    assert not gateway.take(decision("release", "a", 0, 1))
    assert gateway.take(decision("release", "a", 0, 3))


def test_if_shadow_were_lifted_what_is_in_shadow_counts() -> None:
    gateway = InForce(shadow=True)
    gateway.take(decision("suspend", "a", 0, shadow=True))
    gateway.take(decision("observe", "b", 0, shadow=True))
    assert action(gateway.over_account("a", 1)) == "suspend"
    assert gateway.over_account("b", 1) is None


def test_what_is_over_is_forgotten_after_ninety_days_and_what_stands_is_not() -> None:
    gateway = InForce()
    wording = Wording("0a0b", 0.5)
    gateway.take(decision("suspend", "template:t", 0, subject_kind="network", wording=wording, expires_at_ms=MINUTE))
    gateway.take(decision("suspend", "c", 0, members=("a",), expires_at_ms=MINUTE))
    gateway.take(decision("suspend", "b", 0))
    gateway.take(decision("release", "d", 0, expires_at_ms=MINUTE))
    gateway.forget(KEPT_MS)
    assert not gateway.take(decision("suspend", "c", 0, members=("a",)))
    gateway.forget(KEPT_MS + 1)
    assert action(gateway.over_account("b", KEPT_MS + 1)) == "suspend"
    gateway.take(decision("suspend", "c", KEPT_MS + 1))
    assert gateway.over_account("a", KEPT_MS + 2) is None
    assert gateway.over_request(Ask("a", "u", "0a0b"), 1) is None
    assert gateway.take(decision("suspend", "d", KEPT_MS + 1))


def test_whom_the_decider_had_forgotten_it_may_count_from_one_again_a_day_later() -> None:
    gateway = InForce()
    gateway.take(decision("release", "a", 0, 57, expires_at_ms=MINUTE))
    assert not gateway.take(decision("suspend", "a", ANEW_MS - 1, 1))
    assert gateway.latest("account", "a", ANEW_MS - 1) == 57
    assert gateway.latest("account", "a", ANEW_MS) == 0
    assert gateway.take(decision("suspend", "a", ANEW_MS, 1))
    assert action(gateway.over_account("a", ANEW_MS)) == "suspend"
    assert not gateway.take(decision("release", "a", 0, 57, expires_at_ms=MINUTE * 9))


def paying(payment: str | None, opened_ms: int | None, account: str = "new") -> Ask:
    return Ask(account, payment_hash=payment, account_created_at_ms=opened_ms)


def test_who_pays_as_a_member_and_was_opened_after_it_was_found_is_limited_with_the_campaign() -> None:
    gateway = InForce()
    limits = Limits(5, 5, MINUTE)
    gateway.take(decision("throttle", "c", 50, members=("a",), payments=("card",), opened_from_ms=40, limits=limits))
    found = gateway.over_payment(paying("card", 40), 60)
    assert found is not None
    assert (found.subject_kind, found.subject_id, found.limits) == ("campaign", "c", limits)
    asked = [paying("card", 39), paying("other", 40), paying("card", None), paying(None, 40)]
    assert [gateway.over_payment(it, 60) for it in asked] == [None] * 4
    gateway.take(decision("release", "c", 70, 2, members=()))
    assert gateway.over_payment(paying("card", 40), 70) is None


def test_of_two_campaigns_that_paid_so_the_harder_limited_counts_and_each_for_its_own_later_accounts() -> None:
    gateway = InForce()
    gateway.take(decision("throttle", "c", 10, members=("a",), payments=("card",), opened_from_ms=10))
    gateway.take(decision("suspend", "d", 20, members=("b",), payments=("card",), opened_from_ms=20))
    assert subject(gateway.over_payment(paying("card", 15), 30)) == "c"
    assert subject(gateway.over_payment(paying("card", 20), 30)) == "d"


def test_payments_of_an_older_decision_are_kept_and_the_newest_that_has_one_says_from_when_on() -> None:
    gateway = InForce()
    gateway.take(decision("suspend", "c", 20, 2, members=("b",), payments=("card",), opened_from_ms=5))
    gateway.take(decision("suspend", "c", 10, 1, members=("a",), payments=("card", "first"), opened_from_ms=10))
    assert gateway.over_payment(paying("card", 5), 30) is not None
    assert gateway.over_payment(paying("first", 10), 30) is not None
    assert gateway.over_payment(paying("first", 9), 30) is None


@pytest.mark.parametrize("released_first", [True, False])
def test_a_release_of_an_account_takes_back_how_it_pays_until_a_later_decision_names_that(released_first: bool) -> None:
    gateway = InForce()
    named = decision("suspend", "c", 5, members=("a",), payments=("card",), opened_from_ms=5)
    released = decision("release", "a", 5, payments=("card",), expires_at_ms=10)
    for it in (released, named) if released_first else (named, released):
        gateway.take(it)
    assert gateway.over_payment(paying("card", 6), 11) is None
    assert not gateway.limits_payment("card", 11)
    gateway.take(decision("suspend", "c", 20, 2, members=("b",), payments=("card",), opened_from_ms=5))
    assert gateway.over_payment(paying("card", 6), 21) is not None


def test_whom_a_reviewer_released_how_it_pays_does_not_limit_either() -> None:
    gateway = InForce()
    gateway.take(decision("suspend", "c", 5, members=("a",), payments=("card",), opened_from_ms=5))
    gateway.take(decision("release", "new", 6, expires_at_ms=100))
    assert gateway.over_payment(paying("card", 6), 50) is gateway.over_payment(paying("card", 6), 200) is None
    assert gateway.over_payment(paying("card", 6, "another"), 50) is not None


def test_a_payment_that_is_held_counts_for_nothing() -> None:
    gateway = InForce()
    gateway.take(decision("suspend", "c", 5, members=("a",), payments=("card", "other"), opened_from_ms=5))
    asked = [gateway.over_payment(paying(it, 6), 50, lambda name: name == "card") for it in ("card", "other")]
    assert [action(it) for it in asked] == [None, "suspend"]


def test_payments_are_forgotten_with_their_campaign() -> None:
    gateway = InForce()
    more: dict[str, Any] = {"members": ("a",), "payments": ("card",), "opened_from_ms": 5, "expires_at_ms": 50}
    gateway.take(decision("suspend", "c", 5, **more))
    gateway.forget(6 + KEPT_MS)
    later = 10 + KEPT_MS
    gateway.take(decision("suspend", "c", later, members=(), expires_at_ms=later + MINUTE))
    assert gateway.over_payment(paying("card", 6), later) is None


@pytest.mark.parametrize("heir", [None, "heir"])
def test_a_release_of_a_campaign_takes_its_payments_back_unless_another_took_it_in(heir: str | None) -> None:
    gateway = InForce()
    gateway.take(decision("suspend", "c", 5, members=("a",), payments=("card",), opened_from_ms=5))
    gateway.take(decision("release", "c", 6, 2, members=(), campaign_id=heir or "c"))
    gateway.take(decision("suspend", "c", 7, 3, members=("b",)))
    assert (gateway.over_payment(paying("card", 6), 8) is None) == (heir is None)
    assert gateway.over_account("a", 8) is not None


def test_a_payment_named_again_for_accounts_opened_never_is_taken_back() -> None:
    gateway = InForce()
    gateway.take(decision("suspend", "c", 5, members=("a",), payments=("card",), opened_from_ms=5))
    gateway.take(decision("suspend", "c", 6, 2, members=(), payments=("card",), opened_from_ms=LATEST_MS))
    assert gateway.over_payment(paying("card", 6), 8) is None
    assert not gateway.limits_payment("card", 8)


def test_of_two_words_of_one_moment_the_later_counts_though_the_earlier_comes_again() -> None:
    gateway = InForce()
    named = decision("suspend", "c", 5, 1, members=("a",), payments=("card",), opened_from_ms=5)
    back = decision("suspend", "c", 5, 2, members=(), payments=("card",), opened_from_ms=LATEST_MS)
    for it in (named, back, named):
        gateway.take(it)
    assert gateway.over_payment(paying("card", 6), 8) is None
