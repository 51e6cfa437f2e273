"""What a reviewer says goes to the feedback topic."""

from typing import Any

import msgspec
from kafka import KafkaProducer
from kafka.errors import KafkaError

from agents.kafka_access import client_arguments
from agents.routing import key_partition
from agents.topics import ADMIN_TIMEOUT_MS, TopicNames, feedback_partitions
from streams.feedback import Verdict

ACKNOWLEDGED_WITHIN_S = 30
"""How long a verdict may be on its way before the broker is taken for gone."""


class FeedbackError(Exception):
    """Kafka did not take the verdict; one sentence."""


def produce(bootstrap_servers: str, names: TopicNames, verdict: Verdict) -> None:
    """Put a verdict on the feedback topic; returns when all brokers have it. Raises FeedbackError and TopicError."""
    partitions = feedback_partitions(bootstrap_servers, names)
    producer: Any = None
    try:
        producer = KafkaProducer(
            bootstrap_servers=bootstrap_servers.split(","),
            acks="all",
            enable_idempotence=True,
            bootstrap_timeout_ms=ADMIN_TIMEOUT_MS,
            max_block_ms=ADMIN_TIMEOUT_MS,
            **client_arguments(),
        )
        producer.send(
            names.feedback,
            key=verdict.subject_id.encode(),
            value=msgspec.json.encode(verdict),
            partition=key_partition(verdict.subject_id, partitions),
        ).get(timeout=ACKNOWLEDGED_WITHIN_S)
    except (KafkaError, OSError) as error:
        message = f"Kafka did not take the verdict: {error}"
        raise FeedbackError(message) from error
    finally:
        if producer is not None:
            producer.close(timeout=10)
