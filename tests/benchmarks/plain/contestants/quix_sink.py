"""Quix Streams with a batching sink: what came since the last checkpoint is folded and written to Redis at once.

The sink is one of `BatchingSink`, which is called at every checkpoint, before the position is committed: at least once.
"""

from typing import Any

from confluent_kafka import Consumer, TopicPartition
from quixstreams import Application
from quixstreams.sinks.base import BatchingSink, SinkBatch
from redis import Redis

from tests.benchmarks.plain import in_redis
from tests.benchmarks.plain.job import decode
from tests.benchmarks.plain.told import Told, act

CHECKPOINT_EVENTS = 50_000
CHECKPOINT_SECONDS = 1.0


class WindowsSink(BatchingSink):  # type: ignore[misc]  # Quix Streams is not installed where types are checked
    """Windows in Redis, and the alerts that are due."""

    def __init__(self, told: Told, app: Application) -> None:
        super().__init__()
        self._told = told
        self._held = in_redis.Held(told.prefix, told.limit)
        self._redis = Redis.from_url(told.redis_url)
        self._producer = app.get_producer()

    def write(self, batch: SinkBatch) -> None:
        """Take the batch of one partition: one MGET, one MSET, alerts acknowledged."""
        held, number = self._held, batch.partition
        events = [item.value for item in batch]
        accounts, networks, keys = held.missing(number, events)
        if keys:
            held.hold(number, accounts, networks, self._redis.mget(keys))
        for key, value in held.fold(number, events):
            self._producer.produce(topic=self._told.alerts, key=key, value=value)
        self._producer.flush()
        self._redis.mset(held.changed())


def run(told: Told) -> None:
    """Read to the end."""
    app = Application(
        told.bootstrap_servers,
        consumer_group=told.prefix,
        auto_offset_reset="earliest",
        commit_every=CHECKPOINT_EVENTS,
        commit_interval=CHECKPOINT_SECONDS,
        state_dir=told.folder,
        auto_create_topics=False,
        loglevel="WARNING",
        consumer_extra_config={"session.timeout.ms": 6_000, "fetch.queue.backoff.ms": 20},
        on_message_processed=(ended := Ended(told)).note,
    )
    ended.app = app
    topic = app.topic(told.topic, key_deserializer="bytes", value_deserializer="bytes")

    def decoded(value: bytes) -> Any:  # noqa: ANN401
        told.first()
        return decode(value)

    app.dataframe(topic).apply(decoded).sink(WindowsSink(told, app))
    if ended.left:
        app.run()
    told.done()


class Ended:
    """Stops the application when every partition has been worked off; it then makes its last checkpoint."""

    def __init__(self, told: Told) -> None:
        done = _committed(told)
        self.left = {number: end for number, end in told.ends.items() if end > done[number]}
        self.app: Any = None

    def note(self, _topic: str, partition: int, offset: int) -> None:
        """One event has been worked off."""
        if offset + 1 == self.left.get(partition):
            del self.left[partition]
            if not self.left:
                self.app.stop()


def _committed(told: Told) -> dict[int, int]:
    """What was committed before a kill: a partition that was done then brings no event any more."""
    consumer = Consumer({"bootstrap.servers": told.bootstrap_servers, "group.id": told.prefix})
    try:
        found = consumer.committed([TopicPartition(told.topic, number) for number in told.ends], timeout=30)
    finally:
        consumer.close()
    return {it.partition: it.offset for it in found}


if __name__ == "__main__":
    act(run, in_redis.windows)
