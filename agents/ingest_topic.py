"""ingest from a topic of a gateway or collector: fingerprinted, produced, and only then committed.

At least once: an offset is committed after the broker has acknowledged every event of all messages before it. Who was
killed in between reads those messages again and produces the same events with the same ids. A message that cannot be
read holds up nothing; it may hold a prompt, so it goes to no topic.
"""

import asyncio
import base64
import logging
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Final, Self

import msgspec
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError

from agents.ingest import Ingest, IngestError
from agents.kafka_access import client_arguments
from agents.private import owner_only
from agents.records import RecordReader
from agents.topics import TopicError, log_ids
from streams.fingerprint import Fingerprinter

DEFAULT_GROUP: Final = "stillwatch-ingest"
MESSAGES_AT_ONCE: Final = 200
FETCH_BYTES: Final = 16 * 1024 * 1024
"""What one answer of a broker may hold: with the messages in hand, all that is in memory of the topic."""

POLL_MS: Final = 500

Message = Any  # aiokafka is untyped: a ConsumerRecord

_log = logging.getLogger("stillwatch.ingest")


class Rejects:
    """A file of this machine's disc, readable by its owner only, that bad messages are added to.

    JSON Lines of `partition`, `offset` and `value`, the message's bytes in base64. Raises `IngestError` where the file
    cannot be written.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._file: BinaryIO | None = None

    def __enter__(self) -> Self:
        if self._path is not None:
            try:
                self._file = open(self._path, "ab", opener=owner_only)
            except OSError as error:
                raise IngestError(f"{self._path} cannot be written: {error.strerror}.") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, message: Message) -> None:
        """Add a message."""
        if self._file is None:
            return
        row = {
            "partition": message.partition,
            "offset": message.offset,
            "value": base64.b64encode(message.value or b"").decode(),
        }
        self._written(lambda file: file.write(msgspec.json.encode(row) + b"\n"))

    def sync(self) -> None:
        """Have all of them on the disc."""
        self._written(lambda file: file.flush())
        self._written(lambda file: os.fsync(file.fileno()))

    def _written(self, act: Callable[[BinaryIO], object]) -> None:
        if self._file is None:
            return
        try:
            act(self._file)
        except OSError as error:
            raise IngestError(f"{self._path} cannot be written: {error.strerror}.") from error


class TopicIngest:
    """What is done with the messages of a topic: `take` is one step, whole or not at all as far as offsets go."""

    def __init__(self, reader: RecordReader, fingerprinter: Fingerprinter, producer: Ingest, rejects: Rejects) -> None:
        self._reader = reader
        self._fingerprinter = fingerprinter
        self._producer = producer
        self._rejects = rejects
        self.produced = 0

    def take(self, messages: Sequence[Message]) -> None:
        """Produce the events of `messages`, and wait for the broker to have them. Raises `IngestError`."""
        events = (self._fingerprinter.event(record) for message in messages for record in self._records(message))
        self.produced += self._producer.put(events)
        self._rejects.sync()

    def _records(self, message: Message) -> Any:  # noqa: ANN401 - a generator
        bad = self._reader.bad.total()
        if message.value is None:
            self._reader.refuse(("no_value", "The message has no value."), message.offset)
        else:
            yield from self._reader.take(message.value, message.offset)
        if self._reader.bad.total() != bad:
            self._rejects.add(message)


class _OneAtATime(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka is untyped
    """Lets go of a partition only once the messages in hand are committed."""

    def __init__(self, in_hand: asyncio.Lock) -> None:
        self._in_hand = in_hand

    async def on_partitions_revoked(self, revoked: object) -> None:  # noqa: ARG002 - aiokafka's signature
        async with self._in_hand:
            pass

    async def on_partitions_assigned(self, assigned: object) -> None:
        pass


async def follow(
    bootstrap_servers: str, topic: str, group: str, take: Callable[[Sequence[Message]], None], stop: asyncio.Event
) -> None:
    """Hand the messages of `topic` to `take`, in a thread, batch by batch, until `stop`; commit each batch after it.

    `take` raises what it will: nothing of its batch is committed then. Raises `IngestError`.
    """
    in_hand = asyncio.Lock()
    async with _consumer(bootstrap_servers, topic, group, in_hand) as consumer:
        while not stop.is_set():
            try:
                batches = await consumer.getmany(timeout_ms=POLL_MS, max_records=MESSAGES_AT_ONCE)
            except KafkaError as error:
                raise IngestError(f"The topic {topic} cannot be read: {error}") from error
            if not batches:
                continue
            async with in_hand:
                await asyncio.to_thread(take, [message for batch in batches.values() for message in batch])
                await _commit(consumer, {place: batch[-1].offset + 1 for place, batch in batches.items()})


@asynccontextmanager
async def _consumer(bootstrap_servers: str, topic: str, group: str, in_hand: asyncio.Lock) -> AsyncIterator[Any]:
    try:
        if not await asyncio.to_thread(log_ids, bootstrap_servers, [topic]):
            raise IngestError(f"Kafka at {bootstrap_servers} has no topic {topic}.")
        consumer = AIOKafkaConsumer(
            bootstrap_servers=bootstrap_servers,
            group_id=group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_bytes=FETCH_BYTES,
            **client_arguments(),
        )
        consumer.subscribe([topic], listener=_OneAtATime(in_hand))
        await consumer.start()
    except TopicError as error:
        raise IngestError(str(error)) from error
    except (KafkaError, OSError, ValueError) as error:
        raise IngestError(f"The topic {topic} at {bootstrap_servers} cannot be read: {error}") from error
    try:
        yield consumer
    finally:
        await consumer.stop()


async def _commit(consumer: Any, offsets: dict[TopicPartition, int]) -> None:  # noqa: ANN401 - aiokafka is untyped
    try:
        await consumer.commit(offsets)
    except KafkaError as error:
        # Another member has the partition by now, or the coordinator has gone: it is read again, which ids tell.
        _log.warning("offsets were not committed, so their messages will be read again: %s", type(error).__name__)
