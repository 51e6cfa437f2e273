"""What `replay` and `ingest` share: rows in, events out, bad rows set apart and reported."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import msgspec

from agents.cli.failing import UnusableError
from agents.cli.placing import STDOUT, placed
from agents.deadletters import classify
from agents.records import STDIN, RecordReader, UnreadableError, opened
from streams.events import RequestEvent
from streams.feedback import Verdict
from streams.fingerprint import Fingerprinter


@contextmanager
def reading(records: str, rejects: Path | None, *others: Path) -> Iterator[RecordReader]:
    """A reader whose bad rows go to `rejects`, which is in place once the block has ended well.

    Raises `UnusableError` where one file is named twice, among `others` too: what is read must not be replaced.
    """
    _check_distinct(records, rejects, *others)
    now_ms = time.time_ns() // 1_000_000
    if rejects is None:
        yield RecordReader(now_ms)
        return
    with placed(rejects, private=True) as bad:  # a bad row may hold a prompt
        yield RecordReader(now_ms, bad.write)


def events_of(reader: RecordReader, records: str, fingerprinter: Fingerprinter) -> Iterator[RequestEvent]:
    """The events of the good rows of `records`. Raises `UnreadableError`."""
    with opened(records) as lines:
        yield from map(fingerprinter.event, reader.read(lines, records))


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


def report_bad(reader: RecordReader, rejects: Path | None) -> None:
    """Say what was wrong with the input, and end with 1 if anything was."""
    if not reader.good and not reader.bad:
        click.echo("The input is empty: there was nothing to do.", err=True)
    if reader.bad:
        total = sum(reader.bad.values())
        words = ", ".join(f"{count} {fault}" for fault, count in sorted(reader.bad.items()))
        where = f"written to {rejects}" if rejects else "name a file with --rejects to keep them"
        click.echo(f"{total} bad {'row' if total == 1 else 'rows'} ({words}): {where}", err=True)
        for row in sorted(reader.first.values(), key=lambda row: row.line):
            click.echo(f"  first {row.fault}: line {row.line}: {row.sentence}", err=True)
        raise click.exceptions.Exit(1)


def _check_distinct(records: str, *outputs: Path | None) -> None:
    taken = set() if records == STDIN else {Path(records).resolve()}
    for path in outputs:
        if path is None or (str(path) != STDOUT and path.exists() and not path.is_file()):
            continue
        place = path if str(path) == STDOUT else path.resolve()
        if place in taken:
            raise UnusableError(f"{path} is named twice: what is read and what is written must be different files")
        taken.add(place)
