"""What `replay` and `ingest` share: rows in, events out, bad rows set apart and reported."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO

import click

from agents.cli.failing import UnusableError
from agents.records import BadRow, RecordReader, opened
from streams.events import RequestEvent
from streams.fingerprint import Fingerprinter


def events_of(
    reader: RecordReader, path: str, fingerprinter: Fingerprinter, bad: IO[bytes] | None
) -> Iterator[RequestEvent]:
    """The events of the good rows of `path`; the bad rows go to `bad` as they were. Raises UnreadableError."""
    with opened(path) as lines:
        for found in reader.read(lines, path):
            if not isinstance(found, BadRow):
                yield fingerprinter.event(found)
            elif bad is not None:
                bad.write(found.row if found.row.endswith(b"\n") else found.row + b"\n")


def report_bad(reader: RecordReader, rejects: Path | None) -> None:
    """Say what was wrong with the input, and end with 1 if anything was."""
    if not reader.good and not reader.bad:
        click.echo("The input is empty: there was nothing to do.", err=True)
    if reader.bad:
        words = ", ".join(f"{count} {fault}" for fault, count in sorted(reader.bad.items()))
        where = f"written to {rejects}" if rejects else "name a file with --rejects to keep them"
        click.echo(f"{sum(reader.bad.values())} bad rows ({words}): {where}", err=True)
        raise click.exceptions.Exit(1)


def rejects_to(path: Path | None) -> AbstractContextManager[IO[bytes] | None]:
    """Where bad rows go: a whole file, or nowhere."""
    return nullcontext() if path is None else Whole(path)


class Whole:
    """A file that appears under its name only when it is whole. Raises UnusableError where it cannot be written."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._file = NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False)  # noqa: SIM115
        except OSError as error:
            raise UnusableError(f"{path} cannot be written: {error.strerror}") from error

    def __enter__(self) -> IO[bytes]:
        return self._file

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._file.close()
        part = Path(self._file.name)
        if kind is None or issubclass(kind, click.exceptions.Exit):
            part.chmod(0o644)
            part.replace(self._path)
        else:
            part.unlink(missing_ok=True)
