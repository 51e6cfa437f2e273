"""When Redis is asked, and when it is left alone."""

from agents.enforcement.limiting.breaker import Breaker


def test_it_opens_after_so_many_failures_in_a_row() -> None:
    breaker = Breaker(threshold=3, pause_us=100)
    breaker.failed(0)
    breaker.failed(0)
    breaker.worked()
    breaker.failed(1)
    breaker.failed(1)
    assert breaker.lets(1)
    breaker.failed(1)
    assert not breaker.lets(1)


def test_one_question_in_a_pause_goes_through_until_one_is_answered() -> None:
    breaker = Breaker(threshold=1, pause_us=100)
    breaker.failed(0)
    assert [breaker.lets(now_us) for now_us in (99, 100, 101, 199, 200, 201)] == [
        False, True, False, False, True, False,
    ]  # fmt: skip
    breaker.failed(205)
    assert [breaker.lets(now_us) for now_us in (299, 300, 301)] == [False, True, False]
    breaker.worked()
    assert breaker.lets(302)
    assert breaker.lets(302)
