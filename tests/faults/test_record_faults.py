"""Records that nobody can read, and topics that take nothing: dead letters wait, nothing is dropped."""

import pytest

from tests.faults.conftest import PARTITIONS, World
from tests.faults.kafka_side import Raw
from tests.faults.scene import Scene
from tests.integration.worker_harness import WorkerProcess

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow, pytest.mark.timeout(300)]

TINY_BYTES = 100


@pytest.mark.parametrize(
    "count", [pytest.param(1, marks=pytest.mark.long), 100, pytest.param(10_000, marks=pytest.mark.long)]
)
def test_poison_in_a_row_becomes_dead_letters_and_holds_up_nobody(scene: Scene, world: World, count: int) -> None:
    first, second, third = world.thirds()
    scene.produce(first)
    scene.ready()
    scene.harm(poison(count))
    scene.healed()
    scene.produce(second)
    scene.produce(third)
    scene.settle()
    scene.balance(f"{count:,} poisoned record(s) in a row", expected=world.expected)
    scene.assert_log_is_what_was_sent()


@pytest.mark.parametrize("topic", ["dlq", "enforcement"])
def test_a_topic_that_takes_nothing_is_waited_for(scene: Scene, world: World, topic: str) -> None:
    running = scene.ready()
    with scene.kafka.configured(getattr(scene.deployment.topics, topic), max_message_bytes=TINY_BYTES):
        said = refused(scene, world, running)
    settle_with(scene, world)
    scene.balance(f"{topic} refuses every record, later mended", expected=world.expected, remarks=said)
    running.until_ready()


@pytest.mark.long
@pytest.mark.parametrize("topic", ["dlq", "enforcement"])
def test_a_topic_that_is_gone_is_waited_for(scene: Scene, world: World, topic: str) -> None:
    running = scene.ready()
    with scene.kafka.without(getattr(scene.deployment.topics, topic)):
        said = refused(scene, world, running)
    settle_with(scene, world)
    scene.balance(f"{topic} is gone, later created", expected=world.expected, remarks=said)
    running.until_ready()


def refused(scene: Scene, world: World, running: WorkerProcess) -> str:
    """Send what cannot go on; what the worker says about it."""
    first, second, _ = world.thirds()
    scene.produce(first)
    scene.harm(poison(40))
    scene.produce(second)
    running.until("waiting", lambda: running.get("/readyz")[0] == 503)
    scene.hold(2, running)
    return running.get("/readyz")[1].strip()[:60]


def settle_with(scene: Scene, world: World) -> None:
    """Produce the rest, with the topic mended."""
    scene.healed()
    scene.produce(world.thirds()[2])
    scene.settle()


def poison(count: int) -> list[Raw]:
    """Bytes that are no text, text that is no event, and records without a value, all of one partition."""
    kinds = (b"\xff\xfe\x00", b"{}", b"a request, honestly", None)
    return [
        (count % PARTITIONS, b"k-%d" % number, None if kind is None else kind + b" %d" % number, None)
        for number in range(count)
        for kind in (kinds[number % len(kinds)],)
    ]
