"""What an agent reads: the batch, the records in it, and how its topic is declared."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, cast

import faust
from faust.exceptions import ImproperlyConfigured
from faust.types import TP, AppT, ConsumerMessage, EventT, Message, TopicT

DEFAULT_WAITING_BATCHES = 2
"""How many batches may wait for one agent; one more is in its hands.

A batch is bounded by one fetch of one partition: `consumer_max_fetch_size` bytes as they travel, and
`broker_max_poll_records` records. Few is fast: what does not wait here becomes part of a larger batch at the broker."""


class Record(Protocol):
    """One record of a batch: bytes exactly as they lie in the log. Its topic and partition are the batch's."""

    @property
    def offset(self) -> int:
        """Its place in the partition."""

    @property
    def timestamp(self) -> int:
        """Milliseconds since the epoch: the producer's clock, or the broker's where the topic says LogAppendTime."""

    @property
    def timestamp_type(self) -> int:
        """Which of the two: 0 or 1."""

    @property
    def key(self) -> bytes | None:
        """Its key."""

    @property
    def value(self) -> bytes | None:
        """Its value."""

    @property
    def headers(self) -> Sequence[tuple[str, bytes | None]]:
        """Its headers."""


Batch = list[Record]


class BatchSchema(faust.Schema[None, Batch]):
    """What `batches` declares a topic with: no key is decoded, and the list of records passes as it is."""

    def compile(self, app: AppT, **_callbacks: object) -> Callable[..., Awaitable[EventT[Any]]]:
        """Return the function that makes an event of a message.

        It raises `ImproperlyConfigured` for a message of another transport, which ends the worker: Faust would
        acknowledge a decoding error.
        """

        async def decode(message: Message, *, propagate: bool = False) -> EventT[Any]:  # noqa: ARG001 - Faust's call
            value = cast("object", message.value)
            if not isinstance(value, list):
                raise ImproperlyConfigured(f"{message.topic} is read in batches: the broker URL must be stillwatch://.")
            return app.create_event(None, value, {}, message)

        return decode


def batches(app: AppT, *topics: str, waiting: int = DEFAULT_WAITING_BATCHES) -> TopicT:
    """Declare what an agent reads: each event's value is a `Batch` of one partition of one of `topics`.

    While `waiting` batches wait for the agent nothing more is fetched, for the other agents of the worker either: an
    agent that is much slower than the rest belongs in a worker of its own.
    """
    return faust.Topic(app, topics=topics, schema=BatchSchema(), maxsize=waiting)  # app.topic() loses maxsize


def message_of(tp: TP, batch: Batch, generation: int) -> ConsumerMessage:
    """Wrap a batch of at least one record as one message.

    `generation` is the consumer group's current one: Faust drops a message of any other, and says nothing.
    """
    last = batch[-1]
    return ConsumerMessage(
        topic=tp.topic,
        partition=tp.partition,
        offset=last.offset,
        timestamp=last.timestamp / 1000.0,
        timestamp_type=last.timestamp_type,
        headers=[],
        key=None,
        value=cast("bytes", batch),  # Faust's type knows only undecoded messages
        checksum=None,
        serialized_key_size=0,
        serialized_value_size=0,
        tp=tp,
        generation_id=generation,
    )
