"""The log is not what it was: cut at its beginning, cut at its end, or made again under the offset that Redis holds.

What the log still has is counted once, what was counted stays counted, and the worker says in one sentence what it met.
"""

from collections.abc import Sequence

import msgspec
import pytest

from streams.events import RequestEvent
from tests.faults import ledger
from tests.faults.brokers import Cluster
from tests.faults.conftest import World
from tests.faults.scene import Scene

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(300)]

BATCH = 500
"""What one call produces is one batch a partition; a log is cut between batches."""

SENTENCE = "was to be read from offset"


def test_retention_past_the_offset_of_redis_is_said_and_the_rest_is_counted(scene: Scene, world: World) -> None:
    first, second, third = world.thirds()
    topic = scene.deployment.topics.requests
    work_off(scene, first)
    scene.produce(second)
    stood, ends = ledger.offsets(scene.deployment, "observe"), scene.kafka.ends(topic)
    begins = {number: (stood[number] + ends[number]) // 2 for number in ends}
    gone = {
        msgspec.json.decode(it.value, type=RequestEvent).event_id
        for it in scene.kafka.read(topic)
        if stood[it.partition] < it.offset < begins[it.partition]
    }
    scene.kafka.remove_before(topic, begins)
    scene.sent = [it for it in scene.sent if it.event.event_id not in gone]
    scene.same_offsets = False
    go_on(scene, third, "retention past Redis's offset", f"{len(gone)} events were removed unread")


def test_a_topic_made_again_with_a_shorter_log_is_said_and_counted_on_top(scene: Scene, world: World) -> None:
    first, second, third = world.thirds()
    work_off(scene, [*first, *second])
    make_again(scene)
    go_on(scene, third, "requests made again, log shorter than Redis's offset")


def test_a_topic_made_again_with_a_longer_log_is_said_and_counted_on_top(scene: Scene, world: World) -> None:
    first, second, third = world.thirds()
    work_off(scene, first)
    make_again(scene)
    scene.produce(second)
    go_on(scene, third, "requests made again, log longer than Redis's offset")


def test_a_topic_made_again_under_a_running_worker_is_said_and_counted_on_top(scene: Scene, world: World) -> None:
    first, second, third = world.thirds()
    running = scene.ready()
    scene.produce([*first, *second])
    scene.settle()
    make_again(scene)
    scene.healed()
    scene.produce(third)
    scene.settle(seconds=30)
    scene.balance("requests made again under a running worker", remarks=said(running.log))
    assert SENTENCE in running.log


def test_a_log_that_lost_its_end_is_said_and_nothing_is_counted_again(alone: Scene, one: Cluster, world: World) -> None:
    first, second, third = world.thirds()
    topic = alone.deployment.topics.requests
    work_off(alone, [*first, *second])
    ends = alone.kafka.ends(topic)
    alone.disconnect()
    one.stop()
    one.cut_logs(topic)
    one.restart()
    assert all(0 < end < ends[number] for number, end in alone.kafka.ends(topic).items())
    alone.same_offsets = False
    go_on(alone, third, "requests cut short under Redis's offset")


def work_off(scene: Scene, events: Sequence[RequestEvent]) -> None:
    """Let a worker take `events` to their end, and leave in good order."""
    running = scene.ready()
    for at in range(0, len(events), BATCH):
        scene.produce(events[at : at + BATCH])
    scene.settle()
    assert running.drain() == 0


def go_on(scene: Scene, events: Sequence[RequestEvent], fault: str, remarks: str = "") -> None:
    """Let the next worker meet what became of the log, and `events` after it."""
    scene.healed()
    running = scene.ready()
    scene.pace(events)
    scene.settle()
    scene.balance(fault, remarks=remarks or said(running.log))
    assert SENTENCE in running.log


def make_again(scene: Scene) -> None:
    scene.disconnect()
    with scene.kafka.without(scene.deployment.topics.requests):
        pass
    scene.same_offsets = False


def said(log: str) -> str:
    """How many partitions the worker said the sentence about."""
    return f"said for {log.count(SENTENCE)} partition(s)"
