"""The dead letters of a deployment, read back, and sent again to where they came from once they can be read.

A letter is sent again once, whoever is killed and whenever: before a wave of them is sent a note is put on the
dead-letter topic that says which, and where their topics end; after it another, that says they arrived. Who finds the
first without the second looks in the topics, from where they ended, which of the wave are there: each carries the
offset of its letter in a header. Of two that begin at once the one whose note is the second gives way.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any, Final, NamedTuple

import msgspec
import xxhash
from kafka import TopicPartition
from kafka.errors import KafkaError
from msgspec import Struct

from agents.deadletters import PREFIX, REASON_HEADER, REPLAY_OF, Headers, Reason, Refusal, original_headers
from agents.explaining.topic import asking_consumer, each_record
from agents.inputs import Reader, read_event, read_findings, verdict_reader
from agents.kafka_producer import kafka_producer
from agents.routing import bytes_partition
from agents.topics import ADMIN_TIMEOUT_MS, LARGEST_BATCH_BYTES, TopicNames, partitions_of

NOTE_HEADER: Final = "stillwatch.replay"
"""What is no letter but a note of ours has it."""

WAVE_LETTERS: Final = 1_000
WAVE_BYTES: Final = 8 * 1024 * 1024
STALE_MS: Final = 60_000
"""So long after it has begun a wave is taken for somebody else's who is still at it."""

DELIVERED_WITHIN_MS: Final = 30_000
"""So long a record may be on its way before it is given up: long before its wave is `STALE_MS` old."""


class ReplayError(Exception):
    """The letters cannot be sent again. Its text is one sentence."""


class Letter(Struct, frozen=True):
    """One dead letter, at `offset` of its topic since `at_ms`; `source` is (topic, partition, offset) of the original.

    `refusal` is why it cannot be read as of now, None if it can be; `is_sent` whether it was sent again.
    """

    offset: int
    at_ms: int
    reason: str
    sentence: str
    stage: str
    source: tuple[str, int, int]
    key: bytes | None
    value: bytes | None
    headers: Headers
    refusal: Refusal | None
    is_sent: bool


class Note(Struct, omit_defaults=True):
    """A wave: the offsets of its letters, and where the partitions of their topics ended before it.

    With `closes`, the offset of such a note: those of its letters that arrived.
    """

    letters: list[int]
    ends: list[tuple[str, int, int]] = []
    closes: int | None = None


class _Noted(NamedTuple):
    offset: int
    at_ms: int
    note: Note


class _Again(NamedTuple):
    """A record as it would be if it came now."""

    offset: int
    timestamp: int
    timestamp_type: int
    key: bytes | None
    value: bytes | None
    headers: Headers


class Letters:
    """The dead-letter topic of one prefix."""

    def __init__(self, bootstrap_servers: str, names: TopicNames, now: Callable[[], int]) -> None:
        """`now`: milliseconds since the epoch."""
        self._bootstrap_servers = bootstrap_servers
        self._names = names
        self._now = now
        self._known_to: int | None = None
        """Up to where the notes were known when it was found out what was sent; None before."""
        self._own: set[int] = set()
        """The offsets of notes of ours."""

    def read(self) -> Iterator[Letter]:
        """Every letter, in order, each once though a worker that was killed may have put it there twice.

        Raises TopicError.
        """
        notes = self._look()
        sent = {offset for it in notes if it.note.closes is not None for offset in it.note.letters}
        known: set[int] = set()
        for record in each_record(self._bootstrap_servers, self._names.dlq):
            headers = dict(record.headers)
            if REASON_HEADER not in headers:
                continue
            source = _source(headers)
            name = xxhash.xxh3_64_intdigest(repr((source, record.value)).encode())
            if name in known:
                continue
            known.add(name)
            yield Letter(
                record.offset,
                record.timestamp,
                _text(headers.get(REASON_HEADER)),
                _text(headers.get(f"{PREFIX}exception.message")),
                _text(headers.get(f"{PREFIX}stage")),
                source,
                record.key,
                record.value,
                original_headers(record.headers),
                self._refusal(source, record),
                record.offset in sent,
            )

    def send(self, letters: Iterable[Letter]) -> int:
        """Send letters again that can be read; how many. Raises TopicError and ReplayError.

        Each as it was, but that a header without a value is empty: kafka-python sends no other. `settle` first: else
        those of a wave that was cut off come twice.
        """
        count = 0
        with _producer(self._bootstrap_servers) as producer:
            for wave in _waves(letters):
                self._send(producer, wave)
                count += len(wave)
        return count

    def settle(self) -> int:
        """Note of waves that were cut off which letters arrived; how many. Raises TopicError and ReplayError."""
        self._known_to = None
        notes = self._look()
        closed = {it.note.closes for it in notes}
        count = 0
        for cut in (it for it in notes if it.note.closes is None and it.offset not in closed):
            if self._now() - cut.at_ms < STALE_MS:
                raise ReplayError("Somebody sends letters again, or was stopped in the middle: try again in a minute.")
            arrived = self._arrived(cut.note)
            with _producer(self._bootstrap_servers) as producer:
                self._note(producer, Note(arrived, closes=cut.offset))
            count += len(arrived)
        return count

    def _arrived(self, note: Note) -> list[int]:
        """The letters of a wave that are where they were sent to."""
        ends: dict[str, dict[int, int]] = {}
        for topic, partition, end in note.ends:
            ends.setdefault(topic, {})[partition] = end
        found = (it for topic, since in ends.items() for it in each_record(self._bootstrap_servers, topic, since))
        there = {dict(record.headers).get(REPLAY_OF) for record in found}
        return [it for it in note.letters if str(it).encode() in there]

    def _send(self, producer: Any, wave: Sequence[Letter]) -> None:  # noqa: ANN401  kafka-python is untyped
        offsets = [it.offset for it in wave]
        begun = self._note(producer, Note(offsets, self._ends({it.source[0] for it in wave})))
        if any(it.offset < begun and it.offset not in self._own for it in self._notes(self._known_to or 0)):
            self._note(producer, Note([], closes=begun))
            raise ReplayError("Somebody else is sending letters again: try again when that is done.")
        sent = [
            producer.send(
                it.source[0],
                key=it.key,
                value=it.value,
                partition=self._place(it.source, it.key),
                headers=[*((name, value or b"") for name, value in it.headers), (REPLAY_OF, str(it.offset).encode())],
            )
            for it in wave
        ]
        for future in sent:
            acknowledged(future)
        self._known_to = self._note(producer, Note(offsets, closes=begun)) + 1

    def _note(self, producer: Any, note: Note) -> int:  # noqa: ANN401
        """Put a note on the topic; its offset."""
        value, headers = msgspec.json.encode(note), [(NOTE_HEADER, b"1")]
        told = acknowledged(producer.send(self._names.dlq, value=value, partition=0, headers=headers))
        self._own.add(told.offset)
        return int(told.offset)

    def _look(self) -> Sequence[_Noted]:
        """All notes. Those that others put there after the first look count as a rival's, as `sent` may lack them."""
        notes = self._notes()
        if self._known_to is None:
            self._known_to = notes[-1].offset + 1 if notes else 0
        return notes

    def _notes(self, since: int = 0) -> Sequence[_Noted]:
        """The notes from that offset on."""
        notes = []
        for record in each_record(self._bootstrap_servers, self._names.dlq, {0: since}):
            headers = dict(record.headers)
            if NOTE_HEADER in headers and REASON_HEADER not in headers:  # or it is a letter that had the first itself
                notes.append(_Noted(record.offset, record.timestamp, msgspec.json.decode(record.value, type=Note)))
        return notes

    def _refusal(self, source: tuple[str, int, int], record: Any) -> Refusal | None:  # noqa: ANN401
        """Why the stage that refused a record would refuse it still. Links count in their order alone."""
        names = self._names
        readers: Mapping[str, Reader[object]] = {names.requests: read_event, names.findings: read_findings}
        read = readers.get(source[0])
        if source[0] == self._names.feedback:
            read = verdict_reader(self._place(source, record.key), self._partitions)
        if read is None:
            return Refusal(Reason.OUT_OF_RANGE, f"What came from {source[0]} is not sent again.", "ValueError")
        found = read(_Again(source[2], self._now(), 1, record.key, record.value, record.headers))
        return found if isinstance(found, Refusal) else None

    def _place(self, source: tuple[str, int, int], key: bytes | None) -> int:
        """The partition to send to: that of its key, where keys say the partition, or the one that it was in."""
        topic, partition, _ = source
        if key is None or topic not in {self._names.requests, self._names.feedback}:
            return partition
        return bytes_partition(key, self._partitions)

    @cached_property
    def _partitions(self) -> int:
        """Of the requests and of the feedback."""
        return partitions_of(self._bootstrap_servers, self._names)

    def _ends(self, topics: Iterable[str]) -> list[tuple[str, int, int]]:
        with asking_consumer(self._bootstrap_servers) as consumer:
            places = [
                TopicPartition(topic, it)
                for topic in sorted(topics)
                for it in sorted(consumer.partitions_for_topic(topic) or ())
            ]
            return [(place.topic, place.partition, end) for place, end in consumer.end_offsets(places).items()]


def _waves(letters: Iterable[Letter]) -> Iterator[Sequence[Letter]]:
    wave: list[Letter] = []
    size = 0
    for letter in letters:
        wave.append(letter)
        size += len(letter.value or b"")
        if len(wave) == WAVE_LETTERS or size >= WAVE_BYTES:
            yield wave
            wave, size = [], 0
    if wave:
        yield wave


def _source(headers: Mapping[str, bytes | None]) -> tuple[str, int, int]:
    topic, partition, offset = (_text(headers.get(PREFIX + it)) for it in ("topic", "partition", "offset"))
    return topic, int(partition or 0), int(offset or 0)


def _text(value: bytes | None) -> str:
    return (value or b"").decode(errors="replace")


def acknowledged(future: Any) -> Any:  # noqa: ANN401  kafka-python is untyped
    """Where Kafka put a record. Raises KafkaError."""
    return future.get(timeout=STALE_MS / 1_000)


@contextmanager
def _producer(bootstrap_servers: str) -> Iterator[Any]:
    """One to send letters with. Raises TopicError, and ReplayError for the block."""
    producer = kafka_producer(
        bootstrap_servers,
        request_timeout_ms=ADMIN_TIMEOUT_MS,
        delivery_timeout_ms=DELIVERED_WITHIN_MS,
        max_request_size=LARGEST_BATCH_BYTES,
    )
    try:
        yield producer
    except KafkaError as error:
        raise ReplayError(f"Kafka did not take a letter: {error or type(error).__name__}") from error
    finally:
        producer.close(timeout=10)
