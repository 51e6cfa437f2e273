"""The generic cell rate algorithm on integers, against a leaky bucket of fractions."""

from fractions import Fraction
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from streams.decisions import Limits
from streams.enforcement.asking import Room
from streams.enforcement.gcra import Meter, capped, charged, drained, is_near, judged, take

HOUR = Limits(requests=30, tokens=60_000, window_ms=3_600_000)
HOUR_US = 3_600_000_000

limits = st.builds(
    Limits,
    requests=st.integers(1, 50),
    tokens=st.integers(1, 5_000),
    window_ms=st.integers(1, 100_000),
)
asks = st.lists(st.tuples(st.integers(0, 20_000_000), st.integers(0, 6_000)), max_size=60)
"""Microseconds since the last one, and tokens."""


class Leaky:
    """A bucket that holds `size`, loses `size` in each `window_us`, and is asked about amounts."""

    def __init__(self, size: int, window_us: int) -> None:
        self.size, self.rate = size, Fraction(size, window_us)
        self.level = Fraction(0)

    def leak(self, past_us: int) -> None:
        self.level = max(Fraction(0), self.level - self.rate * past_us)

    def wait_us(self, amount: int) -> Fraction:
        over = self.level + min(amount, self.size) - self.size
        return max(Fraction(0), over / self.rate)


def ceiling(value: Fraction) -> int:
    return -(-value.numerator // value.denominator)


@given(limits, asks)
def test_it_says_what_a_leaky_bucket_of_fractions_says(limits: Limits, asks: list[tuple[int, int]]) -> None:
    window_us = limits.window_ms * 1000
    requests, tokens = Leaky(limits.requests, window_us), Leaky(limits.tokens, window_us)
    meter, now_us = Meter(), 0
    for past_us, amount in asks:
        now_us += past_us
        requests.leak(past_us)
        tokens.leak(past_us)
        meter, room = take(meter, limits, now_us, 1, amount)
        wait_us = max(requests.wait_us(1), tokens.wait_us(amount))
        if not wait_us:
            requests.level += 1
            tokens.level += amount
        left = (requests.size - requests.level).__floor__()
        wait_ms = -(-ceiling(wait_us) // 1000)
        assert room == Room(admitted=not wait_us, remaining=left, retry_after_ms=wait_ms)
        near = [(it.size - it.level) * 5 < it.size for it in (requests, tokens)]
        assert is_near(meter, limits) == any(near)


@given(limits, asks)
def test_in_any_time_no_more_is_admitted_than_the_burst_and_the_rate(
    limits: Limits, asks: list[tuple[int, int]]
) -> None:
    window_us = limits.window_ms * 1000
    meter, now_us = Meter(), 0
    admitted: list[tuple[int, int]] = []
    for past_us, amount in asks:
        now_us += past_us
        meter, room = take(meter, limits, now_us, 1, amount)
        if room.admitted:
            admitted.append((now_us, amount))
    for first, (from_us, _) in enumerate(admitted):
        for last in range(first, len(admitted)):
            time_us = admitted[last][0] - from_us
            among = admitted[first : last + 1]
            assert len(among) * window_us <= limits.requests * (window_us + time_us)
            burst = max(limits.tokens, *(tokens for _, tokens in among), 0)
            assert sum(tokens for _, tokens in among) * window_us <= burst * window_us + limits.tokens * time_us


@given(limits, asks, st.integers(0, 6_000))
def test_who_waits_as_long_as_told_passes_and_no_millisecond_earlier(
    limits: Limits, asks: list[tuple[int, int]], amount: int
) -> None:
    meter, now_us = Meter(), 0
    for past_us, tokens in asks:
        now_us += past_us
        meter, _ = take(meter, limits, now_us, 1, tokens)
    _, room = take(meter, limits, now_us, 1, amount)
    if not room.admitted:
        later_us = now_us + room.retry_after_ms * 1000
        assert take(meter, limits, later_us, 1, amount)[1].admitted
        assert not take(meter, limits, later_us - 1000, 1, amount)[1].admitted


def test_the_burst_comes_at_once_and_then_one_in_two_minutes() -> None:
    meter = Meter()
    for left in reversed(range(30)):
        meter, room = take(meter, HOUR, 0, 1, 2_000)
        assert room == Room(admitted=True, remaining=left)
    assert take(meter, HOUR, 0, 1, 2_000)[1] == Room(admitted=False, remaining=0, retry_after_ms=120_000)
    assert not take(meter, HOUR, 119_999_999, 1, 2_000)[1].admitted
    meter, room = take(meter, HOUR, 120_000_000, 1, 2_000)
    assert room.admitted
    assert not take(meter, HOUR, 239_999_999, 1, 2_000)[1].admitted


def test_a_limit_that_does_not_divide_its_window_gives_all_of_its_burst() -> None:
    seven = Limits(requests=7, tokens=1, window_ms=3_600_000)
    meter = Meter()
    for _ in range(7):
        meter, room = take(meter, seven, 5, 1, 0)
        assert room.admitted
    assert take(meter, seven, 5, 1, 0)[1].retry_after_ms == 514_286  # 3,600,000 / 7, rounded up


def test_a_limit_of_nothing_lets_nothing_pass() -> None:
    for limits in (Limits(0, 10, 60_000), Limits(10, 0, 60_000), Limits(0, 0, 60_000)):
        for tokens in (0, 1):
            assert take(Meter(), limits, HOUR_US, 1, tokens)[1] == Room(
                admitted=False, remaining=0, retry_after_ms=60_000
            )


def test_a_request_above_the_whole_limit_passes_when_nothing_is_used_and_the_rest_waits_for_the_rate() -> None:
    used, _ = take(Meter(), HOUR, 0, 1, 1)
    assert take(used, HOUR, 0, 1, 180_000)[1] == Room(admitted=False, remaining=29, retry_after_ms=60)
    meter, room = take(used, HOUR, 60_000, 1, 180_000)
    assert room.admitted
    # Three hours' worth of tokens: one token fits when all but one are paid, none at all two hours from then.
    assert take(meter, HOUR, 60_000, 1, 1)[1].retry_after_ms == 2 * 3_600_000 + 60
    assert take(meter, HOUR, 60_000, 1, 0)[1].retry_after_ms == 2 * 3_600_000
    assert take(meter, HOUR, 60_000, 1, 180_000)[1].retry_after_ms == 3 * 3_600_000


def test_no_request_keeps_others_waiting_for_longer_than_a_decision_lasts() -> None:
    meter, room = take(Meter(), HOUR, 0, 1, 10**12)
    assert room.admitted
    assert judged(meter, HOUR, 1, 60_000).retry_after_ms == 28 * 24 * 3_600_000


@given(limits, st.integers(1, 10**9), st.integers(0, 10**9))
def test_a_clock_that_goes_back_gives_nothing_and_takes_nothing(limits: Limits, back_us: int, past_us: int) -> None:
    meter, _ = take(Meter(), limits, 10**10, limits.requests, limits.tokens)
    jumped = drained(meter, limits, 10**10 - back_us)
    assert (jumped.requests, jumped.tokens) == (meter.requests, meter.tokens)
    straight = drained(meter, limits, 10**10 + past_us)
    later = drained(jumped, limits, 10**10 - back_us + past_us)
    assert (later.requests, later.tokens) == (straight.requests, straight.tokens)


@given(limits, asks)
def test_draining_in_steps_is_draining_at_once(limits: Limits, asks: list[tuple[int, int]]) -> None:
    meter = charged(Meter(), limits, limits.requests, limits.tokens)
    times = [0]
    for past_us, _ in asks:
        times.append(times[-1] + past_us)
    stepped = meter
    for _, now_us in pairwise(times):
        stepped = drained(stepped, limits, now_us)
    assert stepped == drained(meter, limits, times[-1])


def test_capped_leaves_no_debt() -> None:
    meter = capped(charged(Meter(), HOUR, 90, 60_000_000), HOUR)
    assert judged(meter, HOUR, 30, 60_000).retry_after_ms == 3_600_000
