"""Workers are killed at every point of their code, frozen, and come and go: nothing is lost or counted twice."""

import signal
from random import Random

import pytest

from tests.faults import ledger
from tests.faults.conftest import World
from tests.faults.faulty_worker import POINTS
from tests.faults.scene import Scene
from tests.integration.worker_harness import WorkerProcess

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow, pytest.mark.timeout(400)]

LIVES = 7
SHORT_LIVES = ("before load", "after fold", "after commit, before produce", "in the middle of produce")
LATEST_PASS = 9
SESSION_SECONDS = 10.0
"""After so long without a heartbeat the group gives a worker's partitions to others (agents.worker.SESSION_S)."""

SMALL_BATCHES = {"STILLWATCH_BATCH_RECORDS": "60"}


def test_kill_9_at_four_points_of_the_code(scene: Scene, world: World) -> None:
    died = live_and_die(scene, world, [(point, Random(point).randint(1, LATEST_PASS)) for point in SHORT_LIVES])
    scene.balance("worker kill -9 at four points", expected=world.expected, remarks=f"{died} kills")
    assert died == len(SHORT_LIVES)


@pytest.mark.long
@pytest.mark.parametrize("point", POINTS)
def test_kill_9_at_a_point_of_the_code(scene: Scene, world: World, point: str) -> None:
    random = Random(point)
    died = live_and_die(scene, world, [(point, random.randint(1, LATEST_PASS)) for _ in range(LIVES)])
    scene.balance(f"worker kill -9 {point}", expected=world.expected, remarks=f"{died} kills")
    assert died == LIVES


@pytest.mark.long
def test_kill_9_from_outside_at_any_moment(scene: Scene, world: World) -> None:
    random = Random(9)
    for part in parts(world, LIVES + 1)[:-1]:
        running = scene.ready(**SMALL_BATCHES)
        scene.produce(part)
        scene.hold(random.random(), running)
        running.kill()
        scene.kafka.evict()
    finish(scene, world)
    scene.balance("worker kill -9 from outside, at random", expected=world.expected, remarks=f"{LIVES} kills")


def live_and_die(scene: Scene, world: World, deaths: list[tuple[str, int]]) -> int:
    """One worker a death, each with a part of the world to work on; how many died of themselves."""
    died = 0
    for (point, number), part in zip(deaths, parts(world, len(deaths) + 1), strict=False):
        scene.produce(part)
        running = scene.start(point=point, number=number, **SMALL_BATCHES)
        died += running.wait(60) == -signal.SIGKILL
        scene.kafka.evict()
    finish(scene, world)
    return died


def finish(scene: Scene, world: World) -> None:
    """A last worker takes what is left."""
    scene.produce(world.events[len(scene.sent) :])
    scene.healed()
    scene.start()
    scene.settle()
    scene.assert_log_is_what_was_sent()


def parts(world: World, count: int) -> list[list[object]]:
    size = len(world.events) // count
    return [world.events[at : at + size] for at in range(0, size * count, size)]
