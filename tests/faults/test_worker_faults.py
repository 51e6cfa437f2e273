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
from tests.integration.worker_harness import READY_SECONDS, WorkerProcess

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


def test_the_write_of_a_zombie_is_refused(scene: Scene, world: World) -> None:
    zombie, heir = come_back(scene, world, "before commit", 6)
    zombie.until("refused", lambda: ledger.refusals(zombie) > 0)
    settle_with(scene, world)
    remarks = f"{ledger.refusals(zombie)} write(s) refused"
    scene.balance("worker SIGSTOP past its session, before commit", expected=world.expected, remarks=remarks)
    assert zombie.drain() == heir.drain() == 0


@pytest.mark.long
def test_what_a_zombie_sends_again_is_counted_once(scene: Scene, world: World) -> None:
    zombie, heir = come_back(scene, world, "after commit, before produce", 2)
    settle_with(scene, world)
    repeats = ledger.repeats(zombie) + ledger.repeats(heir)
    scene.balance(
        "worker SIGSTOP past its session, before produce", expected=world.expected, remarks=f"{repeats} repeats dropped"
    )
    assert repeats > 0
    assert zombie.drain() == heir.drain() == 0


def come_back(scene: Scene, world: World, point: str, number: int) -> tuple[WorkerProcess, WorkerProcess]:
    """Freeze a worker in the middle of its work, let another take all of it over, and let the first go on."""
    first, second, _ = world.thirds()
    zombie = scene.start(**harm_at(point, number, "stop"), **SMALL_BATCHES)
    heir = scene.start()
    for each in (zombie, heir):
        each.until_ready()
    scene.produce(first)
    scene.until("frozen", lambda: is_frozen(zombie))
    scene.produce(second)
    scene.settle()  # which takes the zombie's partitions: its session is over
    zombie.send(signal.SIGCONT)
    scene.healed()
    return zombie, heir


def settle_with(scene: Scene, world: World) -> None:
    """Produce the rest, with the zombie among the living."""
    scene.produce(world.thirds()[2])
    scene.settle()


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
        running = scene.start(**harm_at(point, number, "kill"), **SMALL_BATCHES)
        died += running.wait(READY_SECONDS) == -signal.SIGKILL
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


def harm_at(point: str, number: int, deed: str) -> dict[str, str]:
    return {"FAULT_POINT": point, "FAULT_PASS": str(number), "FAULT_DEED": deed}


def is_frozen(worker: WorkerProcess) -> bool:
    return Path(f"/proc/{worker.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "T"
