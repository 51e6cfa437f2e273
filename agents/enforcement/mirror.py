"""The mirror: decisions in Redis as they stand in the log, for gateways that do not read Kafka, or cannot just now.

A stream that holds, as the bytes the decider signed, the newest record of each subject and all that name members. Any
number of enforcers write it: the script appends a record of the log once. Its keys lie in one slot:

    {prefix:enforced}:log      the stream; an entry has key, value, key_id, signature and appended_at_ms
    {prefix:enforced}:offsets  log/partition -> the offset of the next record to append; `life`; `complete`
    {prefix:enforced}:newest   subject -> "sequence entry droppable decided_at_ms"

Whoever follows trusts the signatures, not Redis.
"""

import re
import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Final

from msgspec import Struct
from redis.exceptions import RedisClusterException, RedisError

from agents.signing import KEY_ID_HEADER, SIGNATURE_HEADER, Headers
from agents.store import StoreError
from agents.store.redis import redis_sentence
from agents.store.script import Script
from agents.store.wire import Wire, Word
from streams.decisions import Decision
from streams.enforcement.in_force import KEPT_MS

AT_ONCE: Final = 500
"""Records in one script, so that it is over in a few milliseconds."""

READ_AT_ONCE: Final = 1_000
LIFE: Final = "life"
COMPLETE: Final = "complete"
_NEWEST: Final = re.compile(rb"\d+ (\d{1,15})-\d+ [01] \d+")
DIGITS: Final = 15
"""Of a time: those of the next thousand years have one or two fewer."""


class Mirrored(Struct, frozen=True):
    """One record of the log of decisions, and what it says; None where nobody here can tell who signed it."""

    place: str
    offset: int
    key: bytes
    value: bytes
    headers: Headers
    appended_at_ms: int
    decision: Decision | None


class Entry(Struct, frozen=True):
    """One entry of the mirror: a record as the decider signed it, and when the log took it."""

    entry_id: str
    key: bytes
    value: bytes
    headers: Headers
    appended_at_ms: int


class Mirror:
    """The mirror in the Redis at `url`. Every method raises StoreError where Redis cannot be used."""

    def __init__(self, url: str, prefix: str) -> None:
        """Connect lazily. Raises StoreError for a bad url."""
        self._wire = Wire(url)
        at = f"{{{prefix}:enforced}}"
        self._log, self._offsets, self._newest = f"{at}:log", f"{at}:offsets", f"{at}:newest"
        self._append = Script(__package__, "mirror.lua")

    async def life(self) -> str:
        """A word that stays until Redis has lost everything: it is made where there is none."""
        await self._send("HSETNX", self._offsets, LIFE, secrets.token_hex(8))
        told = await self._send("HGET", self._offsets, LIFE)
        return told.decode() if isinstance(told, bytes) else ""

    async def complete(self) -> None:
        """Note that all was written that the log held when somebody began to write; it is lost with the rest."""
        await self._send("HSET", self._offsets, COMPLETE, "yes")

    async def is_complete(self) -> bool:
        """Whether that was noted."""
        return await self._send("HGET", self._offsets, COMPLETE) is not None

    async def offsets(self) -> Mapping[str, int]:
        """Of each log and partition the offset of the next record to append."""
        told = _pairs(await self._send("HGETALL", self._offsets))
        return {place.decode(): int(offset) for place, offset in told if offset.isdigit()}

    async def append(self, records: Sequence[Mirrored], life: str) -> bool:
        """Append records in the order of the log; those that were appended before change nothing.

        False if Redis lives another life than `life`: then nothing was appended.
        """
        for start in range(0, len(records), AT_ONCE):
            some = records[start : start + AT_ONCE]
            words: list[Word] = [life, str(len(some))]
            for it in some:
                headers = dict(it.headers)
                subject, sequence, is_kept = _told(it.decision)
                words += [
                    it.place,
                    str(it.offset),
                    subject,
                    str(sequence),
                    "1" if is_kept else "0",
                    it.key,
                    it.value,
                    headers.get(KEY_ID_HEADER) or b"",
                    headers.get(SIGNATURE_HEADER) or b"",
                    str(it.appended_at_ms),
                    "0" if it.decision is None else str(it.decision.decided_at_ms),
                ]
            try:
                told = await self._append.run(self._wire, [self._log, self._offsets, self._newest], words)
            except (RedisError, RedisClusterException) as error:
                raise StoreError(redis_sentence(error)) from error
            if told is None:
                return False
        return True

    async def read(self, after: str, wait_ms: int | None = None) -> list[Entry]:
        """Entries after that one ("0" for all), at most a thousand; an empty list if there is none within `wait_ms`."""
        block: list[Word] = [] if wait_ms is None else ["BLOCK", str(wait_ms)]
        told = await self._send("XREAD", "COUNT", str(READ_AT_ONCE), *block, "STREAMS", self._log, after, key=self._log)
        if not told:
            return []
        (entries,) = told.values() if isinstance(told, dict) else [it[1] for it in told]
        return [_entry(entry_id, fields) for entry_id, fields in entries]

    async def tidy(self, now_ms: int) -> None:
        """Drop what is older than the topic keeps it."""
        oldest = now_ms - KEPT_MS
        await self._send("XTRIM", self._log, "MINID", f"{oldest}-0")
        cursor = "0"
        while True:
            cursor, told = await self._send("HSCAN", self._newest, cursor, "COUNT", "1000")
            over = [subject for subject, it in _pairs(told) if _entry_ms(it) < oldest]
            if over:
                await self._send("HDEL", self._newest, *over)
            cursor = cursor.decode() if isinstance(cursor, bytes) else str(cursor)
            if cursor == "0":
                return

    async def close(self) -> None:
        """Close the connections."""
        await self._wire.close()

    async def _send(self, name: str, *words: Word, key: str | None = None) -> Any:  # noqa: ANN401  each has its own
        try:
            return await self._wire.send(key or str(words[0]), name, *words)
        except (RedisError, RedisClusterException) as error:
            raise StoreError(redis_sentence(error)) from error


def _pairs(told: Any) -> list[tuple[bytes, bytes]]:  # noqa: ANN401  redis-py gives a mapping or a list
    return list(told.items()) if isinstance(told, dict) else list(zip(told[::2], told[1::2], strict=True))


def _told(decision: Decision | None) -> tuple[bytes, int, bool]:
    """Its subject, its sequence, and whether it is kept when a later one comes.

    That is one that names members or payments or takes them back (rules 3, 9 and 11), and one that nobody here
    understands.
    """
    if decision is None:
        return b"", 0, True
    subject = f"{decision.subject_kind}:{decision.subject_id}".encode("utf-8", "surrogatepass")
    names = len(decision.members) > 0 or len(decision.payments) > 0
    is_kept = names or (decision.action == "release" and decision.subject_kind != "network")
    return subject, decision.sequence, is_kept


def _entry_ms(newest: bytes) -> int:
    """When the newest entry of a subject was written; 0 where a stranger wrote something else there."""
    found = _NEWEST.fullmatch(newest)
    return 0 if found is None else int(found[1])


def _entry(entry_id: bytes, fields: Any) -> Entry:  # noqa: ANN401  redis gives a mapping or a list
    """An entry as it stands there: whoever may write Redis may have written anything."""
    told = dict(_pairs(fields))
    headers = [(KEY_ID_HEADER, told.get(b"key_id")), (SIGNATURE_HEADER, told.get(b"signature"))]
    appended = told.get(b"appended_at_ms", b"")
    at_ms = int(appended) if appended.isdigit() and len(appended) <= DIGITS else 0
    vouching = tuple((name, it) for name, it in headers if it)
    return Entry(entry_id.decode(), told.get(b"key", b""), told.get(b"value", b""), vouching, at_ms)
