"""What a reviewer says goes to the feedback topic."""

import msgspec
from kafka.errors import KafkaError

from agents.kafka_producer import kafka_producer
from agents.routing import key_partition
from agents.topics import TopicNames, feedback_partitions
from streams.feedback import Verdict

ACKNOWLEDGED_WITHIN_S = 30
"""How long a verdict may be on its way before the broker is taken for gone."""


class FeedbackError(Exception):
    """Kafka did not take the verdict; one sentence."""


def produce(bootstrap_servers: str, names: TopicNames, verdict: Verdict) -> None:
    """Put a verdict on the feedback topic; returns when all brokers have it. Raises FeedbackError and TopicError."""
    partitions = feedback_partitions(bootstrap_servers, names)
    producer = kafka_producer(bootstrap_servers)
    try:
        producer.send(
            names.feedback,
            key=verdict.subject_id.encode(),
            value=msgspec.json.encode(verdict),
            partition=key_partition(verdict.subject_id, partitions),
        ).get(timeout=ACKNOWLEDGED_WITHIN_S)
    except KafkaError as error:
        raise FeedbackError(f"Kafka did not take the verdict: {error}") from error
    finally:
        producer.close(timeout=10)
