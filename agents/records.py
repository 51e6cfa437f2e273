"""Request records from a file: JSON Lines, plain or gzip, or standard input; bad rows set apart, never dropped."""

import gzip
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Final, Literal, cast

import msgspec
import xxhash
from msgspec import Struct

from agents.deadletters import MAX_AHEAD_MS, classify
from streams.events import MAX_RECORD_BYTES, RequestRecord

REMEMBERED_IDS: Final = 1_000_000
"""A second record with the event id of one of this many before it is refused as a duplicate."""

STDIN: Final = "-"
"""The name that means standard input."""

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

_LINE_LIMIT: Final = MAX_RECORD_BYTES + len(b"\r\n")
_GZIP: Final = b"\x1f\x8b"
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"

_OTHER_KINDS: Final = {
    b"\xff\xfe": "UTF-16 or UTF-32",
    b"\xfe\xff": "UTF-16",
    b"\x00\x00\xfe\xff": "UTF-32",
    b"{\x00": "UTF-16 or UTF-32",
    b"\x00{": "UTF-16",
    b"PK\x03\x04": "a zip archive",
    b"BZh": "bzip2",
    b"\xfd7zX": "xz",
    b"\x28\xb5\x2f\xfd": "Zstandard",
}
"""How files begin that hold rows, but not so that they can be read here."""

_ESCAPE: Final = re.compile(rb"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL)
"""One escape of a JSON string; group 1 is a surrogate that stands alone. What follows a backslash is taken with it."""

_TEXT: Final = frozenset({"user_agent", "client_address"})
"""Fields of a record that leave the gateway only as hashes, where a character that is replaced does no harm."""


class UnreadableError(Exception):
    """The input cannot be read (further); one sentence without its full stop, for the person who named it."""


class BadRow(Struct, frozen=True):
    """Why a row is no request record: the number of its line, from 1, the fault, and one sentence without its text."""

    line: int
    fault: Fault
    sentence: str


class RecordReader:
    """Reads rows one by one; counts the good, and the bad by fault.

    `now_ms`: rows more than a day later are from a clock that is wrong. `reject` is given every bad row as it stands
    in the input, its line end included, in order; a row that is too large comes in several pieces. Besides the
    hashes of the last `REMEMBERED_IDS` event ids, nothing grows with the input.
    """

    def __init__(self, now_ms: int, reject: Callable[[bytes], object] = lambda _row: None) -> None:
        self.good = 0
        self.bad: Counter[Fault] = Counter()
        self.first: dict[Fault, BadRow] = {}
        self._latest_ms = now_ms + MAX_AHEAD_MS
        self._reject = reject
        self._decode = msgspec.json.Decoder(RequestRecord).decode
        self._ids: dict[int, None] = {}

    def read(self, lines: IO[bytes], name: str) -> Iterator[RequestRecord]:
        """Each good row as a record; blank lines are passed over. Raises `UnreadableError`.

        A byte order mark before the first row is no part of it, and the last row needs no line end.
        """
        number = 0
        while line := _next(lines, name, number):
            number += 1
            row = line.removesuffix(b"\n").removesuffix(b"\r")
            if number == 1:
                row = row.removeprefix(_BYTE_ORDER_MARK)
            if not row or row.isspace():
                continue
            found = self._record(row)
            if isinstance(found, RequestRecord):
                self.good += 1
                yield found
                continue
            fault, sentence = found
            self.bad[fault] += 1
            self.first.setdefault(fault, BadRow(number, fault, sentence))
            self._reject(line)
            while len(line) == _LINE_LIMIT and not line.endswith(b"\n"):
                line = _next(lines, name, number)
                self._reject(line)

    def _record(self, row: bytes) -> RequestRecord | tuple[Fault, str]:
        if len(row) > MAX_RECORD_BYTES:
            return "too_large", f"The row has more than {MAX_RECORD_BYTES} bytes."
        try:
            record = self._decode(row)
        except (ValueError, RecursionError) as error:
            mended = self._mended(row, error)
            if not isinstance(mended, RequestRecord):
                return mended
            record = mended
        if record.occurred_at_ms > self._latest_ms:
            return "in_the_future", "`occurred_at_ms` is more than a day in the future."
        if not self._is_new(record.event_id):
            return "duplicate_event_id", "A record before it has the same `event_id`."
        return record

    def _mended(self, row: bytes, error: Exception) -> RequestRecord | tuple[Fault, str]:
        """The record of a row whose text was cut inside a surrogate pair, as JavaScript does: JSON, but not text.

        The half is replaced in what was typed, as every reader of text does. In what identifies somebody it is
        refused: two names that differ in it alone would become one.
        """
        whole = _ESCAPE.sub(lambda escape: rb"\ufffd" if escape[1] else escape[0], row)
        if whole == row:
            refusal = classify(error, row)
            return refusal.reason.value, refusal.sentence
        try:
            record = self._decode(whole)
        except (ValueError, RecursionError) as still:
            refusal = classify(still, whole)
            return refusal.reason.value, refusal.sentence
        for name in record.__struct_fields__:
            value = getattr(record, name)
            if name not in _TEXT and isinstance(value, str) and "\ufffd" in value:
                return "not_utf8", f"`{name}` holds half a surrogate pair, which is no character."
        return record

    def _is_new(self, event_id: str) -> bool:
        key = xxhash.xxh3_64_intdigest(event_id.encode())
        if key in self._ids:
            return False
        self._ids[key] = None
        if len(self._ids) > REMEMBERED_IDS:
            del self._ids[next(iter(self._ids))]
        return True


@contextmanager
def opened(name: str) -> Iterator[IO[bytes]]:
    """The bytes of a file, of a gzip file whatever its name, or of standard input for `-`. Raises `UnreadableError`."""
    shown = shown_name(name)
    try:
        raw = open(0 if name == STDIN else name, "rb", closefd=name != STDIN)  # noqa: SIM115 - it is closed below
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise UnreadableError(f"{shown} cannot be opened: {_reason(error)}") from error
    with raw:
        try:
            start = raw.peek(4)
        except OSError as error:
            raise UnreadableError(f"{shown} cannot be read: {_reason(error)}") from error
        for magic, kind in _OTHER_KINDS.items():
            if start.startswith(magic):
                raise UnreadableError(f"{shown} is {kind}; it must be JSON Lines in UTF-8, plain or gzip")
        yield cast("IO[bytes]", gzip.GzipFile(fileobj=raw)) if start.startswith(_GZIP) else raw


def shown_name(name: str) -> str:
    """What an input is called in a sentence."""
    return "Standard input" if name == STDIN else name


def _next(lines: IO[bytes], name: str, number: int) -> bytes:
    """The next line, or the next piece of a line that is too long; `number` lines came before it."""
    try:
        return lines.readline(_LINE_LIMIT)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        message = f"{shown_name(name)} is cut short or damaged after line {number}: {_reason(error)}"
        raise UnreadableError(message) from error
    except OSError as error:
        message = f"{shown_name(name)} cannot be read after line {number}: {_reason(error)}"
        raise UnreadableError(message) from error


def _reason(error: Exception) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(text).rstrip(".")
