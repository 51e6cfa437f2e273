"""The logs of one deployment as they stand, read in rounds: each up to where the logs ended when it began."""

import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final, Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from agents.copying.entry import WORDS, CopyError, Entry, Place, in_order
from agents.kafka_access import client_arguments
from agents.topics import TIMESTAMPS, WRITERS_TIME, Described, TopicNames

POLL_MS: Final = 500
FETCH_BYTES: Final = 1024 * 1024 + 64 * 1024
"""What one answer may hold of one partition: the largest batch that the requests take. That, and as much that is read
ahead, is what is held of each."""

RECORDS_AT_ONCE: Final = 2_000


class LogSource:
    """The requests and the feedback of one prefix. `position` is the next offset to hand out, by partition.

    With a `group` positions are kept in Kafka: under its name, and under no other than this one. Nobody joins it.
    """

    def __init__(
        self, bootstrap_servers: str, names: TopicNames, partitions: Mapping[str, int], group: str | None = None
    ) -> None:
        """`partitions` is how many each topic has, by name."""
        self.names = {"requests": names.requests, "feedback": names.feedback}
        self.places: list[Place] = [(word, it) for word in WORDS for it in range(partitions[self.names[word]])]
        self.position: dict[Place, int] = {}
        self.ends: dict[Place, int] = {}
        self.at_ms = 0
        """When the log took what was handed out last."""
        self._group = group
        self._bootstrap_servers = bootstrap_servers
        self._left: dict[Place, list[Entry]] = {}
        self._consumer: Any = None

    async def __aenter__(self) -> Self:
        """Connect, and stand where the group has got to, or at the beginning. Raises CopyError."""
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap_servers,
            group_id=self._group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            client_id="stillwatch-copy",
            max_partition_fetch_bytes=FETCH_BYTES,
            **client_arguments(),
        )
        try:
            await self._consumer.start()
        except KafkaError as error:
            await self._consumer.stop()
            raise CopyError(f"No Kafka answers at {self._bootstrap_servers}: {error}") from error
        self._consumer.assign([self._tp(place) for place in self.places])
        return self

    async def __aexit__(self, *_: object) -> None:
        """Disconnect."""
        await self._consumer.stop()

    async def beginnings(self) -> dict[Place, int]:
        """The first offset that each partition still has."""
        return self._by_place(await self._consumer.beginning_offsets([self._tp(it) for it in self.places]))

    async def look(self) -> int:
        """Note where the logs end now; how many records there are up to there, from where reading stands."""
        self.ends = self._by_place(await self._consumer.end_offsets([self._tp(it) for it in self.places]))
        return sum(max(0, end - self.position.get(place, 0)) for place, end in self.ends.items())

    def require_whole(self, what: str) -> None:
        """Raise CopyError, which ends with `what`, if a log ends before where reading stands."""
        for (word, number), end in self.ends.items():
            if self.position.get((word, number), 0) > end:
                raise CopyError(f"Partition {number} of {self.names[word]} was cut short: it ends before what {what}")

    async def kept(self) -> dict[Place, int]:
        """The positions that were kept, by partition; nothing where none were."""
        found = {place: await self._consumer.committed(self._tp(place)) for place in self.places}
        return {place: offset for place, offset in found.items() if offset is not None}

    async def keep(self) -> None:
        """Keep the positions: everything before them was copied."""
        await self._consumer.commit({self._tp(place): offset for place, offset in self.position.items()})

    def stand_at(self, position: Mapping[Place, int]) -> None:
        """Hand out from these offsets on."""
        self.position = dict(position)
        for place, offset in position.items():
            self._consumer.seek(self._tp(place), offset)

    async def read(self) -> AsyncIterator[Entry]:
        """All up to the ends that were noted last, in the order in which the logs took it."""
        async for entry in in_order(self, self.places):
            self.position[entry.place] = entry.offset + 1
            self.at_ms = entry.at_ms
            yield entry
        for place, end in self.ends.items():  # what retention removed, or was no record, is behind us as well
            self.position[place] = max(end, self.position[place])

    async def fill(self, wanted: Sequence[Place]) -> Mapping[Place, Sequence[Entry]]:
        """What is at hand of `wanted`, up to the ends."""
        found = {place: due for place in wanted if (due := self._due(place, self._left.pop(place, [])))}
        while not found:
            open_places = [it for it in wanted if await self._consumer.position(self._tp(it)) < self.ends[it]]
            if not open_places:
                break
            fetched = await self._consumer.getmany(
                *map(self._tp, open_places), timeout_ms=POLL_MS, max_records=RECORDS_AT_ONCE
            )
            for tp, records in fetched.items():
                place = self._place(tp)
                if due := self._due(place, [_entry(place, record) for record in records]):
                    found[place] = due
        return found

    def _due(self, place: Place, entries: list[Entry]) -> list[Entry]:
        """Those before the end; the others are left for the next round."""
        end = self.ends[place]
        due = [it for it in entries if it.offset < end] if entries and entries[-1].offset >= end else entries
        if len(due) < len(entries):
            self._left[place] = entries[len(due) :]
        return due

    def _tp(self, place: Place) -> TopicPartition:
        return TopicPartition(self.names[place[0]], place[1])

    def _place(self, tp: TopicPartition) -> Place:
        return next(word for word in WORDS if self.names[word] == tp.topic), tp.partition

    def _by_place(self, found: Mapping[TopicPartition, int]) -> dict[Place, int]:
        return {self._place(tp): offset for tp, offset in found.items()}


def _entry(place: Place, record: Any) -> Entry:  # noqa: ANN401 - aiokafka is untyped
    return Entry(*place, record.offset, record.timestamp, record.key, record.value, tuple(record.headers))


def digest_of(log_ids: Mapping[str, str]) -> str:
    """A short name for logs, by topic and id: another one once a topic was made again."""
    text = "\x1f".join(f"{name}={log_ids[name]}" for name in sorted(log_ids))
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def takes_times(topic: str, found: Described) -> bool:
    """Whether a topic takes a copy's word for when a record was appended. Raises CopyError if that cannot be seen."""
    if TIMESTAMPS not in found.configs:
        raise CopyError(f"Kafka does not let us see the settings of {topic}: the right is DescribeConfigs")
    return found.configs[TIMESTAMPS] == WRITERS_TIME
