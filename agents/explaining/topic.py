"""The decisions on the enforcement topic, once, from its beginning to where it ends when one asks."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec
from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from agents.environment import SettingsError
from agents.kafka_access import client_arguments, manner
from agents.topics import ADMIN_TIMEOUT_MS, LARGEST_BATCH_BYTES, TopicError
from streams.decisions import Decision

PATIENCE_S = 30.0
"""How long a broker may have nothing to give before its end is reached."""

_POLL_MS = 500

Record = Any  # kafka-python has no types: a ConsumerRecord

_decode = msgspec.json.Decoder(Decision).decode


def decided(bootstrap_servers: str, topic: str) -> Iterator[Decision | None]:
    """Every decision on `topic` up to its ends as they are now, and None for a record that is none.

    Those of one subject are in order. Raises `TopicError` as `each_record`.
    """
    return (_decision(record.value) for record in each_record(bootstrap_servers, topic))


def each_record(bootstrap_servers: str, topic: str, since: Mapping[int, int] | None = None) -> Iterator[Record]:
    """Every record on `topic` up to its ends as they are now, those of one key in order.

    `since`: from these offsets on, by partition.

    Joins no group, commits nothing, holds one fetch at a time. Raises `TopicError` when no Kafka answers, when the
    topic is missing, and when the broker falls silent before the end.
    """
    with asking_consumer(bootstrap_servers) as consumer:
        numbers = consumer.partitions_for_topic(topic)
        if not numbers:
            raise TopicError(
                f"Kafka at {bootstrap_servers} has no topic {topic}: `stillwatch topics create` creates the topics."
            )
        ends = consumer.end_offsets([TopicPartition(topic, number) for number in sorted(numbers)])
        consumer.assign(list(ends))
        consumer.seek_to_beginning()
        for place in ends:
            if since and place.partition in since:
                consumer.seek(place, since[place.partition])
        heard = time.monotonic()
        while any(consumer.position(place) < end for place, end in ends.items()):
            batches = consumer.poll(timeout_ms=_POLL_MS)
            if batches:
                heard = time.monotonic()
            elif time.monotonic() - heard > PATIENCE_S:
                raise TopicError(f"Kafka at {bootstrap_servers} gave nothing of {topic} for {PATIENCE_S:.0f} seconds.")
            for place, records in batches.items():
                yield from (record for record in records if record.offset < ends[place])


def _decision(value: bytes | None) -> Decision | None:
    if value is None:
        return None
    try:
        return _decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


@contextmanager
def asking_consumer(bootstrap_servers: str) -> Iterator[Any]:  # kafka-python has no types
    """A consumer of no group. Raises `TopicError`, for what goes wrong in the block as well."""
    try:
        with KafkaConsumer(
            bootstrap_servers=bootstrap_servers.split(","),
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            bootstrap_timeout_ms=ADMIN_TIMEOUT_MS,
            fetch_max_bytes=LARGEST_BATCH_BYTES,
            max_partition_fetch_bytes=LARGEST_BATCH_BYTES,
            **client_arguments(),
        ) as consumer:
            yield consumer
    except SettingsError as error:
        raise TopicError(str(error)) from error
    except (KafkaError, OSError, ValueError) as error:
        raise TopicError(f"No Kafka answers at {bootstrap_servers}{manner()}: {error}") from error
