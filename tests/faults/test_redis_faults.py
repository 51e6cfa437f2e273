"""Redis dies, hangs, fills up, forgets: the worker waits or builds again, and everything is counted once."""

import pytest

from tests.faults.conftest import World
from tests.faults.scene import Scene

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow, pytest.mark.timeout(300)]


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
    scene.balance("FLUSHALL while running", expected=world.expected)
