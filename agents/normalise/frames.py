"""Files of the collector's file exporter with `format: proto`: each message after its length, 4 bytes, big endian."""

from collections.abc import Iterator
from typing import IO, Final

from agents.records import RecordReader, UnreadableError, reading_after, shown_name
from streams.events import RequestRecord

_LENGTH_BYTES: Final = 4


def read_frames(reader: RecordReader, lines: IO[bytes], name: str) -> Iterator[RequestRecord]:
    """Each good record of each message. Raises `UnreadableError` where no such file is, or it breaks off."""
    number = 0
    while head := _read(lines, _LENGTH_BYTES, name, number):
        length = int.from_bytes(head, "big")
        if len(head) < _LENGTH_BYTES or length > reader.largest:
            what = "breaks off" if len(head) < _LENGTH_BYTES else "has no message that could be one"
            raise UnreadableError(
                f"{shown_name(name)} {what} after message {number}; it must be what the OpenTelemetry collector's "
                "file exporter writes with `format: proto`, each message after its length"
            )
        body = _read(lines, length, name, number)
        if len(body) < length:
            raise UnreadableError(f"{shown_name(name)} breaks off in message {number + 1}")
        number += 1
        yield from reader.take(body, number, head + body)


def _read(lines: IO[bytes], size: int, name: str, number: int) -> bytes:
    with reading_after(name, f"message {number}"):
        return lines.read(size)
