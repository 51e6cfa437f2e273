"""How fast the broker can be read at all: consume and decode, and nothing else."""

from confluent_kafka import Consumer

from tests.benchmarks.plain.job import Windows, decode
from tests.benchmarks.plain.told import Told, act

BATCH = 10_000


def run(told: Told) -> None:
    """Read and decode every event once."""
    consumer = Consumer(
        {
            "bootstrap.servers": told.bootstrap_servers,
            "group.id": told.prefix,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "fetch.queue.backoff.ms": 20,
        }
    )
    consumer.subscribe([told.topic])
    read = 0
    while read < told.events:
        messages = consumer.consume(num_messages=BATCH, timeout=0.2)
        if messages and not read:
            told.first()
        for message in messages:
            decode(message.value())
        read += len(messages)
    told.done()
    consumer.close()


def windows(_told: Told) -> Windows:
    """It keeps none."""
    return Windows()


if __name__ == "__main__":
    act(run, windows)
