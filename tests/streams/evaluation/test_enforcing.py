"""A gateway's rules, one by one."""

import pytest

from streams.decisions import Action, Limits, Wording
from streams.evaluation import Enforcing
from tests.streams.evaluation.deciding import MINUTE, decision


def test_nobody_is_limited_without_a_decision() -> None:
    assert Enforcing().admits("a", 0, 10)


@pytest.mark.parametrize("action", ["throttle", "challenge", "suspend"])
def test_a_decision_limits_its_account_until_it_expires(action: Action) -> None:
    gateway = Enforcing()
    gateway.take(decision(action, "a", 0, expires_at_ms=100))
    assert gateway.limited("a", 99)
    assert not gateway.limited("a", 100)
    assert not gateway.limited("b", 99)


def test_a_shadow_and_an_observation_limit_nobody() -> None:
    gateway = Enforcing()
    gateway.take(decision("suspend", "a", 0, shadow=True))
    gateway.take(decision("observe", "b", 0))
    assert not gateway.limited("a", 1)
    assert not gateway.limited("b", 1)


def test_the_highest_sequence_counts_whatever_comes_last() -> None:
    gateway = Enforcing()
    gateway.take(decision("release", "a", 5, sequence=2))
    gateway.take(decision("suspend", "a", 0, sequence=1))
    assert not gateway.limited("a", 6)


def test_a_campaign_limits_all_members_that_were_ever_named() -> None:
    gateway = Enforcing()
    gateway.take(decision("observe", "c", 0, members=("a",)))
    gateway.take(decision("suspend", "c", 1, sequence=2, members=("b",)))
    assert gateway.limited("a", 2)
    assert gateway.limited("b", 2)


def test_members_of_an_older_decision_are_kept_though_it_does_not_count() -> None:
    gateway = Enforcing()
    gateway.take(decision("suspend", "c", 1, sequence=2, members=("b",)))
    gateway.take(decision("observe", "c", 0, sequence=1, members=("a",)))
    assert gateway.limited("a", 2)


def test_the_hardest_decision_about_an_account_counts() -> None:
    gateway = Enforcing()
    gateway.take(decision("throttle", "a", 0, limits=Limits(5, 5, MINUTE)))
    gateway.take(decision("suspend", "c", 0, members=("a",)))
    assert gateway.standing("a", 1)[0] == "suspend"


def test_a_throttle_admits_what_its_window_has_room_for() -> None:
    gateway = Enforcing()
    gateway.take(decision("throttle", "a", 0, limits=Limits(2, 100, MINUTE)))
    assert [gateway.admits("a", at, 40) for at in (1, 2, 3)] == [True, True, False]
    assert [gateway.admits("a", MINUTE + at, 60) for at in (1, 2)] == [True, False]


def test_a_throttled_template_has_one_window_for_all_who_send_it() -> None:
    gateway = Enforcing()
    gateway.take(decision("throttle", "template:t", 0, subject_kind="network", limits=Limits(2, 100, MINUTE)))
    assert [gateway.admits(name, 1, 10, "template:t") for name in "abc"] == [True, True, False]
    assert [gateway.admits(name, 1, 10, "template:u") for name in "abc"] == [True, True, True]
    assert gateway.admits("c", 1, 10)
    assert gateway.admits("c", MINUTE, 10, "template:t")


def test_a_suspended_template_is_refused_until_its_decision_expires() -> None:
    gateway = Enforcing()
    gateway.take(decision("suspend", "template:t", 0, subject_kind="network", expires_at_ms=MINUTE))
    assert (gateway.link("template:t", MINUTE - 1), gateway.link("template:t", MINUTE)) == ("suspend", "pass")
    assert [gateway.admits("a", at_ms, 10, "template:t") for at_ms in (1, MINUTE)] == [False, True]
    assert gateway.link(None, 1) == "pass"


def test_a_request_in_other_words_is_limited_with_the_template_that_it_resembles() -> None:
    gateway = Enforcing()
    link, worded = "template:t", Wording("0a0b0c0d", 0.6)
    gateway.take(decision("suspend", link, 0, subject_kind="network", wording=worded, expires_at_ms=MINUTE))
    alike, other = "0a0b0c0x", "0a0b0x0y"
    assert [gateway.over("u", sketch, 1) for sketch in ("0a0b0c0d", alike, other, None)] == [link, link, None, None]
    assert (gateway.over("t", other, 1), gateway.over("t", alike, MINUTE)) == (link, None)


def test_of_several_templates_a_request_resembles_the_hardest_limited_counts_then_its_own() -> None:
    gateway = Enforcing()
    actions: tuple[Action, ...] = ("throttle", "throttle", "challenge")
    for number, action in enumerate(actions):
        worded = Wording(f"0a0b0c{number}d", 0.5)
        gateway.take(decision(action, f"template:{number}", 0, subject_kind="network", wording=worded))
    assert gateway.over("1", "0a0b0c0d", 1) == "template:2"
    gateway.take(decision("release", "template:2", 1, 2, subject_kind="network"))
    assert gateway.over("1", "0a0b0c0d", 1) == "template:1"


def test_the_wording_of_the_decision_that_counts_is_the_one_that_counts() -> None:
    gateway = Enforcing()
    gateway.take(decision("suspend", "template:t", 0, subject_kind="network", wording=Wording("0a0b", 0.5)))
    gateway.take(decision("suspend", "template:t", 1, 2, subject_kind="network"))
    assert gateway.over("u", "0a0b", 1) is None
    assert gateway.over("t", "0a0b", 1) == "template:t"


def test_a_campaign_that_was_taken_in_counts_for_a_minute_more() -> None:
    gateway = Enforcing()
    gateway.take(decision("suspend", "c", 0, members=("a",)))
    gateway.take(decision("release", "c", 1_000, sequence=2, members=(), campaign_id="heir"))
    assert gateway.limited("a", 60_999)
    assert not gateway.limited("a", 61_000)


def test_a_released_campaign_is_released_at_once() -> None:
    gateway = Enforcing()
    gateway.take(decision("suspend", "c", 0, members=("a",)))
    gateway.take(decision("release", "c", 1_000, sequence=2, members=(), campaign_id="c"))
    assert not gateway.limited("a", 1_000)


def test_a_release_of_an_account_lets_it_go_from_campaigns_and_links_until_it_expires() -> None:
    gateway = Enforcing()
    gateway.take(decision("suspend", "c", 0, members=("a", "b")))
    gateway.take(decision("suspend", "template:t", 0))
    gateway.take(decision("release", "a", 5, expires_at_ms=100))
    gateway.take(decision("suspend", "c", 6, sequence=2, members=("a",)))
    assert gateway.admits("a", 99, 1, "template:t")
    assert not gateway.admits("b", 99, 1, "template:t")
    assert gateway.limited("a", 100)
    assert not gateway.admits("a", 100, 1, "template:t")


@pytest.mark.parametrize("released_first", [True, False])
def test_a_released_account_is_no_member_by_what_was_decided_before(released_first: bool) -> None:
    gateway = Enforcing()
    decisions = [decision("suspend", "c", 5, members=("a", "b")), decision("release", "a", 5, expires_at_ms=10)]
    for it in reversed(decisions) if released_first else decisions:
        gateway.take(it)
    assert not gateway.limited("a", 11)
    assert gateway.limited("b", 11)


def test_a_shadow_release_lets_go_and_a_later_decision_about_the_account_ends_it() -> None:
    gateway = Enforcing()
    gateway.take(decision("suspend", "c", 6, members=("a",)))
    gateway.take(decision("release", "a", 5, expires_at_ms=100, shadow=True))
    assert not gateway.limited("a", 7)
    gateway.take(decision("observe", "a", 8, sequence=2))
    assert gateway.limited("a", 8)


def test_a_released_account_may_send_what_is_limited_and_others_may_not() -> None:
    gateway = Enforcing()
    gateway.take(decision("suspend", "template:t", 0, subject_kind="network"))
    gateway.take(decision("release", "a", 5, expires_at_ms=100))
    answers = [gateway.link("template:t", at_ms, "a") for at_ms in (99, 100)]
    assert (answers, gateway.link("template:t", 99, "b")) == (["pass", "suspend"], "suspend")


def test_a_template_that_a_reviewer_releases_is_let_go_at_once_though_it_names_its_campaign() -> None:
    gateway = Enforcing()
    gateway.take(decision("suspend", "template:t", 0, subject_kind="network", campaign_id="c"))
    gateway.take(decision("release", "template:t", 5, sequence=2, subject_kind="network", campaign_id="c"))
    assert gateway.link("template:t", 5) == "pass"
