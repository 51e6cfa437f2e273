"""The pool hands accounts out as a relay's scheduler does, and replaces those it loses."""

from msgspec.structs import replace

from streams.scenarios import MONDAY_MS, Stage
from streams.scenarios.pool import Pool
from streams.scenarios.stage import HOUR_MS

LONGER_THAN_STICKY_MS = 2 * HOUR_MS


class Limited:
    """Accounts that are limited from some time on."""

    def __init__(self) -> None:
        self.since_ms: dict[str, int] = {}
        self.exchanges = 0.0
        self.cover = 0.0

    def limited(self, account_id: str, at_ms: int) -> bool:
        return at_ms >= self.since_ms.get(account_id, at_ms + 1)

    def turned_away(self, campaign_id: str, _at_ms: int, exchanges: float, cover: float = 0.0) -> None:
        assert campaign_id == "relay"
        self.exchanges += exchanges
        self.cover += cover


STAGE = Stage("relay", 1, 1.0, MONDAY_MS)


def test_a_worker_keeps_its_account_for_about_an_hour() -> None:
    pool = Pool(STAGE, 3)
    first = pool.account_for(1, MONDAY_MS)
    assert pool.account_for(1, MONDAY_MS + int(0.79 * HOUR_MS)) == first
    assert pool.account_for(1, MONDAY_MS + int(1.21 * HOUR_MS)) != first


def test_the_least_recently_used_account_is_next() -> None:
    pool = Pool(STAGE, 3)
    assert [pool.least_recently_used(MONDAY_MS) for _ in range(6)] == [0, 1, 2, 0, 1, 2]


def test_the_higher_priority_goes_first_while_it_has_room() -> None:
    pool = Pool(STAGE, 4, priorities=2, sessions=1)
    assert [pool.account_for(worker, MONDAY_MS) for worker in range(4)] == [0, 2, 1, 3]
    assert pool.account_for(5, MONDAY_MS) is None


def test_an_account_takes_another_worker_when_one_has_left_it() -> None:
    pool = Pool(STAGE, 1, sessions=1)
    assert pool.account_for(1, MONDAY_MS) == 0
    assert pool.account_for(2, MONDAY_MS + LONGER_THAN_STICKY_MS) is None
    assert pool.account_for(1, MONDAY_MS + LONGER_THAN_STICKY_MS) == 0


def test_a_limited_account_is_dropped_by_its_worker_and_by_the_others() -> None:
    limits = Limited()
    stage = replace(STAGE, limits=limits)
    pool = Pool(stage, 2)
    assert pool.account_for(1, MONDAY_MS) == 0
    limits.since_ms[stage.account(0)] = MONDAY_MS + 1
    assert pool.account_for(1, MONDAY_MS + 1) == 1
    assert [pool.least_recently_used(MONDAY_MS + 2) for _ in range(3)] == [1, 1, 1]


def test_a_pool_that_replaces_nobody_runs_dry() -> None:
    limits = Limited()
    stage = replace(STAGE, limits=limits)
    pool = Pool(stage, 1)
    limits.since_ms[stage.account(0)] = MONDAY_MS
    assert pool.least_recently_used(MONDAY_MS) is None
    assert pool.least_recently_used(MONDAY_MS, 3.0, cover=2.0) is None
    assert pool.account_for(1, MONDAY_MS, 3.5) is None
    assert (limits.exchanges, limits.cover) == (1 + 3 + 3.5, 2)


def test_a_limited_account_is_replaced_in_time_by_one_that_was_just_opened() -> None:
    limits = Limited()
    stage = replace(STAGE, limits=limits)
    pool = Pool(stage, 1, replaced_after_ms=(HOUR_MS, 2 * HOUR_MS))
    limits.since_ms[stage.account(0)] = MONDAY_MS
    assert pool.account_for(1, MONDAY_MS) is None
    assert pool.account_for(1, MONDAY_MS + HOUR_MS - 1) is None
    assert pool.account_for(1, MONDAY_MS + 2 * HOUR_MS) == 1
    assert MONDAY_MS - HOUR_MS < pool.opened_ms[1] < MONDAY_MS + 2 * HOUR_MS
