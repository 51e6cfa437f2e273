"""ingest: records are fingerprinted at the edge and produced to the requests topic; no text goes any further."""

from collections.abc import Callable, Iterable

import msgspec
from kafka.errors import KafkaError

from agents.kafka_producer import kafka_producer
from agents.routing import key_partition
from agents.topics import TopicError, TopicNames, partitions_of
from streams.events import RequestEvent

_encode = msgspec.json.Encoder().encode

WAVE = 5_000
"""So many events are put together, then waited for. That bounds what is held in memory, since kafka-python does not,
and it keeps kafka-python's sender thread asleep meanwhile: woken for every event, it costs more than the events do."""

BATCH_BYTES = 768 * 1024
"""A wave is one batch a partition, below the `max.message.bytes` of the topic."""

LINGER_MS = 250
"""How long an event of a slow stream, such as `tail -f`, may wait for others."""


BLOCKED_FOR_MS = 30_000
"""How long Kafka may take to say who leads a partition, while brokers change."""

ACKNOWLEDGED_WITHIN_S = 60
"""How long a wave may be on its way before the broker is taken for gone."""


class IngestError(Exception):
    """Kafka took no more; one sentence."""


class Ingest:
    """An idempotent producer of request events, keyed by account."""

    def __init__(self, bootstrap_servers: str, topic: str) -> None:
        """Connect. Raises IngestError if no broker answers or the topic is not there."""
        self._topic = topic
        self._failed: list[BaseException] = []
        self._sent = 0
        try:
            self._partitions = partitions_of(bootstrap_servers, TopicNames(requests=topic))
            self._producer = kafka_producer(
                bootstrap_servers, linger_ms=LINGER_MS, batch_size=BATCH_BYTES, max_block_ms=BLOCKED_FOR_MS
            )
        except TopicError as error:
            raise IngestError(str(error)) from error

    def put(self, events: Iterable[RequestEvent], *, taken: Callable[[int], None] = lambda _count: None) -> int:
        """Produce `events` and wait for the broker to have them all; how many. Raises IngestError.

        `taken` is told now and then how many are on their way. What `events` raises passes through at once; call
        `settle` to know how many went before.
        """
        count = 0
        for event in events:
            self._send(event)
            count += 1
            if count % 1_000 == 0:
                taken(count)
            if count % WAVE == 0:
                self.settle()
        self.settle()
        taken(count)
        return count

    def settle(self) -> int:
        """Wait for the broker to have all that was put; how many events that makes. Raises IngestError."""
        try:
            self._producer.flush(timeout=ACKNOWLEDGED_WITHIN_S)
        except KafkaError as error:
            raise IngestError(f"Kafka has not acknowledged all of {self._sent} events: {error}") from error
        if self._failed:
            raise IngestError(f"Kafka refused {len(self._failed)} of {self._sent} events: {self._failed[0]}")
        return self._sent

    def _send(self, event: RequestEvent) -> None:
        self._sent += 1
        try:
            self._producer.send(
                self._topic,
                key=event.account_id.encode(),
                value=_encode(event),
                partition=key_partition(event.account_id, self._partitions),
            ).add_errback(self._failed.append)
        except KafkaError as error:
            self._failed.append(error)

    def close(self) -> None:
        """Disconnect."""
        self._producer.close(timeout=10)
