"""Redis or the broker is slow: the worker waits with bounded memory, lag grows, health says so, nothing is dropped."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import msgspec
import pytest

from agents.embedded.processes import LOOPBACK
from agents.routing import key_partition
from streams.events import RequestEvent
from tests.contracts.redis_server import RedisServer
from tests.faults import ledger
from tests.faults.brokers import Cluster
from tests.faults.conftest import PARTITIONS, World
from tests.faults.reference import Sent
from tests.faults.scene import Scene, memory_mb
from tests.faults.slow_proxy import SlowProxy, slow_proxy
from tests.integration.worker_harness import WorkerProcess

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(400)]

MEGABYTE = 1_000_000
PADDING_BYTES = 60_000
"""A field that nobody knows makes of an event of half a kilobyte one of the largest, and of 5,000 a real backlog."""

QUIET = 500
REDIS_DELAY_S = 0.25
SLOW_SECONDS = 20.0
STOPPED_S, RUNNING_S = 0.9, 0.1
HEADROOM_MB = 280.0
"""What the fetch buffers of nine partitions, the batches that wait, what is made of them, and four tables of holders
(16 MB each, taken as they fill) may hold at the most."""


@pytest.fixture
def proxy(own_redis: RedisServer) -> Iterator[SlowProxy]:
    with slow_proxy(own_redis.port) as found:
        yield found


def test_a_slow_redis_grows_lag_and_no_memory(scene: Scene, proxy: SlowProxy, world: World) -> None:
    running = scene.ready(**through(proxy))
    scene.produce(world.events[:QUIET])
    scene.settle()
    before = memory_mb(running)
    with proxy.slow(REDIS_DELAY_S):
        backlog_mb = produce_padded(scene, world.events[QUIET:])
        lag = watch(running).lag
    scene.healed()
    scene.settle()
    grown = memory_mb(running, peak=True) - before
    remarks = f"lag up to {lag:,.0f}; memory +{grown:.0f} MB of a backlog of {backlog_mb:.0f} MB"
    scene.balance(f"Redis answers after {REDIS_DELAY_S} s", expected=world.expected, remarks=remarks)
    assert lag > len(world.events) / 2
    assert grown < HEADROOM_MB < backlog_mb


def test_a_slow_broker_grows_lag_and_no_memory(alone: Scene, one: Cluster, world: World) -> None:
    alone.produce(world.events[:QUIET])
    backlog_mb = produce_padded(alone, world.events[QUIET:])
    running = alone.ready()
    before = memory_mb(running)
    alone.until("under way", lambda: alone.counted() > 0)
    with stop_and_go(one):
        lag = watch(running).lag
    alone.healed()
    alone.settle()
    grown = memory_mb(running, peak=True) - before
    remarks = f"lag up to {lag:,.0f}; memory +{grown:.0f} MB of a backlog of {backlog_mb:.0f} MB"
    alone.balance(f"broker stopped {STOPPED_S} of every second", expected=world.expected, remarks=remarks)
    assert lag > 0
    assert grown < HEADROOM_MB < backlog_mb


def test_a_slow_redis_is_called_degraded(scene: Scene, proxy: SlowProxy, world: World) -> None:
    running = scene.ready(**through(proxy))
    with proxy.slow(REDIS_DELAY_S):
        scene.produce(world.events)
        assert watch(running).degraded
    running.until("well again", lambda: not ledger.is_degraded(running))


def test_a_broker_that_does_not_answer_is_called_degraded(alone: Scene, one: Cluster, world: World) -> None:
    alone.produce(world.events)
    running = alone.ready()
    alone.until("under way", lambda: alone.counted() > 0)
    with one.frozen(1):
        assert watch(running).degraded
    running.until("well again", lambda: not ledger.is_degraded(running))


class Watched(msgspec.Struct):
    """What a worker showed while something was slow."""

    lag: float = 0.0
    degraded: bool = False


def watch(running: WorkerProcess) -> Watched:
    """Look at health and metrics for as long as something is slow."""
    found = Watched()
    deadline = time.monotonic() + SLOW_SECONDS
    while time.monotonic() < deadline:
        found.lag = max(found.lag, lag_of(running))
        found.degraded = found.degraded or ledger.is_degraded(running)
        time.sleep(0.2)
    return found


def through(proxy: SlowProxy) -> dict[str, str]:
    return {"REDIS_URL": f"redis://{LOOPBACK}:{proxy.port}/0"}


def produce_padded(scene: Scene, events: Sequence[RequestEvent]) -> float:
    """Send events made large by a field that nobody knows; how many megabytes that makes."""
    padding = b',"padding":"' + b"x" * PADDING_BYTES + b'"}'
    values = [msgspec.json.encode(event)[:-1] + padding for event in events]
    scene.kafka.put(
        scene.deployment.topics.requests,
        [
            (key_partition(event.account_id, PARTITIONS), event.account_id.encode(), value, None)
            for event, value in zip(events, values, strict=True)
        ],
    )
    scene.sent += [Sent(event, event.occurred_at_ms) for event in events]
    return sum(map(len, values)) / MEGABYTE


@contextmanager
def stop_and_go(one: Cluster) -> Iterator[None]:
    """For the block the broker runs a tenth of the time."""
    ending = threading.Event()

    def cycle() -> None:
        while not ending.is_set():
            with one.frozen(1):
                time.sleep(STOPPED_S)
            time.sleep(RUNNING_S)

    thread = threading.Thread(target=cycle)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join()


def lag_of(running: WorkerProcess) -> float:
    return sum(count for name, count in running.metrics().items() if name.startswith("stillwatch_lag_records"))
