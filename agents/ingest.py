"""ingest: records are fingerprinted at the edge and produced to the requests topic; no text goes any further."""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from kafka import KafkaProducer
from kafka.errors import KafkaError

from agents.routing import key_partition
from streams.events import RequestEvent

_encode = msgspec.json.Encoder().encode


class IngestError(Exception):
    """Kafka took no more; one sentence."""


class Ingest:
    """An idempotent producer of request events, keyed by account."""

    def __init__(self, bootstrap_servers: str, topic: str) -> None:
        """Connect. Raises IngestError if no broker answers or the topic is not there."""
        self._topic = topic
        self._failed: list[BaseException] = []
        try:
            self._producer: Any = KafkaProducer(
                bootstrap_servers=bootstrap_servers.split(","),
                acks="all",
                enable_idempotence=True,
                linger_ms=20,
                batch_size=256 * 1024,
                bootstrap_timeout_ms=10_000,
                max_block_ms=30_000,
            )
            known = self._producer.partitions_for(topic)
        except (KafkaError, OSError, ValueError) as error:
            message = f"No Kafka answers at {bootstrap_servers}: {error}"
            raise IngestError(message) from error
        if not known:
            self._producer.close(timeout=5)
            message = f"Kafka at {bootstrap_servers} has no topic {topic}: `stillwatch dev up` creates the topics."
            raise IngestError(message)
        self._partitions = len(known)

    def put(self, events: Iterable[RequestEvent], *, taken: Callable[[int], None] = lambda _count: None) -> int:
        """Produce `events` and wait for the broker to have them all; how many. Raises IngestError.

        `taken` is told now and then how many are on their way.
        """
        count = 0
        try:
            for event in events:
                self._producer.send(
                    self._topic,
                    key=event.account_id.encode("utf-8", "surrogatepass"),
                    value=_encode(event),
                    partition=key_partition(event.account_id, self._partitions),
                ).add_errback(self._failed.append)
                count += 1
                if count % 1_000 == 0:
                    taken(count)
                    if self._failed:
                        break
            self._producer.flush(timeout=60)
        except (KafkaError, OSError) as error:
            message = f"Kafka took no more after {count} events: {error}"
            raise IngestError(message) from error
        if self._failed:
            message = f"Kafka refused {len(self._failed)} of {count} events: {self._failed[0]}"
            raise IngestError(message)
        taken(count)
        return count

    def close(self) -> None:
        """Disconnect."""
        self._producer.close(timeout=10)
