"""Workers are killed at every point of their code, frozen, and come and go: nothing is lost or counted twice."""

import signal
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest

from streams.events import RequestEvent
from tests.faults import ledger
from tests.faults.conftest import World
from tests.faults.faulty_worker import POINTS
from tests.faults.scene import Scene
from tests.integration.worker_harness import WorkerProcess

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow, pytest.mark.timeout(400)]

LIVES = 7
LATEST_PASS = 9
JOINS = 10
SMALL_BATCHES = {"STILLWATCH_BATCH_RECORDS": "60"}


def test_kill_9_at_points_of_the_code(scene: Scene, world: World) -> None:
    points = ("after fold", "after commit, before produce", "in the middle of produce")
    died = live_and_die(scene, world, [(point, number) for number, point in enumerate(points, start=3)])
    scene.balance("worker kill -9 at three points", expected=world.expected, remarks=f"{died} kills")
    assert died == len(points)


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


@pytest.mark.parametrize(
    "point", ["before commit", pytest.param("after commit, before produce", marks=pytest.mark.long)]
)
def test_a_zombie_that_comes_back_after_its_session_is_refused(scene: Scene, world: World, point: str) -> None:
    first, second, third = world.thirds()
    zombie = scene.start(point=point, number=6, deed="stop", **SMALL_BATCHES)
    heir = scene.start()
    for each in (zombie, heir):
        each.until_ready()
    scene.produce(first)
    scene.until("frozen", lambda: is_frozen(zombie))
    scene.produce(second)
    scene.settle()  # which takes the zombie's partitions: its session is over
    zombie.send(signal.SIGCONT)
    scene.healed()
    zombie.until("refused", lambda: ledger.refusals(zombie) > 0)
    scene.produce(third)
    scene.settle()
    scene.balance(f"worker SIGSTOP past its session, {point}", expected=world.expected, remarks=said(zombie))
    assert zombie.drain() == heir.drain() == 0


@pytest.mark.long
def test_a_storm_of_ten_joins_and_leaves(scene: Scene, world: World) -> None:
    """Every other worker leaves without a word, and its partitions stand still for a session's time."""
    scene.ready(**SMALL_BATCHES)
    for number, part in enumerate(parts(world, JOINS + 1)[:-1]):
        guest = scene.ready(**SMALL_BATCHES)
        scene.produce(part)
        if number % 2:
            guest.kill()
        else:
            assert guest.drain() == 0
    finish(scene, world)
    scene.balance(f"rebalance storm of {JOINS} joins and leaves", expected=world.expected)


def live_and_die(scene: Scene, world: World, deaths: list[tuple[str, int]]) -> int:
    """One worker a death, each with a part of the world to work on; how many died by their own hand."""
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


def parts(world: World, count: int) -> list[Sequence[RequestEvent]]:
    size = len(world.events) // count
    return [world.events[at : at + size] for at in range(0, size * count, size)]


def is_frozen(worker: WorkerProcess) -> bool:
    return Path(f"/proc/{worker.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "T"


def said(worker: WorkerProcess) -> str:
    return f"{ledger.refusals(worker)} write(s) refused"
