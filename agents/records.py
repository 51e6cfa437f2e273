"""Request records from a file: rows, plain or gzip, or standard input; bad rows set apart, never dropped.

A row is one record as JSON, unless the reader is given another `parse`: see `agents.normalise`.
"""

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
    "missing_account",
    "not_protobuf",
]

Refused = tuple[Fault, str]
"""Why something is no request record, in a word, and in one sentence without its text."""

Found = RequestRecord | Refused | None
"""What stands in a row: a record, what should be one and is not, or something else (None) that is passed over."""

Parse = Callable[[bytes], list[Found]]
"""Reads a row. It raises ValueError or RecursionError, as msgspec does, for a row that cannot be read at all."""

_OPENING: Final = frozenset({b"[", b"{", b"[{"})
"""The first line of a document that is spread over many."""

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


def one_record() -> Parse:
    """Reads a row that is one request record."""
    decode = msgspec.json.Decoder(RequestRecord).decode
    return lambda row: [decode(row)]


class RecordReader:
    """Reads rows one by one; counts the good records, and the bad ones by fault.

    Records more than a day after `clock` (in ms) are from a clock that is wrong. `reject` is given every row with a bad
    record as it stands in the input, its line end included, in order; a row that is too large comes in several pieces.
    `parse` reads a row, which has at most `largest` bytes. Besides the hashes of the last `REMEMBERED_IDS` event ids,
    nothing grows with the input.
    """

    def __init__(
        self,
        clock: Callable[[], int],
        reject: Callable[[bytes], object] = lambda _row: None,
        parse: Parse | None = None,
        *,
        largest: int = MAX_RECORD_BYTES,
    ) -> None:
        self.good = 0
        self.passed = 0
        self.bad: Counter[Fault] = Counter()
        self.first: dict[Fault, BadRow] = {}
        self.largest = largest
        self._clock = clock
        self._reject = reject
        self._parse = parse or one_record()
        self._ids: dict[int, None] = {}

    def read(self, lines: IO[bytes], name: str) -> Iterator[RequestRecord]:
        """Each good record of each line; blank lines are passed over. Raises `UnreadableError`.

        A byte order mark before the first row is no part of it, and the last row needs no line end. A document that
        begins with a line that only opens it is one row, up to its end.
        """
        limit = self.largest + len(b"\r\n")
        number = 0
        while line := _next(lines, name, number, limit):
            number += 1
            row = line.removesuffix(b"\n").removesuffix(b"\r")
            if number == 1:
                row = row.removeprefix(_BYTE_ORDER_MARK)
                if row.strip() in _OPENING:
                    row = line = line + _rest(lines, name, limit - len(line))
            if not row or row.isspace():
                continue
            yield from self.take(row, number, line)
            while len(line) == limit and not line.endswith(b"\n"):
                line = _next(lines, name, number, limit)
                self._reject(line)

    def take(self, row: bytes, number: int, whole: bytes | None = None) -> Iterator[RequestRecord]:
        """Each good record of one row; `number` and `whole`, the row with its line end, are for what is bad in it."""
        refused = False
        for found in self._found(row):
            checked = self._checked(found) if isinstance(found, RequestRecord) else found
            if checked is None:
                self.passed += 1
            elif isinstance(checked, RequestRecord):
                self.good += 1
                yield checked
            else:
                refused = True
                self.refuse(checked, number)
        if refused:
            self._reject(row if whole is None else whole)

    def refuse(self, refused: Refused, number: int) -> None:
        """Count what is bad; `number` says where it stands."""
        fault, sentence = refused
        self.bad[fault] += 1
        self.first.setdefault(fault, BadRow(number, fault, sentence))

    def _found(self, row: bytes) -> list[Found]:
        if len(row) > self.largest:
            return [("too_large", f"The row has more than {self.largest} bytes.")]
        try:
            return self._parse(row)
        except (ValueError, RecursionError) as error:
            return self._mended(row, error)

    def _mended(self, row: bytes, error: Exception) -> list[Found]:
        """What stands in a row whose text was cut inside a surrogate pair, as JavaScript does: JSON, but not text.

        The half is replaced in what was typed, as every reader of text does. In what identifies somebody it is
        refused: two names that differ in it alone would become one.
        """
        whole = mended(row)
        if whole == row:
            return [_refused(error, row)]
        try:
            found = self._parse(whole)
        except (ValueError, RecursionError) as still:
            return [_refused(still, whole)]
        return [_intact(it) if isinstance(it, RequestRecord) else it for it in found]

    def _checked(self, record: RequestRecord) -> RequestRecord | Refused:
        if record.occurred_at_ms > self._clock() + MAX_AHEAD_MS:
            return "in_the_future", "`occurred_at_ms` is more than a day in the future."
        if not self._is_new(record.event_id):
            return "duplicate_event_id", "A record before it has the same `event_id`."
        return record

    def _is_new(self, event_id: str) -> bool:
        key = xxhash.xxh3_64_intdigest(event_id.encode())
        if key in self._ids:
            return False
        self._ids[key] = None
        if len(self._ids) > REMEMBERED_IDS:
            del self._ids[next(iter(self._ids))]
        return True


def mended(text: bytes) -> bytes:
    """JSON without the escapes of surrogates that stand alone: each is the replacement character."""
    return _ESCAPE.sub(lambda escape: rb"\ufffd" if escape[1] else escape[0], text)


def _intact(record: RequestRecord) -> RequestRecord | Refused:
    for name in record.__struct_fields__:
        value = getattr(record, name)
        if name not in _TEXT and isinstance(value, str) and "\ufffd" in value:
            return "not_utf8", f"`{name}` holds half a surrogate pair, which is no character."
    return record


def _refused(error: Exception, row: bytes) -> Refused:
    refusal = classify(error, row)
    return refusal.reason.value, refusal.sentence


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


def _next(lines: IO[bytes], name: str, number: int, limit: int) -> bytes:
    """The next line, or the next piece of a line that is too long; `number` lines came before it."""
    with reading_after(name, f"line {number}"):
        return lines.readline(limit)


def _rest(lines: IO[bytes], name: str, limit: int) -> bytes:
    """What follows the first line, up to so many bytes."""
    with reading_after(name, "line 1"):
        return lines.read(limit)


@contextmanager
def reading_after(name: str, place: str) -> Iterator[None]:
    """Turn what goes wrong while an input is read, beyond `place`, into `UnreadableError`."""
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UnreadableError(f"{shown_name(name)} is cut short or damaged after {place}: {_reason(error)}") from error
    except OSError as error:
        raise UnreadableError(f"{shown_name(name)} cannot be read after {place}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(text).rstrip(".")
