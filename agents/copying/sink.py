"""Where copies go: the requests and the feedback of another prefix, each record to the partition of its key.

Each copy says in a header which record it is of. Those of one partition arrive in their order, so the last one that is
there says which are: after a kill no record is missed, and none comes twice.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Final, Self

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from agents.copying.entry import WORDS, CopyError, Entry, Place
from agents.kafka_access import client_arguments
from agents.routing import bytes_partition
from agents.topics import LARGEST_BATCH_BYTES, TopicNames

COPY_OF: Final = "stillwatch.copy-of"
"""The header: partition/offset/origin of the record that it is a copy of; the origin says of which logs."""

WAVE_RECORDS: Final = 10_000
WAVE_BYTES: Final = 16 * 1024 * 1024
"""So much is on its way at once; then all of it is waited for, and progress kept."""

BATCH_BYTES: Final = 256 * 1024
POLL_MS: Final = 500
CREATE_TIME: Final = 0


class Sink:
    """Produces copies, in waves that are acknowledged as a whole."""

    def __init__(
        self, bootstrap_servers: str, names: TopicNames, partitions: int, origin: str, *, keeps_times: bool = True
    ) -> None:
        """`origin` is the digest of the ids of the logs that are copied.

        `keeps_times`: the topics take our word for when a record was appended, and nobody else writes to them.
        """
        self.count = 0
        self.strangers = 0
        """Records that `look` found and that are no copies of these logs."""

        self._names = {"requests": names.requests, "feedback": names.feedback}
        self._partitions = partitions
        self._origin = origin
        self._keeps_times = keeps_times
        self._bootstrap_servers = bootstrap_servers
        self._known: dict[tuple[Place, int], int] = {}
        self._next: dict[Place, int] = {}
        self._sent: list[tuple[Place, asyncio.Future[Any]]] = []
        self._records = self._bytes = 0
        self._producer: Any = None

    async def __aenter__(self) -> Self:
        """Connect. Raises CopyError."""
        self._producer = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap_servers,
            client_id="stillwatch-copy",
            enable_idempotence=True,
            acks="all",
            linger_ms=20,
            max_batch_size=BATCH_BYTES,
            max_request_size=LARGEST_BATCH_BYTES,
            **client_arguments(),
        )
        try:
            await self._producer.start()
        except KafkaError as error:
            raise CopyError(f"No Kafka answers at {self._bootstrap_servers}: {error}") from error
        return self

    async def __aexit__(self, *_: object) -> None:
        """Disconnect; what was not waited for may or may not have arrived."""
        await self._producer.stop()

    async def look(self, last: int | None = WAVE_RECORDS) -> bool:
        """Look what is there already, in so many records at the end of each partition (None: all); if anything is."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap_servers, enable_auto_commit=False, **client_arguments()
        )
        await consumer.start()
        try:
            places = {TopicPartition(self._names[it[0]], it[1]): it for it in self._places}
            consumer.assign(list(places))
            ends, begins = await consumer.end_offsets(list(places)), await consumer.beginning_offsets(list(places))
            for tp, end in ends.items():
                consumer.seek(tp, begins[tp] if last is None else max(begins[tp], end - last))
            while any([await consumer.position(tp) < end for tp, end in ends.items()]):
                for tp, records in (await consumer.getmany(timeout_ms=POLL_MS)).items():
                    for record in records:
                        self._note(places[tp], dict(record.headers))
            self._next = {places[tp]: end for tp, end in ends.items()}
        finally:
            await consumer.stop()
        return any(self._next.values())

    async def put(self, entry: Entry) -> bool:
        """Send the copy of a record unless it is there; whether a wave is full. Raises CopyError."""
        place = self._place_of(entry)
        if self._known.get((place, entry.partition), -1) >= entry.offset:
            return False
        if entry.word == "feedback":
            await self._settle()  # a verdict comes after all requests that the log took before it
        try:
            sent = await self._producer.send(
                self._names[entry.word],
                value=entry.value,
                key=entry.key,
                partition=place[1],
                timestamp_ms=entry.at_ms,
                headers=[*entry.headers, (COPY_OF, f"{entry.partition}/{entry.offset}/{self._origin}".encode())],
            )
        except KafkaError as error:
            raise _refused(error) from error
        self._sent.append((place, sent))
        self._bytes += len(entry.value or b"")
        self._records += 1
        self.count += 1
        return self._records >= WAVE_RECORDS or self._bytes >= WAVE_BYTES

    async def flush(self) -> None:
        """Wait until all that was sent is there: a wave is over. Raises CopyError, also where somebody else writes."""
        await self._settle()
        self._records = self._bytes = 0

    async def _settle(self) -> None:
        sent, self._sent = self._sent, []
        try:
            done = await asyncio.gather(*(future for _, future in sent))
        except KafkaError as error:
            raise _refused(error) from error
        if not self._keeps_times:
            return
        for (place, _), told in zip(sent, done, strict=True):
            topic = self._names[place[0]]
            if told.timestamp_type != CREATE_TIME:
                raise CopyError(f"{topic} takes its own time for that of a record: it was not made for a copy.")
            if told.offset != self._next[place]:
                raise CopyError(
                    f"Somebody else writes to {topic}: another copy, or a gateway that was switched too soon. Stop it, "
                    "remove the topics of the copy, and begin again."
                )
            self._next[place] = told.offset + 1

    @property
    def _places(self) -> list[Place]:
        return [(word, number) for word in WORDS for number in range(self._partitions)]

    def _place_of(self, entry: Entry) -> Place:
        """The partition of its key; a record without one is nobody's, and goes by where it was."""
        if entry.key is None:
            return entry.word, entry.partition % self._partitions
        return entry.word, bytes_partition(entry.key, self._partitions)

    def _note(self, place: Place, headers: Mapping[str, bytes | None]) -> None:
        partition, _, rest = (headers.get(COPY_OF) or b"").partition(b"/")
        offset, _, origin = rest.partition(b"/")
        if origin != self._origin.encode():
            self.strangers += 1
        else:
            before = self._known.get((place, int(partition)), -1)
            self._known[place, int(partition)] = max(before, int(offset))


def _refused(error: KafkaError) -> CopyError:
    return CopyError(f"Kafka took no more of the copy: {error or type(error).__name__}. Start it again: it goes on.")
