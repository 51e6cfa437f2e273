"""More than usual: a burst, one account that makes half of all traffic, a million accounts that nobody saw before."""

from heapq import merge

import pytest

from streams.events import RequestEvent
from tests.faults import traffic
from tests.faults.conftest import World
from tests.faults.reference import Expected, account_windows, link_windows
from tests.faults.scene import IN_STEP, Scene, memory_mb

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow, pytest.mark.long]

A_SECOND = 400
BURST = 10
NEWCOMERS = 1_000_000
AT_ONCE = 50_000
WHOLE_BATCHES = {"STILLWATCH_BATCH_RECORDS": "2000"}


@pytest.mark.timeout(300)
def test_a_burst_of_ten_times_the_usual_grows_lag_and_is_worked_off(scene: Scene, large_world: World) -> None:
    quiet = 5 * A_SECOND
    events = large_world.events
    running = scene.ready(**WHOLE_BATCHES)
    scene.pace(events[:quiet], A_SECOND)
    scene.pace(events[quiet:-quiet], BURST * A_SECOND)
    scene.healed()
    lag = sum(count for name, count in running.metrics().items() if name.startswith("stillwatch_lag_records"))
    scene.pace(events[-quiet:], A_SECOND)
    scene.settle()
    remarks = f"{BURST * A_SECOND:,} events/s, then a lag of {lag:,.0f}"
    scene.balance(f"{BURST}x burst", expected=large_world.expected, remarks=remarks)


@pytest.mark.timeout(300)
def test_one_account_with_half_of_all_traffic_is_counted_like_any_other(scene: Scene, world: World) -> None:
    hot = traffic.hot_account(3, len(world.events))
    scene.ready(**WHOLE_BATCHES)
    scene.pace(list(merge(world.events, hot, key=lambda event: event.occurred_at_ms)), IN_STEP)
    scene.healed()
    scene.settle()
    scene.balance("one account with half of all traffic", remarks=f"{IN_STEP:,} events/s")


@pytest.mark.timeout(1800)
def test_a_million_accounts_that_nobody_saw_before_are_all_counted(scene: Scene) -> None:
    running = scene.ready(**WHOLE_BATCHES)
    waiting: list[RequestEvent] = []
    for event in traffic.newcomers(NEWCOMERS):
        waiting.append(event)
        if len(waiting) == AT_ONCE:
            scene.produce(waiting)
            waiting.clear()
    scene.healed()
    scene.settle(seconds=1200)
    # One event each: nobody is looked at, so there is nothing to replay.
    expected = Expected(account_windows(scene.sent), link_windows(scene.sent), frozenset(), frozenset(), {})
    remarks = f"worker's peak {memory_mb(running, peak=True):.0f} MB"
    scene.balance(f"{NEWCOMERS:,} new accounts", expected=expected, remarks=remarks)
