"""The log that every contestant reads: produced once, and the alerts that come of it read back."""

import time
from collections.abc import Iterable

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.structs import TopicPartition

from agents.routing import key_partition
from tests.benchmarks.plain.job import Alert, decode_alert

PARTITIONS = 8
BATCH_BYTES = 256 * 1024
FOR_EVER = "-1"
READ_WITHIN_SECONDS = 100
"""A killed contestant may leave a transaction open, which the broker aborts after a minute and a little."""


async def create(servers: str, topic: str, partitions: int = PARTITIONS) -> None:
    """Make a topic as `agents.topics` cuts them: a record's time is when the broker took it."""
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    try:
        configs = {"message.timestamp.type": "LogAppendTime", "retention.ms": FOR_EVER}
        await admin.create_topics([NewTopic(topic, partitions, 1, topic_configs=configs)])
    finally:
        await admin.close()


async def append(servers: str, topic: str, records: Iterable[tuple[str, bytes]]) -> None:
    """Write (account, value) to the end of the topic, keyed by account, each partition in the order given."""
    async with AIOKafkaProducer(bootstrap_servers=servers, max_batch_size=BATCH_BYTES) as producer:
        batches = [producer.create_batch() for _ in range(PARTITIONS)]
        for account, value in records:
            number, key = key_partition(account, PARTITIONS), account.encode()
            if batches[number].append(key=key, value=value, timestamp=None) is None:
                await producer.send_batch(batches[number], topic, partition=number)
                batches[number] = producer.create_batch()
                batches[number].append(key=key, value=value, timestamp=None)
        for number, batch in enumerate(batches):
            if batch.record_count():
                await producer.send_batch(batch, topic, partition=number)
        await producer.flush()


async def ends(servers: str, topic: str) -> dict[int, int]:
    """The offset after the last record of each partition."""
    async with AIOKafkaConsumer(bootstrap_servers=servers) as consumer:
        found = await consumer.end_offsets([TopicPartition(topic, number) for number in range(PARTITIONS)])
    return {tp.partition: end for tp, end in found.items()}


async def alerts(servers: str, topic: str) -> list[Alert]:
    """Every alert on a topic of one partition that a consumer of committed records gets to see."""
    tp = TopicPartition(topic, 0)
    async with AIOKafkaConsumer(
        bootstrap_servers=servers, auto_offset_reset="earliest", isolation_level="read_committed"
    ) as consumer:
        consumer.assign([tp])
        end = (await consumer.end_offsets([tp]))[tp]
        found: list[Alert] = []
        deadline = time.monotonic() + READ_WITHIN_SECONDS
        while await consumer.position(tp) < end:
            if time.monotonic() > deadline:
                raise TimeoutError(f"the alerts on {topic} cannot be read to their end: is a transaction open?")
            fetched = await consumer.getmany(tp, timeout_ms=500)
            found.extend(decode_alert(record.value) for record in fetched.get(tp, ()))
        return found
