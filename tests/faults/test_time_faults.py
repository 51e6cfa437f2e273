"""Time that is not what it seems: events an hour late, and clocks that jump an hour on and back."""

import signal
import time
from collections.abc import Sequence

import pytest

from streams.events import RequestEvent
from tests.faults import traffic
from tests.faults.conftest import World
from tests.faults.reference import Sent
from tests.faults.scene import Scene

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(300)]

LATENCY_MS = 400


def test_events_that_come_an_hour_late_are_counted_in_their_own_bucket(scene: Scene, world: World) -> None:
    running = scene.ready()
    scene.produce(traffic.late(world.events, traffic.HOUR_MS, every=10))
    scene.healed()
    scene.settle()
    late = running.metrics()['stillwatch_late_events_total{stage="observe"}']
    scene.balance("every tenth event an hour late", remarks=f"{late:.0f} counted as late")
    first_ones = len({event.account_id for event in world.events})  # an account's first event is never late
    assert late > len(world.events) // 10 - first_ones


@pytest.mark.parametrize("hours", [1, -1])
def test_a_host_whose_clock_jumps_by_an_hour_counts_every_event_once(scene: Scene, world: World, hours: int) -> None:
    """The clock of the worker jumps (`time.time` of its process), and that of the broker with it.

    The broker's cannot be moved from here, so the topic takes the producer's time as that of the append, and the
    producer says what a broker would say whose clock has jumped. Event times are made by gateways, whose clocks are
    right.
    """
    today_ms = int(time.time() * 1000) // traffic.DAY_MS * traffic.DAY_MS
    events = traffic.moved(world.events, today_ms - 2 * traffic.DAY_MS)
    third = len(events) // 3
    there, back = (signal.SIGUSR1, signal.SIGUSR2) if hours > 0 else (signal.SIGUSR2, signal.SIGUSR1)
    running = scene.ready()
    with scene.kafka.configured(scene.deployment.topics.requests, message_timestamp_type="CreateTime"):
        scene.produce_at(appended(events[:third], 0))
        scene.settle()
        running.send(there)
        running.until("moved", lambda: "the clock was moved" in running.log)
        scene.produce_at(appended(events[third : 2 * third], hours * traffic.HOUR_MS))
        scene.settle()
        running.send(back)
        scene.healed()
        scene.produce_at(appended(events[2 * third :], 0))
        scene.settle()
    clamped = running.metrics()["stillwatch_clamped_events_total"]
    scene.balance(f"clock moved by {hours:+d} h, and back", remarks=f"{clamped:.0f} events clamped to their append")
    assert clamped == (third if hours < 0 else 0)
    assert running.get("/healthz")[0] == 200


def appended(events: Sequence[RequestEvent], shift_ms: int) -> list[Sent]:
    """Each event as a broker takes it soon after it was made, whose clock is `shift_ms` ahead."""
    return [Sent(event, event.occurred_at_ms + LATENCY_MS + shift_ms) for event in events]
