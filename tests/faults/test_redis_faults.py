"""Redis hangs, fills up, forgets: the worker waits or builds again, and everything is counted once."""

import shutil
from pathlib import Path

import pytest

from tests.faults import ledger
from tests.faults.conftest import World
from tests.faults.scene import Scene

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow, pytest.mark.timeout(300)]

ROOM_BYTES = 300_000
UNBEARABLE_SECONDS = 10
"""After so long without an answer the worker must have said so."""


@pytest.mark.parametrize("seconds", [2, pytest.param(30, marks=pytest.mark.long)])
def test_a_redis_that_is_frozen_is_waited_for(scene: Scene, world: World, seconds: int) -> None:
    first, second, third = world.thirds()
    running = scene.ready()
    scene.produce(first)
    scene.until("under way", lambda: scene.counted() > 0)
    with scene.redis.frozen():
        scene.produce(second)
        scene.hold(seconds, running)
        assert seconds < UNBEARABLE_SECONDS or ledger.is_degraded(running)
    scene.healed()
    scene.produce(third)
    scene.settle()
    scene.balance(f"Redis SIGSTOP {seconds} s", expected=world.expected, remarks=waited(running.log))


def test_flushall_while_running_is_built_again_from_the_log(scene: Scene, world: World) -> None:
    first, second, third = world.thirds()
    running = scene.ready()
    scene.produce(first)
    scene.settle()
    scene.produce(second)
    scene.until("under way", lambda: scene.counted() > len(first))
    with scene.redis.client() as client:
        client.flushall()
    scene.healed()
    scene.produce(third)
    scene.settle()
    scene.balance("FLUSHALL while running", expected=world.expected, remarks=waited(running.log))


def test_a_redis_restored_from_an_old_snapshot_is_brought_up_to_date_from_the_log(
    scene: Scene, world: World, redis_folder: Path, tmp_path: Path
) -> None:
    first, second, third = world.thirds()
    snapshot = tmp_path / "old.rdb"
    running = scene.ready()
    scene.produce(first)
    scene.until("under way", lambda: scene.counted() > len(first) // 2)
    with scene.redis.client() as client:
        client.save()
    shutil.copy(redis_folder / "dump.rdb", snapshot)
    scene.produce(second)
    scene.settle()
    scene.redis.kill()
    shutil.rmtree(redis_folder / "appendonlydir", ignore_errors=True)
    (redis_folder / "appendonly.aof").unlink(missing_ok=True)
    shutil.copy(snapshot, redis_folder / "dump.rdb")
    scene.redis.start("--appendonly", "no")
    scene.healed()
    scene.produce(third)
    scene.settle()
    scene.balance("Redis killed, back with an old RDB", expected=world.expected, remarks=waited(running.log))


@pytest.mark.long
def test_a_redis_that_is_killed_and_comes_back_with_all_its_data_is_waited_for(scene: Scene, world: World) -> None:
    first, second, third = world.thirds()
    running = scene.ready()
    scene.produce(first)
    scene.until("under way", lambda: scene.counted() > 0)
    scene.redis.kill()
    scene.produce(second)
    running.until("waiting", lambda: ledger.is_degraded(running))
    scene.redis.start()
    scene.healed()
    scene.produce(third)
    scene.settle()
    scene.balance("Redis kill -9, back with all its data", expected=world.expected, remarks=waited(running.log))


@pytest.mark.long
def test_a_redis_at_its_maxmemory_is_waited_for(scene: Scene, world: World) -> None:
    running = scene.ready()
    with scene.redis.client() as client:
        room = int(client.info("memory")["used_memory"]) + ROOM_BYTES
    with scene.redis.configured("maxmemory", str(room)):
        scene.produce(world.events)
        running.until("waiting", lambda: "maxmemory" in running.get("/readyz")[1])
        scene.hold(3, running)
    scene.healed()
    scene.settle()
    scene.balance("Redis at its maxmemory, then given more", expected=world.expected, remarks=waited(running.log))


def waited(log: str) -> str:
    """How often the worker said that it stands still."""
    return f"stood still {log.count('stands still')} time(s)"
