"""How much room limits leave, by the generic cell rate algorithm; exact, on integers.

Source: ITU-T Recommendation I.371, annex A, "Generic cell rate algorithm", as its continuous-state leaky bucket: what
is used drains evenly, and what fits on top of it conforms. Requests and tokens have a bucket each; a request must fit
into both. `Limits.requests` (and `tokens`) may come at once, and as many come anew, evenly, in each `window_ms`. So in
any time t no more than requests * (1 + t / window) are admitted.

Three cases that the algorithm leaves open:

- A limit of 0: nothing passes, whatever the request says it needs.
- A request of more tokens than the whole limit passes when none are used, and is charged in full: those that come after
  it wait until the rate has caught up. It does not wait for ever, and the rate is kept in the long run.
- A request that names no tokens passes the limit of tokens, unless such a debt is open.
"""

from msgspec import Struct

from streams.decisions import Limits
from streams.enforcement.asking import Room

LONGEST_DEBT_US = 28 * 24 * 3_600_000_000
"""The longest that one request may keep the others waiting: as long as a decision may last."""

NEAR = 5
"""Less than one part of so many left is near the limit."""


class Meter(Struct, frozen=True, gc=False):
    """What is used of two limits at `at_us`, a time in microseconds of one clock. Empty: nothing is.

    Both are in ticks: one request takes window_ms * 1000 of them and `Limits.requests` drain in each microsecond; the
    same for tokens. So every amount and every rate is a whole number.
    """

    at_us: int = 0
    requests: int = 0
    tokens: int = 0


def drained(meter: Meter, limits: Limits, now_us: int) -> Meter:
    """The meter at a later time. If the clock went back, nothing drains, and time counts on from there."""
    past_us = max(0, now_us - meter.at_us)
    return Meter(
        now_us,
        max(0, meter.requests - past_us * limits.requests),
        max(0, meter.tokens - past_us * limits.tokens),
    )


def judged(meter: Meter, limits: Limits, requests: int, tokens: int) -> Room:
    """Whether so many fit now, that is at the time of the meter, how many requests are left, and how long to wait."""
    if not (limits.requests and limits.tokens):
        return Room(admitted=False, remaining=0, retry_after_ms=limits.window_ms)
    window_us = limits.window_ms * 1000
    wait_us = max(
        _wait_us(meter.requests, requests, limits.requests, window_us),
        _wait_us(meter.tokens, tokens, limits.tokens, window_us),
    )
    left = max(0, limits.requests * window_us - meter.requests) // window_us
    return Room(admitted=not wait_us, remaining=left, retry_after_ms=-(-wait_us // 1000))


def charged(meter: Meter, limits: Limits, requests: int, tokens: int) -> Meter:
    """The meter after so many, whether or not they fit."""
    return Meter(
        meter.at_us,
        meter.requests + ticks(requests, limits.requests, limits),
        meter.tokens + ticks(tokens, limits.tokens, limits),
    )


def take(meter: Meter, limits: Limits, now_us: int, requests: int, tokens: int) -> tuple[Meter, Room]:
    """Take so many at once if they fit: the meter afterwards, and what came of it."""
    meter = drained(meter, limits, now_us)
    room = judged(meter, limits, requests, tokens)
    if not room.admitted:
        return meter, room
    meter = charged(meter, limits, requests, tokens)
    return meter, Room(admitted=True, remaining=judged(meter, limits, 0, 0).remaining)


def capped(meter: Meter, limits: Limits) -> Meter:
    """The meter with no more used than the limits hold."""
    window_us = limits.window_ms * 1000
    return Meter(
        meter.at_us, min(meter.requests, limits.requests * window_us), min(meter.tokens, limits.tokens * window_us)
    )


def ticks(amount: int, limit: int, limits: Limits) -> int:
    """What an amount costs of a limit, one of the two of `limits`, in ticks; a debt no longer than allowed."""
    window_us = limits.window_ms * 1000
    return min(amount * window_us, limit * max(window_us, LONGEST_DEBT_US))


def is_near(meter: Meter, limits: Limits) -> bool:
    """Whether less than a fifth is left, of requests or of tokens."""
    window_us = limits.window_ms * 1000
    return any(
        (limit * window_us - used) * NEAR < limit * window_us
        for used, limit in ((meter.requests, limits.requests), (meter.tokens, limits.tokens))
    )


def _wait_us(used: int, amount: int, limit: int, window_us: int) -> int:
    """Microseconds until an amount fits, rounded up; a larger one than the limit fits where none is used."""
    full = limit * window_us
    over = used + min(amount * window_us, full) - full
    return -(-over // limit) if over > 0 else 0
