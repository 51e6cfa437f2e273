"""What `replay` and `ingest` share: rows in, events out, bad rows set apart and reported."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import msgspec

from agents.cli.failing import UnusableError
from agents.cli.placing import STDOUT, placed
from agents.clock import now_ms
from agents.deadletters import classify
from agents.normalise import MAX_BATCH_BYTES, Format
from agents.normalise.frames import read_frames
from agents.records import STDIN, Parse, RecordReader, UnreadableError, opened
from streams.events import RequestEvent
from streams.feedback import Verdict
from streams.fingerprint import Fingerprinter


@contextmanager
def reading(
    records: str, rejects: Path | None, *others: Path, foreign: tuple[Format, Parse] | None = None
) -> Iterator[RecordReader]:
    """A reader whose bad rows go to `rejects`, which is in place once the block has ended well.

    `foreign`: the rows are in this format, and read so, instead of one record each.

    Raises `UnusableError` where one file is named twice, among `others` too: what is read must not be replaced.
    """
    _check_distinct(records, rejects, *others)
    if rejects is None:
        yield reader_of(foreign, lambda _row: None)
        return
    with placed(rejects, private=True) as bad:  # a bad row may hold a prompt
        yield reader_of(foreign, bad.write)


def reader_of(foreign: tuple[Format, Parse] | None, reject: Callable[[bytes], object]) -> RecordReader:
    """A reader of request records, or of rows in a foreign format."""
    if foreign is None:
        return RecordReader(now_ms, reject)
    return RecordReader(now_ms, reject, foreign[1], largest=MAX_BATCH_BYTES)


def events_of(
    reader: RecordReader, records: str, fingerprinter: Fingerprinter, foreign: tuple[Format, Parse] | None = None
) -> Iterator[RequestEvent]:
    """The events of the good rows of `records`. Raises `UnreadableError`."""
    with opened(records) as lines:
        framed = foreign is not None and foreign[0].framed
        found = read_frames(reader, lines, records) if framed else reader.read(lines, records)
        yield from map(fingerprinter.event, found)


def read_verdicts(path: Path) -> tuple[Verdict, ...]:
    """The verdicts of a file, one a line. Raises `UnusableError`, for a line that is none as well: they are few."""
    try:
        with opened(str(path)) as lines:
            rows = [(number, line) for number, line in enumerate(lines, start=1) if line.strip()]
    except (UnreadableError, OSError, EOFError) as error:
        raise UnusableError(str(error)) from error
    return tuple(_verdict(path, number, line) for number, line in rows)


def _verdict(path: Path, number: int, line: bytes) -> Verdict:
    try:
        return msgspec.json.decode(line, type=Verdict)
    except ValueError as error:
        raise UnusableError(f"line {number} of {path} is no verdict: {classify(error, line).sentence}") from error


def report_bad(reader: RecordReader, rejects: Path | None, place: str = "line") -> None:
    """Say what was wrong with the input, and end with 1 if anything was; `place`: what the rows are numbered by."""
    if reader.passed:
        click.echo(f"{reader.passed} entries that are no call of a model were passed over", err=True)
    elif not reader.good and not reader.bad:
        click.echo("The input is empty: there was nothing to do.", err=True)
    if reader.bad:
        total = sum(reader.bad.values())
        words = faults(reader)
        where = f"written to {rejects}" if rejects else "name a file with --rejects to keep them"
        click.echo(f"{total} bad {'row' if total == 1 else 'rows'} ({words}): {where}", err=True)
        for row in sorted(reader.first.values(), key=lambda row: row.line):
            click.echo(f"  first {row.fault}: {place} {row.line}: {row.sentence}", err=True)
        raise click.exceptions.Exit(1)


def faults(reader: RecordReader) -> str:
    """The bad rows by fault, in words."""
    return ", ".join(f"{count} {fault}" for fault, count in sorted(reader.bad.items()))


def _check_distinct(records: str, *outputs: Path | None) -> None:
    taken = set() if records == STDIN else {Path(records).resolve()}
    for path in outputs:
        if path is None or (str(path) != STDOUT and path.exists() and not path.is_file()):
            continue
        place = path if str(path) == STDOUT else path.resolve()
        if place in taken:
            raise UnusableError(f"{path} is named twice: what is read and what is written must be different files")
        taken.add(place)
