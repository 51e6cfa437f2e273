"""Followers: whatever the log of decisions, or its mirror, holds goes into the gate as soon as it is there.

Each reads from the beginning and goes on for ever. Several may feed one gate, because a decision that comes again
changes nothing: an enforcer follows Kafka, and the mirror for when Kafka is away.
"""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from agents.clock import now_ms
from agents.enforcement.admission import Admission
from agents.enforcement.gate import Gate
from agents.enforcement.metrics import EnforcementMetrics, Source
from agents.enforcement.mirror import Mirror, Mirrored
from agents.enforcement.reading import LOOK_S, POLL_MS, TROUBLE_S, Bookmark, LogReader, patiently
from agents.signing import Headers, Refused, Verifier
from agents.topics import LogOfDecisions
from agents.transport import Record
from streams.enforcement import age

logger = logging.getLogger(__name__)

TIDY_S: Final = 3_600.0
BURST: Final = 16
"""Decisions taken before somebody else has a turn, in about two milliseconds: a gateway's questions must not wait."""


class Takes(Protocol):
    """What a follower gives records to."""

    def take(
        self, key: bytes | None, value: bytes | None, headers: Headers, appended_at_ms: int, source: Source
    ) -> None:
        """Take one record, that the log took then; 0 where nobody knows."""
        ...


class Knows(Protocol):
    """What is told once all decisions up to the start are known."""

    @property
    def is_ready(self) -> bool:
        """Whether they are."""
        ...

    def ready(self) -> None:
        """They are."""
        ...


class Intake:
    """Takes records of decisions into a gate, such as `Admission` lets in."""

    def __init__(self, gate: Gate, verifier: Verifier, metrics: EnforcementMetrics) -> None:
        self._gate = gate
        self._admission = Admission(verifier, metrics.count_record)
        self._metrics = metrics

    def take(
        self, key: bytes | None, value: bytes | None, headers: Headers, appended_at_ms: int, source: Source
    ) -> None:
        """Take one record, that the log took then; 0 where nobody knows."""
        decision = self._admission.admit(key, value, headers, source)
        if decision is None:
            return
        taken_ms = now_ms()
        latest = self._gate.latest(decision.subject_kind, decision.subject_id, decision.decided_at_ms)
        how_old = age(decision, latest, taken_ms)
        self._gate.take(decision, appended_at_ms or decision.decided_at_ms)
        if how_old == "fresh" and self._gate.is_ready and appended_at_ms:
            self._metrics.in_force_seconds.observe(max(0, taken_ms - appended_at_ms) / 1000)

    def heard(self, source: Source) -> None:
        """Note that a source of decisions answered."""
        self._metrics.heard_seconds.labels(source).set(now_ms() / 1000)


class KafkaFollower:
    """Follows the log itself, from where it was when it has to connect anew."""

    def __init__(self, reader: LogReader, intake: Takes, gate: Knows) -> None:
        self._reader = reader
        self._intake = intake
        self._gate = gate
        self._bookmark = Bookmark()

    async def run(self) -> None:
        """Follow until it is cancelled; where Kafka is away it says so once, and tries again."""
        await patiently(
            "The log of decisions is not heard", lambda: self._reader.read(self._bookmark.start, self._take, self._turn)
        )

    def begin_anew(self) -> None:
        """Read all of it again, soon: what was refused before may be good by other keys."""
        self._bookmark.begin_anew()

    async def _take(self, _log: LogOfDecisions, partition: int, records: Sequence[Record]) -> None:
        for number, record in enumerate(records, start=1):
            self._intake.take(record.key, record.value, record.headers, record.timestamp, "log")
            if number % BURST == 0:
                await asyncio.sleep(0)
        self._bookmark.took(partition, records)

    async def _turn(self, is_read: bool) -> bool:  # noqa: FBT001  the reader's callback
        if is_read and not self._gate.is_ready:
            self._gate.ready()
            logger.info("All decisions of the log are known.")
        return self._bookmark.is_anew


class MirrorFollower:
    """Reads the mirror in Redis."""

    def __init__(self, mirror: Mirror, intake: Intake, gate: Gate, patience_s: float = 0.0) -> None:
        """It says that all is known no sooner than after `patience_s`: until then the log itself may say so."""
        self._mirror = mirror
        self._intake = intake
        self._gate = gate
        self._after = "0"
        self._is_anew = False
        self._ready_from = time.monotonic() + patience_s

    async def run(self) -> None:
        """Follow until it is cancelled; where Redis is away it says so once, and tries again."""
        await patiently("The mirror of decisions is not heard", self._follow)

    def begin_anew(self) -> None:
        """Read all of it again, soon: what was refused before may be good by other keys."""
        self._is_anew = True

    async def _follow(self) -> None:
        while True:
            if self._is_anew:
                self._after, self._is_anew = "0", False
            # Asked before reading: what is appended between the two is read then, or makes it not ready yet.
            has_all = await self._says_all()
            entries = await self._mirror.read(self._after, POLL_MS if self._gate.is_ready else None)
            self._intake.heard("mirror")
            for number, entry in enumerate(entries, start=1):
                self._intake.take(entry.key, entry.value, entry.headers, entry.appended_at_ms, "mirror")
                self._after = entry.entry_id
                if number % BURST == 0:
                    await asyncio.sleep(0)
            if entries or self._gate.is_ready:
                continue
            if has_all:
                self._gate.ready()
                logger.info("All decisions of the mirror are known.")
            else:
                await asyncio.sleep(TROUBLE_S / 4)

    async def _says_all(self) -> bool:
        """Whether the mirror, read to its end, may tell the gate now that all is known."""
        may_tell = not self._gate.is_ready and time.monotonic() >= self._ready_from
        return may_tell and await self._mirror.is_complete()


class Mirrorer:
    """Writes the mirror: from where it ends, record by record, whatever this process has read otherwise.

    What is not signed, or wrongly, is left out. What is signed by a key that is not known here takes nothing's place:
    an enforcer that knows the key will read it.
    """

    def __init__(self, reader: LogReader, mirror: Mirror, verifier: Verifier) -> None:
        self._reader = reader
        self._mirror = mirror
        self._verifier = verifier
        self._life = self._complete_in = ""
        self._reached: dict[str, int] = {}
        self._is_other = False
        self._looked = self._tidied = 0.0

    async def run(self) -> None:
        """Write until it is cancelled; where Kafka or Redis is away it says so once, and goes on from where it was."""
        await patiently("Decisions are not mirrored", lambda: self._reader.read(self._start, self._take, self._turn))

    async def _start(self, log: LogOfDecisions) -> Mapping[int, int]:
        self._life, self._is_other = await self._mirror.life(), False
        offsets = await self._mirror.offsets()
        self._reached = {}
        return {number: offsets.get(f"{log.log_id}/{number}", 0) for number in range(log.partitions)}

    async def _take(self, log: LogOfDecisions, partition: int, records: Sequence[Record]) -> None:
        mirrored, place = [], f"{log.log_id}/{partition}"
        for number, record in enumerate(records, start=1):
            if number % BURST == 0:
                await asyncio.sleep(0)
            verified = self._verifier.verify(record.key, record.value, record.headers)
            if isinstance(verified, Refused) and verified.reason != "unknown_key":
                continue
            decision = None if isinstance(verified, Refused) else verified.decision
            key, value = record.key or b"", record.value or b""
            mirrored.append(Mirrored(place, record.offset, key, value, record.headers, record.timestamp, decision))
        if not mirrored or self._is_other:
            return
        if await self._mirror.append(mirrored, self._life):
            self._reached[place] = mirrored[-1].offset + 1
        else:
            self._is_other = True

    async def _turn(self, is_read: bool) -> bool:  # noqa: FBT001  the reader's callback
        """Once in a while drop what is old; and begin anew where Redis has lost something of what was written."""
        if self._is_other:
            return True
        if is_read and self._complete_in != self._life:
            await self._mirror.complete()
            self._complete_in = self._life
        now = time.monotonic()
        if now - self._tidied > TIDY_S:
            self._tidied = now
            await self._mirror.tidy(now_ms())
        if now - self._looked < LOOK_S:
            return False
        self._looked = now
        offsets = await self._mirror.offsets()
        went_back = any(offsets.get(place, 0) < reached for place, reached in self._reached.items())
        return went_back or await self._mirror.life() != self._life
