"""The figures that `stillwatch doctor` predicts with, against a real Redis; and what an account may cost at most."""

from collections.abc import Iterator
from itertools import pairwise

import pytest

from agents import sizing
from agents.embedded.processes import wait_until
from agents.store.redis import KEEP_SECONDS
from streams.batch import account_key
from tests.benchmarks.lives import START_MS, Person, busy_person, every_minute, ordinary_days, ten_events
from tests.benchmarks.size import APART, Pipeline, account_size, link_size, mean_size, own_redis

KIB = 1024
ACCOUNTS = 20_000
A_DAY = 0.5
SAMPLE = 1_000


@pytest.fixture(scope="module")
def quiet_redis() -> Iterator[str]:
    """The address of a Redis in which nobody else changes how much memory is used."""
    with own_redis() as url:
        yield url


@pytest.mark.redis
@pytest.mark.parametrize("apart_ms", APART.values(), ids=APART)
async def test_an_account_with_ten_events_takes_a_kibibyte_at_most(quiet_redis: str, apart_ms: int) -> None:
    size = await account_size(quiet_redis, [ten_events(seed, apart_ms=apart_ms) for seed in range(200)])
    assert size.value < size.key < size.redis <= KIB


@pytest.mark.redis
async def test_an_account_expires_29_days_after_its_last_change_and_then_costs_nothing(quiet_redis: str) -> None:
    pipeline = Pipeline(quiet_redis, "size-expiry")
    person, other = Person(1), Person(2)
    key = pipeline.key("observe", account_key(person.account_id))
    try:
        await pipeline.take([person.asks(START_MS)])
        pipeline.client.expire(key, 60)  # as if it had been idle for nearly as long
        await pipeline.take([other.asks(START_MS)])
        assert pipeline.client.ttl(key) <= 60, "who is idle is not kept longer because others are not"
        await pipeline.take([person.asks(START_MS)])
        assert KEEP_SECONDS - 60 <= pipeline.client.ttl(key) <= KEEP_SECONDS == 29 * 24 * 3600
        pipeline.client.pexpire(key, 1)
        assert wait_until(lambda: pipeline.client.get(key) is None, seconds=10)
        assert len(pipeline.keys("observe", "account:")) == 1
    finally:
        await pipeline.close()
    assert sizing.account_bytes(0) == sizing.IDLE_BYTES == 0


@pytest.mark.redis
@pytest.mark.parametrize("requests_a_day", [1 / 3, 1.0, 10.0, sizing.ORDINARY_A_DAY])
async def test_what_an_account_is_said_to_take_is_what_it_takes(quiet_redis: str, requests_a_day: float) -> None:
    people = [Person(seed) for seed in range(30)]
    size = await account_size(quiet_redis, [ordinary_days(people, requests_a_day)])
    assert sizing.account_bytes(requests_a_day) == pytest.approx(size.redis, rel=0.2)


@pytest.mark.no_cover
@pytest.mark.redis
@pytest.mark.slow
async def test_a_hot_account_takes_what_it_is_said_to_take(quiet_redis: str) -> None:
    size = await account_size(quiet_redis, [every_minute(busy_person(1))])
    assert size.redis == pytest.approx(sizing.HOT_BYTES, rel=0.2)


@pytest.mark.redis
async def test_a_shared_link_takes_what_it_is_said_to_take(quiet_redis: str) -> None:
    size, _ = await link_size(quiet_redis, 12, 10.0, 28)
    assert size.redis == pytest.approx(sizing.SHARED_LINK_BYTES, rel=0.3)


@pytest.mark.no_cover
@pytest.mark.redis
@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_the_prediction_for_20_000_accounts_is_within_a_fifth_of_what_redis_then_uses() -> None:
    people = [Person(seed) for seed in range(ACCOUNTS)]
    with own_redis() as url:
        pipeline = Pipeline(url, "stillwatch", networks=True)
        await pipeline.take(ordinary_days(people, A_DAY))
        await pipeline.rest()
        memory = pipeline.client.info("memory")
        at_rest, peak = pipeline.used(), int(memory["used_memory_peak"])
        account = mean_size(pipeline, pipeline.keys("observe", "account:")[:SAMPLE])
        await pipeline.close()
    predicted = sizing.need(ACCOUNTS, A_DAY, 1)
    # The bundled Redis is built with libc's allocator, which rounds up less than jemalloc, Redis's own choice.
    least, most = (0.8, 1.2) if str(memory["mem_allocator"]).startswith("jemalloc") else (1.0, 1.5)
    for said, used in (
        (predicted.accounts, ACCOUNTS * account.redis),
        (predicted.total - predicted.passing, at_rest),
        (predicted.total, peak),
    ):
        assert least * used <= said <= most * used


def test_who_asks_more_takes_more() -> None:
    rates = [0, 0.01, 0.1, 0.5, 1, 2, 5, 20, 30, 100, 1_000, 1_440, 100_000]
    sizes = [sizing.account_bytes(rate) for rate in rates]
    assert sizes == sorted(sizes)
    assert sizing.account_bytes(sizing.ORDINARY_A_DAY) == sizing.ORDINARY_BYTES
    assert sizing.account_bytes(sizing.HOT_A_DAY) == sizes[-1] == sizing.HOT_BYTES
    assert all(low < high for low, high in pairwise(sizing.ACCOUNT_BYTES))


@pytest.mark.parametrize(("size", "words"), [(0, "0 MiB"), (3 * 2**20, "3 MiB"), (3 * 2**29, "1.5 GiB")])
def test_bytes_are_spoken_in_the_unit_a_person_takes(size: int, words: str) -> None:
    assert sizing.spoken(size) == words
