"""Three workers are replaced one after the other while records keep coming, as an upgrade does it.

The row says how long the partition waited that waited longest: seconds between two moves of its offset in the store,
while records for it came all the time.
"""

import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from streams.events import RequestEvent
from tests.faults import ledger
from tests.faults.conftest import World
from tests.faults.scene import IN_STEP, SLOTS, Scene

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow, pytest.mark.timeout(300)]

WORKERS = 3
A_SECOND = 60
OF_THE_REST = 200
"""So many events a second at most, and in a slot one in so many of those that are left: they outlast the restarts."""

LOOK_EVERY_S = 0.05


class Pauses(threading.Thread):
    """Watches where each partition of the requests stands; `longest` is the longest time that one did not move."""

    def __init__(self, scene: Scene) -> None:
        super().__init__(daemon=True)
        self.longest = 0.0
        self._scene = scene
        self._stop_now = threading.Event()

    def run(self) -> None:
        stood: dict[int, tuple[int, float]] = {}
        while not self._stop_now.wait(LOOK_EVERY_S):
            now = time.monotonic()
            for number, offset in ledger.offsets(self._scene.deployment, "observe").items():
                before, since = stood.setdefault(number, (offset, now))
                if offset != before:
                    self.longest = max(self.longest, now - since)
                    stood[number] = offset, now

    def stop(self) -> None:
        self._stop_now.set()
        self.join(10)


@contextmanager
def watched(scene: Scene) -> Iterator[Pauses]:
    """Watch during the block, and no longer whatever becomes of it: after it the store may be gone."""
    pauses = Pauses(scene)
    pauses.start()
    try:
        yield pauses
    finally:
        pauses.stop()


@contextmanager
def coming(scene: Scene, events: Sequence[RequestEvent]) -> Iterator[None]:
    """Send events during the block, fewer and fewer so that some are left, and those somewhat faster after it."""
    is_over = threading.Event()

    def send() -> None:
        at = 0
        while at < len(events) - 1 and not is_over.wait(1 / SLOTS):
            some = max(1, min(A_SECOND // SLOTS, (len(events) - at) // OF_THE_REST))
            scene.produce(events[at : at + some])
            at += some
        is_over.wait()
        scene.pace(events[at:], IN_STEP)

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    try:
        yield
    finally:
        is_over.set()
        sender.join(60)


@pytest.mark.parametrize("rounds", [1, pytest.param(3, marks=pytest.mark.long)])
def test_three_workers_are_replaced_one_after_the_other_under_load(
    scene: Scene, world: World, large_world: World, rounds: int
) -> None:
    load = world if rounds == 1 else large_world
    running = deque(scene.start() for _ in range(WORKERS))
    for each in running:
        each.until_ready()
    with watched(scene) as pauses, coming(scene, load.events):
        scene.until("under way", lambda: scene.counted() > A_SECOND)
        for _ in range(WORKERS * rounds):
            assert running.popleft().drain() == 0
            running.append(scene.ready())
    scene.healed()
    scene.settle()
    scene.balance(
        f"{WORKERS} workers replaced one by one, {rounds} time(s)",
        expected=load.expected,
        remarks=f"longest pause of a partition {pauses.longest:.1f} s",
    )
    scene.assert_log_is_what_was_sent()
