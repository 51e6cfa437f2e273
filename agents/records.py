"""Request records from a file: JSON Lines, plain or gzip, or standard input; bad rows set apart, never dropped."""

import gzip
import sys
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Literal

import msgspec
import xxhash
from msgspec import Struct

from agents.deadletters import MAX_AHEAD_MS, classify
from streams.events import MAX_RECORD_BYTES, RequestRecord

REMEMBERED_IDS = 1_000_000
"""A second record with the event id of one of this many before it is refused as a duplicate."""

Fault = Literal[
    "too_large",
    "not_utf8",
    "not_json",
    "missing_field",
    "wrong_type",
    "out_of_range",
    "in_the_future",
    "duplicate_event_id",
    "no_value",
    "key_mismatch",
]


class UnreadableError(Exception):
    """The input cannot be read (further); one sentence for the person who named it."""


class BadRow(Struct, frozen=True):
    """A row that is no request record: its line, from 1, why not, and the row itself, byte for byte."""

    line: int
    fault: Fault
    sentence: str
    row: bytes


class RecordReader:
    """Reads rows one by one and counts the bad by fault. `now_ms`: later records are from a clock that is wrong."""

    def __init__(self, now_ms: int) -> None:
        self.good = 0
        self.bad: Counter[Fault] = Counter()
        self._latest_ms = now_ms + MAX_AHEAD_MS
        self._decode = msgspec.json.Decoder(RequestRecord).decode
        self._ids: dict[int, None] = {}

    def read(self, lines: IO[bytes], name: str) -> Iterator[RequestRecord | BadRow]:
        """Each row as a record or as a bad row; empty lines are passed over. Raises UnreadableError."""
        number = 0
        while True:
            try:
                line = lines.readline(MAX_RECORD_BYTES + 2)
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                message = f"{name} is cut short or damaged after line {number}: {_reason(error)}"
                raise UnreadableError(message) from error
            except OSError as error:
                message = f"{name} cannot be read after line {number}: {_reason(error)}"
                raise UnreadableError(message) from error
            if not line:
                return
            number += 1
            if len(line.rstrip(b"\r\n")) > MAX_RECORD_BYTES:
                line += _rest_of(lines)
            if line.strip():
                yield self._judge(number, line)

    def _judge(self, number: int, line: bytes) -> RequestRecord | BadRow:
        found = self._record(line)
        if isinstance(found, RequestRecord):
            self.good += 1
            return found
        fault, sentence = found
        self.bad[fault] += 1
        return BadRow(number, fault, sentence, line)

    def _record(self, line: bytes) -> RequestRecord | tuple[Fault, str]:
        if len(line.rstrip(b"\r\n")) > MAX_RECORD_BYTES:
            return "too_large", f"The row has more than {MAX_RECORD_BYTES} bytes."
        try:
            record = self._decode(line)
        except (ValueError, RecursionError) as error:
            mended = _with_lone_surrogates(line)
            if mended is None:
                refusal = classify(error, line)
                return refusal.reason.value, refusal.sentence
            record = mended
        if record.occurred_at_ms > self._latest_ms:
            return "in_the_future", "`occurred_at_ms` is more than a day in the future."
        key = xxhash.xxh3_64_intdigest(record.event_id.encode("utf-8", "surrogatepass"))
        if key in self._ids:
            return "duplicate_event_id", "Another record before it has the same `event_id`."
        self._ids[key] = None
        if len(self._ids) > REMEMBERED_IDS:
            del self._ids[next(iter(self._ids))]
        return record


@contextmanager
def opened(path: str) -> Iterator[IO[bytes]]:
    """The bytes of a file, of a gzip file whatever its name, or of standard input for `-`. Raises UnreadableError."""
    try:
        raw: IO[bytes] = sys.stdin.buffer if path == "-" else Path(path).open("rb")  # noqa: SIM115
    except OSError as error:
        message = f"{path} cannot be opened: {_reason(error)}"
        raise UnreadableError(message) from error
    try:
        buffered = raw if hasattr(raw, "peek") else None
        try:
            zipped = buffered is not None and buffered.peek(2)[:2] == b"\x1f\x8b"
        except OSError as error:
            message = f"{path} cannot be read: {_reason(error)}"
            raise UnreadableError(message) from error
        yield gzip.open(raw) if zipped else raw  # type: ignore[misc]  # gzip reads any binary file
    finally:
        if path != "-":
            raw.close()


def _with_lone_surrogates(line: bytes) -> RequestRecord | None:
    """A record whose text was cut inside a surrogate pair, as JavaScript does: JSON, but not msgspec's."""
    if b"\\ud" not in line.lower():
        return None
    try:
        return msgspec.convert(msgspec.to_builtins(_loads(line)), RequestRecord)
    except (ValueError, RecursionError):
        return None


def _loads(line: bytes) -> object:
    """Standard JSON: surrogates are let through, NaN and infinities are not."""
    import json  # noqa: PLC0415  only for the rare row that needs it

    def refuse(word: str) -> object:
        raise ValueError(word)

    return json.loads(line, parse_constant=refuse)


def _rest_of(lines: IO[bytes]) -> bytes:
    """The rest of a line that is too long: kept, because a bad row is written whole to the rejects."""
    parts = []
    while part := lines.readline(MAX_RECORD_BYTES):
        parts.append(part)
        if part.endswith(b"\n"):
            break
    return b"".join(parts)


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
