"""What the limiter on Redis leases, and what it does when Redis is slow, empty, frozen or gone: it answers, in time."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from agents.enforcement.limiting import LimitCounters, RedisLimiter, Timing
from agents.enforcement.limiting.shared import FAILURES
from agents.store import StoreError
from streams.decisions import Limits
from streams.enforcement.asking import Room
from tests.contracts.conftest import PROGRAMS, SERVERS, RedisOf, Servers
from tests.contracts.limiter_trial import PATIENT, Trial, trial
from tests.contracts.redis_server import RedisServer, redis_server

pytestmark = pytest.mark.redis

HOUR = Limits(requests=30, tokens=60_000, window_ms=3_600_000)
FAST = Limits(requests=40, tokens=400_000, window_ms=4_000)
"""Ten come anew in a second."""
PLENTY = Limits(requests=1_000_000, tokens=1_000_000_000, window_ms=60_000)

HASTY = Timing(deadline_seconds=0.005, timeout_seconds=0.2)
PAUSE_US = 500_000
SILENCE_US = 50_000


@pytest.fixture(params=SERVERS)
def servers(request: pytest.FixtureRequest, redis_of: RedisOf) -> Servers:
    """Each server that limits are counted on; tests share them."""
    return redis_of(request.param)


@pytest.fixture(params=PROGRAMS)
def own_server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RedisServer]:
    """A server that a test may end."""
    with redis_server(PROGRAMS[request.param](), tmp_path) as server:
        yield server


@pytest.fixture
async def leased(servers: Servers) -> AsyncIterator[Trial]:
    """Gateways that lease up to half of a limit."""
    async with trial(servers, lease_share=2) as held:
        yield held


async def together(limiter: RedisLimiter, limits: Limits, times: int, tokens: int = 0) -> int:
    """How many of so many requests at once are admitted."""
    rooms = await asyncio.gather(*(limiter.take("a", limits, tokens) for _ in range(times)))
    return sum(room.admitted for room in rooms)


async def quiet(limiter: RedisLimiter) -> None:
    """Wait for what Redis has not answered yet."""
    questions = limiter._questions  # noqa: SLF001  nothing else tells
    while questions._lanes:  # noqa: SLF001
        await asyncio.wait(questions._lanes)  # noqa: SLF001
        await asyncio.sleep(0)  # whoever got an answer may have another question


async def test_a_lease_may_be_used_for_a_second_and_is_lost_then(leased: Trial) -> None:
    for life_us, late in ((999_999, 3), (1_000_000, 0)):
        one, other = leased.on_redis(), leased.on_redis()
        assert await together(one, FAST, 2) == 2
        leased.clock.now_us += 1
        assert await together(one, FAST, 3) == 3  # three more are leased: twice as many as came
        leased.clock.now_us += life_us
        assert await together(other, FAST, 41) == 40  # it is full again
        assert await together(one, FAST, 41) == late
        leased.clock.now_us += 10_000_000


async def test_a_gateway_that_is_asked_often_asks_seldom(leased: Trial) -> None:
    limiter = leased.on_redis()
    for _ in range(10_000):
        leased.clock.now_us += 100
        assert (await limiter.take("a", PLENTY, 7)).admitted
    assert leased.script.asked == 14  # each lease is twice the last


async def test_a_gateway_that_is_asked_seldom_leases_nothing(leased: Trial) -> None:
    limiter, other = leased.on_redis(), leased.on_redis()
    for count in range(1, 11):
        leased.clock.now_us += 1_000_000
        await limiter.take("a", HOUR, 100)
        assert leased.script.asked == count
    assert (await other.take("a", HOUR, 100)).remaining == 19


async def test_the_lease_shrinks_with_the_rate(leased: Trial) -> None:
    limiter, other = leased.on_redis(), leased.on_redis()
    assert await together(limiter, PLENTY, 64) == 64
    leased.clock.now_us += 1_000
    assert await together(limiter, PLENTY, 64) == 64  # 64 more are leased
    leased.clock.now_us += 10_000_000
    for _ in range(3):
        leased.clock.now_us += 1_000_000
        assert (await limiter.take("a", PLENTY, 0)).admitted
    assert (await other.take("a", PLENTY, 0)).remaining == PLENTY.requests - 2


async def test_a_lease_leaves_others_as_much_as_it_takes(leased: Trial) -> None:
    limiter, other = leased.on_redis(), leased.on_redis()
    assert await together(limiter, HOUR, 8) == 8
    leased.clock.now_us += 1
    assert await together(limiter, HOUR, 8) == 8  # 15 would be half of the limit, but of the 22 that are left too much
    assert await together(other, HOUR, 30) == 14
    assert await together(limiter, HOUR, 30) == 0


async def test_many_at_once_are_one_question_or_two(leased: Trial) -> None:
    limiter = leased.on_redis()
    assert await together(limiter, HOUR, 100, tokens=1_000) == 30
    assert leased.script.asked <= 4


async def test_who_was_refused_is_refused_without_a_question_until_there_is_room(leased: Trial) -> None:
    limiter = leased.on_redis()
    assert await together(limiter, FAST, 41) == 40
    asked = leased.script.asked
    for milliseconds in range(1, 100):
        leased.clock.now_us += 1_000
        assert await limiter.take("a", FAST, 0) == Room(admitted=False, remaining=0, retry_after_ms=100 - milliseconds)
    assert leased.script.asked == asked
    leased.clock.now_us += 1_000
    assert (await limiter.take("a", FAST, 0)).admitted


async def test_without_a_wait_the_first_is_local_and_the_next_are_leased_and_all_are_counted(leased: Trial) -> None:
    limiter, other = leased.on_redis(), leased.on_redis()
    rooms = []
    for _ in range(10):
        rooms.append(limiter.take_now("a", HOUR, 100))
        await quiet(limiter)
    assert all(room.admitted for room in rooms)
    assert rooms[0].is_local
    assert not rooms[-1].is_local
    leased.clock.now_us += 1_000_000
    assert (await other.take("a", HOUR, 100)).remaining <= 19


def test_without_an_event_loop_it_counts_by_itself(redis_of: RedisOf) -> None:
    limiter = RedisLimiter(redis_of("redis-6.2").url, prefix=uuid.uuid4().hex)
    rooms = [limiter.take_now("a", HOUR, 100) for _ in range(31)]
    assert [room.admitted for room in rooms] == [True] * 30 + [False]
    assert all(room.is_local for room in rooms)


async def test_a_flushed_script_is_loaded_again(servers: Servers) -> None:
    async with trial(servers) as held:
        limiter = held.on_redis()
        for left in (29, 28, 27):
            assert await limiter.take("a", HOUR, 0) == Room(admitted=True, remaining=left)
            for server in servers.servers:
                with server.client() as client:
                    client.script_flush()


async def test_what_is_counted_outlives_a_restart_of_redis_and_is_forgotten_with_its_data(
    own_server: RedisServer,
) -> None:
    async with trial(own_server) as held:
        limiter, other = held.on_redis(), held.on_redis()
        assert await together(limiter, HOUR, 10) == 10
        own_server.kill()
        own_server.start()
        assert await other.take("a", HOUR, 0) == Room(admitted=True, remaining=19)
        with own_server.client() as client:
            client.flushall()
        assert await other.take("a", HOUR, 0) == Room(admitted=True, remaining=29)


async def test_a_clock_of_redis_that_goes_back_keeps_nobody_waiting_longer(servers: Servers) -> None:
    async with trial(servers) as held:
        before = held.on_redis()
        assert await together(before, HOUR, 30) == 30
        held.clock.now_us -= 50 * 3_600_000_000
        after = held.on_redis()
        assert await after.take("a", HOUR, 0) == Room(admitted=False, remaining=0, retry_after_ms=120_000)
        held.clock.now_us += 120_000_000
        assert (await after.take("a", HOUR, 0)).admitted
        assert not (await after.take("a", HOUR, 0)).admitted


async def test_by_the_clock_of_redis_a_key_stays_until_nothing_is_used(servers: Servers) -> None:
    prefix = uuid.uuid4().hex
    limiter = RedisLimiter(servers.url, prefix=prefix, timing=PATIENT, lease_share=0)
    key = f"{prefix}:limit:a:30:60000:3600000"
    for requests, tokens, longest_ms in ((1, 0, 120_000), (2, 10_000, 600_000), (3, 120_000, 7_200_000)):
        await limiter.take("a" if tokens < 60_000 else "b", HOUR, tokens)
        name = key if tokens < 60_000 else key.replace(":a:", ":b:")
        with servers.holder(name).client() as client:
            assert longest_ms - 100_000 < client.pttl(name) <= longest_ms + 1, requests
    await limiter.close()


async def test_a_redis_that_is_gone_is_answered_for_at_once_and_is_found_again(own_server: RedisServer) -> None:
    async with trial(own_server) as held:
        limiter = held.on_redis()
        await limiter.take("a", HOUR, 0)
        own_server.kill()
        rooms = [await limiter.take("a", HOUR, 0) for _ in range(40)]
        assert all(room.is_local for room in rooms)
        assert [room.admitted for room in rooms] == [True] * 29 + [False] * 11  # one was counted before
        asked = held.script.asked
        assert (await limiter.take("b", HOUR, 0)).is_local
        assert held.script.asked == asked  # nobody waits for what is away
        own_server.start()
        held.clock.now_us += PAUSE_US
        assert not (await limiter.take("b", HOUR, 0)).is_local


async def test_a_frozen_redis_is_answered_for_in_time_and_what_it_takes_after_all_is_counted_once(
    servers: Servers,
) -> None:
    async with trial(servers) as held:
        limiter, other = held.on_redis(timing=Timing(deadline_seconds=0.005, timeout_seconds=20)), held.on_redis()
        await limiter.take("a", HOUR, 0)
        await quiet(limiter)
        with servers.frozen():
            rooms = [await limiter.take("a", HOUR, 0) for _ in range(5)]
            assert all(room.is_local and room.admitted for room in rooms)
        await quiet(limiter)
        await limiter.take("a", HOUR, 0)
        await quiet(limiter)
        assert (await other.take("a", HOUR, 0)).remaining == 30 - 1 - 5 - 1 - 1


async def test_a_redis_that_is_silent_is_not_asked_until_it_answers(servers: Servers) -> None:
    async with trial(servers) as held:
        limiter = held.on_redis(timing=Timing(deadline_seconds=0.005, timeout_seconds=20))
        with servers.frozen():
            for key in range(3):
                assert (await limiter.take(f"{key}", HOUR, 0)).is_local
            asked = held.script.asked
            held.clock.now_us += SILENCE_US
            for key in range(1000):
                assert (await limiter.take(f"more {key}", HOUR, 0)).is_local
                assert limiter.take_now("0", HOUR, 0).is_local
            assert held.script.asked == asked
        await quiet(limiter)
        await limiter.take("more 0", HOUR, 0)
        assert held.script.asked == asked + 1


async def test_many_gateways_at_once_by_the_clock_of_redis(servers: Servers) -> None:
    prefix = uuid.uuid4().hex
    limits = Limits(requests=300, tokens=3_000, window_ms=1_000)
    gateways = [RedisLimiter(servers.url, prefix=prefix, timing=PATIENT) for _ in range(5)]
    began_us = redis_us(servers)
    admitted = 0

    async def hammer(gateway: RedisLimiter) -> None:
        nonlocal admitted
        for _ in range(150):
            room = await gateway.take("a", limits, 10)
            assert not room.is_local
            admitted += room.admitted
            await asyncio.sleep(0)

    await asyncio.gather(*(hammer(gateway) for gateway in gateways for _ in range(4)))
    took_us = redis_us(servers) - began_us
    assert limits.requests <= admitted <= limits.requests * (1 + took_us / 1_000_000)
    for gateway in gateways:
        await gateway.close()


def redis_us(servers: Servers) -> int:
    """Microseconds by the clock of Redis; servers of this machine share it."""
    with servers.servers[0].client() as client:
        seconds, microseconds = client.time()
    return int(seconds) * 1_000_000 + int(microseconds)


async def test_a_redis_that_refuses_is_answered_for(servers: Servers) -> None:
    async with trial(servers) as held:
        limiter = held.on_redis()
        with servers.configured("requirepass", "secret"):
            for _ in range(FAILURES + 2):
                assert (await limiter.take("a", HOUR, 0)).is_local
        full = held.on_redis()
        with servers.configured("maxmemory", "1"):
            assert (await full.take("a", HOUR, 0)).is_local


async def test_what_is_no_bucket_is_answered_for(servers: Servers) -> None:
    prefix = uuid.uuid4().hex
    limiter = RedisLimiter(servers.url, prefix=prefix, timing=PATIENT)
    name = f"{prefix}:limit:a:30:60000:3600000"
    with servers.holder(name).client() as client:
        client.set(name, "1")
        assert (await limiter.take("a", HOUR, 0)).is_local
        assert client.get(name) == b"1"
        client.delete(name)
    assert not (await limiter.take("a", HOUR, 0)).is_local
    await limiter.close()


async def test_nobody_there_from_the_start(own_server: RedisServer) -> None:
    own_server.kill()
    async with trial(own_server) as held:
        limiter = held.on_redis(timing=HASTY)
        assert await together(limiter, HOUR, 40) == 30
        held.clock.now_us += 120_000_000
        assert await together(limiter, HOUR, 30) == 1


async def test_who_stops_waiting_disturbs_nobody(servers: Servers) -> None:
    async with trial(servers) as held:
        limiter = held.on_redis()
        tasks = [asyncio.ensure_future(limiter.take("a", HOUR, 0)) for _ in range(5)]
        await asyncio.sleep(0)
        tasks[0].cancel()
        tasks[3].cancel()
        rooms = await asyncio.gather(*tasks, return_exceptions=True)
        assert [isinstance(room, Room) and room.admitted for room in rooms] == [False, True, True, False, True]


async def test_who_waits_at_the_end_is_answered(servers: Servers) -> None:
    async with trial(servers) as held:
        limiter = held.on_redis(timing=Timing(deadline_seconds=20, timeout_seconds=0.5))
        with servers.frozen():
            waiting = asyncio.ensure_future(limiter.take("a", HOUR, 0))
            await asyncio.sleep(0)
            await limiter.close()
            assert (await waiting).is_local


async def test_it_remembers_so_many_subjects_and_no_more(servers: Servers) -> None:
    limiter = RedisLimiter(servers.url, prefix=uuid.uuid4().hex, timing=PATIENT, subjects=3)
    for number in range(10):
        assert (await limiter.take(f"{number}", HOUR, 0)).remaining == 29
    assert list(limiter._held) == ["7", "8", "9"]  # noqa: SLF001  there is no other look at its memory
    assert (await limiter.take("0", HOUR, 0)).remaining == 28
    await limiter.close()


async def test_answers_are_counted_by_who_gave_them(servers: Servers) -> None:
    registry = CollectorRegistry()
    counters = LimitCounters(registry)
    async with trial(servers, lease_share=2) as held:
        limiter = held.on_redis(counters=counters)
        assert await together(limiter, FAST, 2) == 2
        held.clock.now_us += 1
        assert await together(limiter, FAST, 3) == 3
        assert await together(limiter, FAST, 3) == 3
        assert await together(limiter, FAST, 40) == 32
        await limiter.take("a", Limits(0, 0, 1), 1)

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(f"stillwatch_limit_{name}_total", labels)

    assert value("answers", answer="admitted", source="lease") == 3
    assert value("answers", answer="admitted", source="redis") == 37
    assert value("answers", answer="refused", source="redis") == 8
    assert value("answers", answer="refused", source="local") == 1
    assert value("leased_requests") == 3
    assert value("unanswered", outcome="late") == value("unanswered", outcome="failed") == 0


@pytest.mark.parametrize("url", ["http://127.0.0.1/", "nonsense", "redis://127.0.0.1:port/0"])
def test_what_is_no_address_of_a_redis_is_one_sentence(url: str) -> None:
    with pytest.raises(StoreError, match=r"^REDIS_URL is not an address of a Redis: "):
        RedisLimiter(url)
