"""What passes a gateway: windows of what is throttled, and nothing of what is refused."""

from streams.decisions import Limits
from streams.enforcement import Ask
from streams.evaluation import Enforcing
from tests.streams.evaluation.deciding import MINUTE, decision


def test_nobody_is_limited_without_a_decision() -> None:
    assert Enforcing().admits(Ask("a", tokens=10), 0)


def test_a_throttle_admits_what_its_window_has_room_for() -> None:
    gateway = Enforcing()
    gateway.take(decision("throttle", "a", 0, limits=Limits(2, 100, MINUTE)))
    assert [gateway.admits(Ask("a", tokens=40), at) for at in (1, 2, 3)] == [True, True, False]
    assert [gateway.admits(Ask("a", tokens=60), MINUTE + at) for at in (1, 2)] == [True, False]


def test_a_throttled_template_has_one_window_for_all_who_send_it() -> None:
    gateway = Enforcing()
    gateway.take(decision("throttle", "template:t", 0, subject_kind="network", limits=Limits(2, 100, MINUTE)))
    assert [gateway.admits(Ask(name, "t", tokens=10), 1) for name in "abc"] == [True, True, False]
    assert [gateway.admits(Ask(name, "u", tokens=10), 1) for name in "abc"] == [True, True, True]
    assert gateway.admits(Ask("c", tokens=10), 1)
    assert gateway.admits(Ask("c", "t", tokens=10), MINUTE)


def test_a_suspended_template_is_refused_until_its_decision_expires() -> None:
    gateway = Enforcing()
    gateway.take(decision("suspend", "template:t", 0, subject_kind="network", expires_at_ms=MINUTE))
    assert [gateway.admits(Ask("a", "t"), at_ms) for at_ms in (MINUTE - 1, MINUTE)] == [False, True]


def test_an_account_named_like_a_template_does_not_share_its_window() -> None:
    gateway = Enforcing()
    gateway.take(decision("throttle", "template:t", 0, subject_kind="network", limits=Limits(1, 100, MINUTE)))
    gateway.take(decision("throttle", "template:t", 0, limits=Limits(1, 100, MINUTE)))
    assert gateway.admits(Ask("b", "t"), 1)
    assert gateway.admits(Ask("template:t"), 1)


def test_a_released_account_may_send_what_is_limited_and_others_may_not() -> None:
    gateway = Enforcing()
    gateway.take(decision("suspend", "template:t", 0, subject_kind="network"))
    gateway.take(decision("release", "a", 5, expires_at_ms=100))
    assert gateway.admits(Ask("a", "t"), 99)
    assert not gateway.admits(Ask("a", "t"), 100)
    assert not gateway.admits(Ask("b", "t"), 99)
