"""Records that nobody can read, and topics that take nothing: dead letters wait, nothing is dropped."""

import pytest

from tests.faults.conftest import PARTITIONS, World
from tests.faults.kafka_side import Raw
from tests.faults.scene import Scene

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow, pytest.mark.timeout(300)]

TINY_BYTES = 100


@pytest.mark.parametrize("count", [1, 100, pytest.param(10_000, marks=pytest.mark.long)])
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


@pytest.mark.parametrize(
    "settings",
    [{"max_message_bytes": TINY_BYTES}, pytest.param({"min_insync_replicas": 2}, marks=pytest.mark.long)],
    ids=["too small", "too few replicas"],
)
@pytest.mark.parametrize("topic", ["dlq", "enforcement"])
def test_a_topic_that_takes_nothing_is_waited_for(
    scene: Scene, world: World, topic: str, settings: dict[str, int]
) -> None:
    first, second, third = world.thirds()
    running = scene.ready()
    with scene.kafka.configured(getattr(scene.deployment.topics, topic), **settings):
        scene.produce(first)
        scene.harm(poison(40))
        scene.produce(second)
        running.until("waiting", lambda: running.get("/readyz")[0] == 503)
        scene.hold(2, running)
    scene.healed()
    scene.produce(third)
    scene.settle()
    (setting,) = settings
    said = next(line for line in running.log.splitlines() if "stands still" in line).rpartition("stands still: ")[2]
    scene.balance(f"{topic} refused by {setting}", expected=world.expected, remarks=said[:60])
    running.until_ready()


def poison(count: int) -> list[Raw]:
    """Bytes that are no text, text that is no event, and records without a value, all of one partition."""
    kinds = (b"\xff\xfe\x00", b"{}", b"a request, honestly", None)
    return [
        (count % PARTITIONS, b"k-%d" % number, None if kind is None else kind + b" %d" % number, None)
        for number in range(count)
        for kind in (kinds[number % len(kinds)],)
    ]
