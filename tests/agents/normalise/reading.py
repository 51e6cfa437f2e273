"""Rows of a format through the same reader as on the command line."""

from io import BytesIO

from agents.normalise import FORMATS, MAX_BATCH_BYTES
from agents.records import RecordReader
from streams.events import RequestRecord

NOW_MS = 1_790_000_000_000


def reader(name: str, account_attribute: str | None = None, now_ms: int = NOW_MS) -> RecordReader:
    return RecordReader(lambda: now_ms, parse=FORMATS[name].parser(account_attribute), largest=MAX_BATCH_BYTES)


def read(
    name: str, content: bytes, account_attribute: str | None = None, now_ms: int = NOW_MS
) -> tuple[list[RequestRecord], RecordReader]:
    """The records of lines in a format, and the reader that counted them."""
    taking = reader(name, account_attribute, now_ms)
    return list(taking.read(BytesIO(content), "rows")), taking


def one(name: str, row: bytes, account_attribute: str | None = None) -> RequestRecord:
    """The one record of one row."""
    taking = reader(name, account_attribute)
    (record,) = taking.take(row, 1)
    assert not taking.bad
    return record
