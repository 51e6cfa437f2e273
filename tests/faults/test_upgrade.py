"""Workers of two versions side by side, where the newer one writes states that the older one does not know.

The newer version is this one, told that it writes one format more. What an older worker must not touch it refuses in a
sentence, and nothing of it is changed; the newer ones go on with it.
"""

from collections.abc import Mapping

import pytest
import redis

from agents.store import FORMAT
from tests.faults.conftest import World
from tests.faults.scene import Scene

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(300)]

NEWER = {"FAULT_FORMAT": str(FORMAT + 1)}
REFUSED = f"in format {FORMAT + 1}, and this Stillwatch knows format {FORMAT}: run a newer one"
UNUSABLE = 2


def test_an_older_worker_refuses_what_a_newer_one_wrote_and_nothing_is_lost(scene: Scene, world: World) -> None:
    first, second, third = world.thirds()
    older = scene.ready()
    scene.produce(first)
    scene.settle()
    newer = scene.ready(**NEWER)
    scene.produce(second)
    scene.settle()
    newer.drain()  # its partitions go to the older one
    assert older.wait(60) == UNUSABLE
    assert REFUSED in older.log
    assert "Traceback" not in older.log
    held = states(scene)
    downgraded = scene.start()
    assert downgraded.wait(60) == UNUSABLE
    assert downgraded.log.count(REFUSED) == 1
    assert "assigned" not in downgraded.log  # it never took part
    assert states(scene) == held
    scene.produce(third)
    scene.healed()
    scene.start(**NEWER)
    scene.settle()
    scene.balance("a worker of a newer format, and back", expected=world.expected)


def states(scene: Scene) -> Mapping[bytes, bytes | None]:
    """Everything that Redis holds of the deployment."""
    with redis.Redis.from_url(scene.deployment.redis_url) as client:
        names = sorted(client.scan_iter(match=f"{scene.deployment.prefix}:*", count=5_000))
        return dict(zip(names, client.mget(names), strict=True))
