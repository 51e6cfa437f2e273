"""Followers: whatever the log of decisions, or its mirror, holds goes into the gate as soon as it is there.

Each reads from the beginning and goes on for ever. Several may feed one gate, because a decision that comes again
changes nothing: an enforcer follows Kafka, and the mirror for when Kafka is away.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final, TypeVar

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from agents.enforcement.gate import Gate, clock_ms
from agents.enforcement.metrics import EnforcementMetrics
from agents.enforcement.mirror import Mirror, Mirrored
from agents.explaining.topic import FETCH_BYTES
from agents.signing import Headers, Refused, Verifier
from agents.store import StoreError
from agents.topics import LogOfDecisions, TopicError
from agents.transport import Record
from streams.enforcement import age

logger = logging.getLogger(__name__)

T = TypeVar("T")

POLL_MS: Final = 500
TROUBLE_S: Final = 1.0
LOOK_S: Final = 10.0
"""How often it looks whether the topic has more partitions, or is another."""

TIDY_S: Final = 3_600.0
BURST: Final = 256
"""Decisions that are taken before somebody else has a turn: a gateway's questions must not wait."""


class Intake:
    """Takes records of decisions into a gate: only such as the decider signed, and none from the future."""

    def __init__(
        self, gate: Gate, verifier: Verifier, metrics: EnforcementMetrics, clock: Callable[[], int] = clock_ms
    ) -> None:
        self._gate = gate
        self._verifier = verifier
        self._metrics = metrics
        self._clock = clock

    def take(self, key: bytes | None, value: bytes | None, headers: Headers, appended_at_ms: int) -> None:
        """Take one record, that the log took then; 0 where nobody knows."""
        verified = self._verifier.verify(key, value, headers)
        if isinstance(verified, Refused):
            self._metrics.count_record(verified.reason)
            return
        decision, now_ms = verified.decision, self._clock()
        how_old = age(decision, self._gate.latest(decision.subject_kind, decision.subject_id), now_ms)
        self._metrics.count_record(how_old)
        if how_old == "early":
            return
        self._gate.take(decision)
        if how_old == "fresh" and self._gate.is_ready and appended_at_ms:
            self._metrics.in_force_seconds.observe(max(0, now_ms - appended_at_ms) / 1000)

    def heard(self) -> None:
        """Note that the source of decisions answered."""
        self._metrics.heard_seconds.set(self._clock() / 1000)


class LogReader:
    """Reads every partition of the log of decisions in no group, anew whenever it is another log or has more of them.

    `describe` asks Kafka what the log is, blocking; it raises TopicError where it cannot be asked. `connect` is what a
    client is made with.
    """

    def __init__(self, describe: Callable[[], LogOfDecisions], connect: Mapping[str, Any]) -> None:
        self._describe = describe
        self._connect = connect

    async def read(
        self,
        start: Callable[[LogOfDecisions], Awaitable[Mapping[int, int]]],
        take: Callable[[LogOfDecisions, int, Sequence[Record]], Awaitable[None]],
        turn: Callable[[bool], Awaitable[bool]],
    ) -> None:
        """Read until the log changes, or `turn`, told whether all was read that was there at first, says to begin anew.

        `start` says from which offset on each partition is read (what it leaves out: from the beginning).
        Raises TopicError, KafkaError, and what these three raise.
        """
        log = await beside(self._describe)
        consumer = AIOKafkaConsumer(
            **self._connect,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_bytes=FETCH_BYTES,
            max_partition_fetch_bytes=FETCH_BYTES,
        )
        await consumer.start()
        try:
            places = [TopicPartition(log.topic, number) for number in range(log.partitions)]
            consumer.assign(places)
            ends = await consumer.end_offsets(places)
            begins, wanted = await consumer.beginning_offsets(places), await start(log)
            for place in places:
                consumer.seek(place, max(begins[place], wanted.get(place.partition, 0)))
            looked = time.monotonic()
            while True:
                for place, records in (await consumer.getmany(timeout_ms=POLL_MS)).items():
                    await take(log, place.partition, records)
                positions = [await consumer.position(place) >= end for place, end in ends.items()]
                if await turn(all(positions)):
                    return
                if time.monotonic() - looked > LOOK_S:
                    looked = time.monotonic()
                    if await beside(self._describe) != log:
                        return
        finally:
            await consumer.stop()


class KafkaFollower:
    """Follows the log itself."""

    def __init__(self, reader: LogReader, intake: Intake, gate: Gate) -> None:
        self._reader = reader
        self._intake = intake
        self._gate = gate

    async def run(self) -> None:
        """Follow until it is cancelled; where Kafka is away it says so once, and tries again."""
        await patiently(
            "The log of decisions is not heard", lambda: self._reader.read(_from_the_beginning, self._take, self._turn)
        )

    async def _take(self, _log: LogOfDecisions, _partition: int, records: Sequence[Record]) -> None:
        for number, record in enumerate(records, start=1):
            self._intake.take(record.key, record.value, record.headers, record.timestamp)
            if number % BURST == 0:
                await asyncio.sleep(0)

    async def _turn(self, is_read: bool) -> bool:  # noqa: FBT001  the reader's callback
        self._intake.heard()
        if is_read and not self._gate.is_ready:
            self._gate.ready()
            logger.info("All decisions of the log are known.")
        return False


class MirrorFollower:
    """Reads the mirror in Redis."""

    def __init__(self, mirror: Mirror, intake: Intake, gate: Gate) -> None:
        self._mirror = mirror
        self._intake = intake
        self._gate = gate
        self._after = "0"

    async def run(self) -> None:
        """Follow until it is cancelled; where Redis is away it says so once, and tries again."""
        await patiently("The mirror of decisions is not heard", self._follow)

    async def _follow(self) -> None:
        while True:
            entries = await self._mirror.read(self._after, POLL_MS if self._gate.is_ready else None)
            self._intake.heard()
            for number, entry in enumerate(entries, start=1):
                self._intake.take(entry.key, entry.value, entry.headers, entry.appended_at_ms)
                self._after = entry.entry_id
                if number % BURST == 0:
                    await asyncio.sleep(0)
            if entries:
                continue
            if self._after != "0" and not self._gate.is_ready:
                self._gate.ready()
                logger.info("All decisions of the mirror are known.")
            elif not self._gate.is_ready:  # an empty mirror says nothing: nobody may have written it yet
                await asyncio.sleep(TROUBLE_S)


class Mirrorer:
    """Writes the mirror: from where it ends, record by record, whatever this process has read otherwise.

    Only what the decider signed goes there.
    """

    def __init__(self, reader: LogReader, mirror: Mirror, verifier: Verifier) -> None:
        self._reader = reader
        self._mirror = mirror
        self._verifier = verifier
        self._life = ""
        self._looked = self._tidied = 0.0

    async def run(self) -> None:
        """Write until it is cancelled; where Kafka or Redis is away it says so once, and goes on from where it was."""
        await patiently("Decisions are not mirrored", lambda: self._reader.read(self._start, self._take, self._turn))

    async def _start(self, log: LogOfDecisions) -> Mapping[int, int]:
        self._life = await self._mirror.life()
        offsets = await self._mirror.offsets()
        return {number: offsets.get(f"{log.log_id}/{number}", 0) for number in range(log.partitions)}

    async def _take(self, log: LogOfDecisions, partition: int, records: Sequence[Record]) -> None:
        mirrored = []
        for record in records:
            verified = self._verifier.verify(record.key, record.value, record.headers)
            if not isinstance(verified, Refused):
                place = f"{log.log_id}/{partition}"
                key, value = record.key or b"", record.value or b""
                mirrored.append(
                    Mirrored(place, record.offset, key, value, record.headers, record.timestamp, verified.decision)
                )
        await self._mirror.append(mirrored)

    async def _turn(self, _is_read: bool) -> bool:  # noqa: FBT001  the reader's callback
        """Once in a while drop what is old; and begin anew where Redis has lost what was written."""
        now = time.monotonic()
        if now - self._tidied > TIDY_S:
            self._tidied = now
            await self._mirror.tidy(clock_ms())
        if now - self._looked < LOOK_S:
            return False
        self._looked = now
        return await self._mirror.life() != self._life


async def beside(work: Callable[[], T]) -> T:
    """What `work`, which blocks, comes to; on a thread that the end of the process does not wait for."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[T] = loop.create_future()

    def tell(outcome: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(lambda: None if answer.done() else outcome())

    def run() -> None:
        try:
            done = work()
        except Exception as error:  # noqa: BLE001  it is raised where it is waited for
            tell(partial(answer.set_exception, error))
        else:
            tell(partial(answer.set_result, done))

    threading.Thread(target=run, name="beside", daemon=True).start()
    return await answer


async def patiently(what: str, work: Callable[[], Any]) -> None:
    """Do it again and again until cancelled; where a server is away say so once, wait and try again."""
    said = ""
    while True:
        try:
            await work()
            said = ""
        except (KafkaError, StoreError, TopicError, OSError) as trouble:
            sentence = str(trouble) or type(trouble).__name__
            if sentence != said:
                logger.warning("%s: %s", what, sentence)
            said = sentence
            await asyncio.sleep(TROUBLE_S)


async def _from_the_beginning(_log: LogOfDecisions) -> Mapping[int, int]:
    return {}
