"""The floor: a batch loop over confluent-kafka written for this job alone. What a framework adds is above it.

At least once: alerts first, then windows, then the position. A kill before the last counts a batch twice.
"""

from confluent_kafka import Consumer, Producer, TopicPartition
from redis import Redis

from tests.benchmarks.plain import in_redis
from tests.benchmarks.plain.job import decode
from tests.benchmarks.plain.told import Told, act

BATCH = 10_000


def run(told: Told) -> None:
    """Read to the end in batches: decode, one MGET, fold, one MSET, alerts, commit."""
    consumer = Consumer(
        {
            "bootstrap.servers": told.bootstrap_servers,
            "group.id": told.prefix,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "session.timeout.ms": 6_000,
            "fetch.queue.backoff.ms": 20,  # the default of a second leaves the loop waiting for a full queue to drain
        }
    )
    producer = Producer({"bootstrap.servers": told.bootstrap_servers, "enable.idempotence": True, "linger.ms": 2})
    redis = Redis.from_url(told.redis_url)
    held = in_redis.Held(told.prefix, told.limit)
    at: dict[int, int] = {}

    def assigned(_consumer: Consumer, partitions: list[TopicPartition]) -> None:
        for it in consumer.committed(partitions, timeout=10):
            at[it.partition] = max(it.offset, 0)

    consumer.subscribe([told.topic], on_assign=assigned)
    while at != told.ends:
        messages = consumer.consume(num_messages=BATCH, timeout=0.2)
        if not messages:
            continue
        told.first()
        by_partition: dict[int, list[bytes]] = {}
        for message in messages:
            by_partition.setdefault(message.partition(), []).append(message.value())
            at[message.partition()] = message.offset() + 1
        for partition, values in by_partition.items():
            events = [decode(it) for it in values]
            accounts, networks, keys = held.missing(partition, events)
            if keys:
                held.hold(partition, accounts, networks, redis.mget(keys))
            for key, value in held.fold(partition, events):
                producer.produce(told.alerts, value=value, key=key)
        producer.flush()
        redis.mset(held.changed())
        consumer.commit(asynchronous=False)
    told.done()
    consumer.close()


if __name__ == "__main__":
    act(run, in_redis.windows)
