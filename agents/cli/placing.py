"""Files that a command writes: whole under their name, or not there at all."""

import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from agents.cli.failing import UnusableError
from agents.private import owner_only

STDOUT = "-"
"""The name that means standard output."""


class Placed:
    """Bytes on their way to the place that the user named. Raises `UnusableError` where it takes no more."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file = file
        self._name = name

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Write `data` and return how many bytes that is."""
        with _named(self._name):
            return self._file.write(data)

    def flush(self) -> None:
        """Hand over what is buffered."""
        with _named(self._name):
            self._file.flush()


@contextmanager
def placed(name: str | Path, *, private: bool = False) -> Iterator[Placed]:
    """A file to write to, in place under `name` only once the block has ended well, and then whole.

    What is not an ordinary file (standard output for `-`, a pipe, /dev/null) is written to directly. `private`: nobody
    but its owner may read a new file. Raises `UnusableError`; a closed pipe is a `BrokenPipeError`, for `main` to end
    on quietly.
    """
    shown = str(name)
    if shown == STDOUT:
        out = Placed(sys.stdout.buffer, "standard output")
        yield out
        out.flush()
        return
    with _named(shown):
        path = Path(name).resolve()
        ordinary = path.is_file() or not path.exists()
        beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp") if ordinary else path
        file = open(beside, "xb" if ordinary else "wb", opener=owner_only if private else None)  # noqa: SIM115
    try:
        yield Placed(file, shown)
        with _named(shown):
            file.close()
            if ordinary:
                _move(beside, path)
    finally:
        if ordinary:
            beside.unlink(missing_ok=True)
        _close_quietly(file)


def _move(beside: Path, path: Path) -> None:
    """Put the whole file in its place, readable by whoever could read the one that it replaces."""
    if path.exists():
        beside.chmod(path.stat().st_mode & 0o777)
    beside.replace(path)


def _close_quietly(file: BinaryIO) -> None:
    """Close what was given up: the disk may be too full even for what is buffered, which nobody wants any more."""
    try:
        file.close()
    except OSError:
        return


@contextmanager
def _named(name: str) -> Iterator[None]:
    """Say which place it is that cannot be written."""
    try:
        yield
    except BrokenPipeError:
        raise
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UnusableError(f"Cannot write {name}: {reason.lower()}") from error
