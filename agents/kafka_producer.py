"""The producer of the commands that put records on a topic and wait until Kafka has them."""

from typing import Any

from kafka import KafkaProducer
from kafka.errors import KafkaError

from agents.environment import SettingsError
from agents.kafka_access import client_arguments, manner
from agents.topics import ADMIN_TIMEOUT_MS, TopicError


def kafka_producer(bootstrap_servers: str, *, max_block_ms: int = ADMIN_TIMEOUT_MS, **settings: Any) -> Any:  # noqa: ANN401  kafka-python is untyped
    """An idempotent one, so that what it sends is there once. Raises TopicError where no Kafka answers.

    `settings` are kafka-python's own words. Whoever makes it closes it.
    """
    try:
        return KafkaProducer(
            bootstrap_servers=bootstrap_servers.split(","),
            acks="all",
            enable_idempotence=True,
            bootstrap_timeout_ms=ADMIN_TIMEOUT_MS,
            max_block_ms=max_block_ms,
            **settings,
            **client_arguments(),
        )
    except SettingsError as error:
        raise TopicError(str(error)) from error
    except (KafkaError, OSError, ValueError) as error:
        raise TopicError(f"No Kafka answers at {bootstrap_servers}{manner()}: {error}") from error
