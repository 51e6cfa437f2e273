"""What every limiter keeps to, whoever counts: the generic cell rate algorithm, to the microsecond."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from agents.enforcement.limiting import LocalLimiter
from streams.decisions import Limits
from streams.enforcement.asking import Room
from streams.enforcement.gcra import Meter, take
from tests.contracts.conftest import SERVERS, RedisOf
from tests.contracts.limiter_trial import EPOCH_US, Trial, trial

HOUR = Limits(requests=30, tokens=60_000, window_ms=3_600_000)
LEASED = 10
LIFE_US = 1_000_000
KINDS = (
    "memory",
    *(pytest.param(name, marks=pytest.mark.redis) for name in SERVERS),
    *(pytest.param(f"{name} leased", marks=pytest.mark.redis) for name in SERVERS),
)
ON_REDIS = [pytest.param(name, marks=pytest.mark.redis) for name in SERVERS]

limits = st.builds(Limits, requests=st.integers(1, 40), tokens=st.integers(1, 5_000), window_ms=st.integers(1, 100_000))
asks = st.lists(st.tuples(st.integers(0, 3_000_000), st.integers(0, 6_000)), max_size=40)
roomy = st.builds(Limits, requests=st.integers(4, 40), tokens=st.just(10_000), window_ms=st.integers(500, 8_000))
several = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.sampled_from([0, 0, 1_000, 300_000, 999_999, 1_000_000, 3_000_000]),
        st.integers(0, 300),
        st.sampled_from([1, 2, 3, 12, 40]),
    ),
    max_size=20,
)
"""Which gateway, microseconds since the last ones, tokens of each, how many at once."""


@pytest.fixture(params=KINDS)
async def bench(request: pytest.FixtureRequest, redis_of: RedisOf) -> AsyncIterator[Trial]:
    """Limiters of each kind."""
    name, _, leased = request.param.partition(" ")
    async with trial(None if name == "memory" else redis_of(name), lease_share=LEASED if leased else 0) as held:
        yield held


def unplaced(room: Room) -> Room:
    """A room without who counted."""
    return replace(room, is_local=False)


async def test_the_burst_passes_and_what_comes_next_is_told_when_it_may(bench: Trial) -> None:
    limiter = bench.another()
    rooms = [unplaced(await limiter.take("a", HOUR, 2_000)) for _ in range(31)]
    assert rooms[:30] == [Room(admitted=True, remaining=left) for left in reversed(range(30))]
    assert rooms[30] == Room(admitted=False, remaining=0, retry_after_ms=120_000)
    bench.clock.now_us += 119_999_000
    assert unplaced(await limiter.take("a", HOUR, 2_000)) == Room(admitted=False, remaining=0, retry_after_ms=1)
    bench.clock.now_us += 1_000
    assert (await limiter.take("a", HOUR, 2_000)).admitted
    assert not (await limiter.take("a", HOUR, 2_000)).admitted


async def test_tokens_are_limited_beside_requests(bench: Trial) -> None:
    limiter = bench.another()
    assert (await limiter.take("a", HOUR, 59_999)).admitted
    assert unplaced(await limiter.take("a", HOUR, 2)) == Room(admitted=False, remaining=29, retry_after_ms=60)
    assert (await limiter.take("a", HOUR, 1)).admitted
    assert (await limiter.take("a", HOUR, 0)).admitted
    assert not (await limiter.take("a", HOUR, 1)).admitted


async def test_a_request_above_the_whole_limit_of_tokens_passes_once_and_is_paid_for(bench: Trial) -> None:
    limiter = bench.another()
    assert (await limiter.take("a", HOUR, 90_000)).admitted
    assert unplaced(await limiter.take("a", HOUR, 1)) == Room(
        admitted=False, remaining=29, retry_after_ms=30 * 60_000 + 60
    )
    bench.clock.now_us += 30 * 60_000_000 + 60_000
    assert (await limiter.take("a", HOUR, 1)).admitted
    assert unplaced(await limiter.take("a", HOUR, 90_000)).retry_after_ms == 3_600_000


async def test_limits_of_nothing_let_nothing_pass(bench: Trial) -> None:
    limiter = bench.another()
    for nothing in (Limits(0, 10, 60_000), Limits(10, 0, 60_000)):
        refused = Room(admitted=False, remaining=0, retry_after_ms=60_000)
        assert unplaced(await limiter.take("a", nothing, 0)) == refused
        assert unplaced(limiter.take_now("a", nothing, 0)) == refused


async def test_subjects_share_nothing_and_other_limits_begin_anew(bench: Trial) -> None:
    limiter = bench.another()
    one = Limits(1, 100, 60_000)
    for key in ("a", "a{b}", "a b", "ä", ""):
        assert (await limiter.take(key, one, 100)).admitted
        assert not (await limiter.take(key, one, 100)).admitted
    assert (await limiter.take("a", Limits(2, 100, 60_000), 100)).admitted


async def test_fewer_tokens_than_none_give_nothing_back(bench: Trial) -> None:
    limiter = bench.another()
    assert (await limiter.take("a", HOUR, 60_000)).admitted
    assert (await limiter.take("a", HOUR, -60_000)).admitted
    assert limiter.take_now("a", HOUR, -60_000).admitted
    assert not (await limiter.take("a", HOUR, 1)).admitted


async def test_without_a_wait_it_counts_as_well(bench: Trial) -> None:
    limiter = bench.another()
    admitted = [limiter.take_now("a", HOUR, 10).admitted for _ in range(31)]
    assert admitted == [True] * 30 + [False]


@pytest.mark.parametrize("kind", ["memory", *ON_REDIS])
@given(limits=limits, asks=asks)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
async def test_one_gateway_hears_what_the_algorithm_says(
    redis_of: RedisOf, kind: str, limits: Limits, asks: list[tuple[int, int]]
) -> None:
    async with trial(None if kind == "memory" else redis_of(kind)) as held:
        limiter = held.another()
        meter = Meter()
        for past_us, tokens in asks:
            held.clock.now_us += past_us
            meter, expected = take(meter, limits, held.clock.now_us, 1, tokens)
            assert unplaced(await limiter.take("a", limits, tokens)) == expected


@pytest.mark.parametrize("kind", ON_REDIS)
@pytest.mark.parametrize("lease_share", [0, 2])
@given(limits=limits | roomy, asks=several)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
async def test_several_gateways_admit_no_more_than_the_burst_and_the_rate(
    redis_of: RedisOf, kind: str, lease_share: int, limits: Limits, asks: list[tuple[int, int, int, int]]
) -> None:
    async with trial(redis_of(kind), lease_share=lease_share) as held:
        gateways = [held.on_redis() for _ in range(3)]
        admitted: list[tuple[int, int]] = []
        for gateway, past_us, tokens, together in asks:
            held.clock.now_us += past_us
            rooms = await asyncio.gather(*(gateways[gateway].take("a", limits, tokens) for _ in range(together)))
            assert not any(room.is_local for room in rooms)
            admitted += [(held.clock.now_us, tokens)] * sum(room.admitted for room in rooms)
            assert_within(limits, admitted, held.clock.now_us - EPOCH_US)
        for first, (from_us, _) in enumerate(admitted):
            time_us = held.clock.now_us - from_us + (LIFE_US if lease_share else 0)
            assert_within(limits, admitted[first:], time_us)


def assert_within(limits: Limits, admitted: list[tuple[int, int]], time_us: int) -> None:
    """No more than the burst and what the rate gives in that time."""
    window_us = limits.window_ms * 1000
    assert len(admitted) * window_us <= limits.requests * (window_us + time_us)
    largest = max([limits.tokens, *(tokens for _, tokens in admitted)])
    assert sum(tokens for _, tokens in admitted) * window_us <= largest * window_us + limits.tokens * time_us


async def test_only_who_counts_by_itself_says_so(bench: Trial) -> None:
    limiter = bench.another()
    for _ in range(40):
        assert (await limiter.take("a", HOUR, 1)).is_local == isinstance(limiter, LocalLimiter)
