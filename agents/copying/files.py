"""Copies in files: gzip of JSON Lines, one file a partition and run, and a manifest that says which files count.

A row is an `Entry`, its bytes in base64. The manifest is written last, and whole: what a run that was killed has left
counts for nothing, and the next run writes it anew.
"""

import gzip
import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final, Self

import msgspec
from msgspec import Struct

from agents.copying.entry import CopyError, Entry, Place, Word
from agents.private import owner_only

MANIFEST: Final = "manifest.json"
ROWS_AT_ONCE: Final = 2_000
LEVEL: Final = 3
"""Of gzip: a third of the time of its usual 9, and files a tenth larger."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Entry).decode


class Part(Struct, frozen=True):
    """One file: the records `first` to `last` of a partition, how many there are, and the file's SHA-256."""

    name: str
    word: Word
    partition: int
    first: int
    last: int
    records: int
    sha256: str


class Manifest(Struct):
    """What a folder holds: of which prefix, the ids and partitions of the topics, and the files, oldest first."""

    prefix: str
    log_ids: dict[str, str]
    partitions: dict[Word, int]
    parts: list[Part]

    @property
    def places(self) -> list[Place]:
        """Every partition."""
        return [(word, number) for word, count in self.partitions.items() for number in range(count)]

    @property
    def position(self) -> dict[Place, int]:
        """The next offset that is not there yet, by partition, where there is any."""
        return {(it.word, it.partition): it.last + 1 for it in self.parts}


def read_manifest(folder: Path) -> Manifest | None:
    """What a folder holds; None if it holds no backup. Raises CopyError."""
    path = folder / MANIFEST
    try:
        return msgspec.json.decode(path.read_bytes(), type=Manifest)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        raise CopyError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error


class Writer:
    """Writes the files of one run; they count once `finish` has returned."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        """Nothing is opened yet."""
        self._folder = folder
        self._manifest = manifest
        self._files: dict[Place, gzip.GzipFile] = {}
        self._spans: dict[Place, tuple[int, int, int]] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        """Make the folder. Raises CopyError."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise CopyError(f"{self._folder} cannot be made: {error.strerror}") from error
        return self

    def __exit__(self, *_: object) -> None:
        """Close what is open."""
        self._stack.close()

    def put(self, entry: Entry) -> None:
        """Write one record. Raises CopyError."""
        place = entry.place
        first, _, count = self._spans.get(place, (entry.offset, 0, 0))
        try:
            if place not in self._files:
                raw = open(self._path(place, first), "wb", opener=owner_only)  # noqa: SIM115  closed with the stack
                self._stack.callback(raw.close)
                self._files[place] = gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=LEVEL, mtime=0)
                self._stack.callback(self._files[place].close)
            self._files[place].write(_encode(entry) + b"\n")
        except OSError as error:
            raise CopyError(f"{self._folder} cannot be written: {error.strerror}") from error
        self._spans[place] = first, entry.offset, count + 1

    def finish(self) -> Manifest:
        """Let what was written count. Raises CopyError."""
        try:
            self._stack.close()
            parts = [self._part(place, *span) for place, span in sorted(self._spans.items())]
            manifest = msgspec.structs.replace(self._manifest, parts=[*self._manifest.parts, *parts])
            fresh = self._folder / f".{MANIFEST}"
            with open(fresh, "wb", opener=owner_only) as file:
                file.write(msgspec.json.format(msgspec.json.encode(manifest)))
                os.fsync(file.fileno())
            fresh.replace(self._folder / MANIFEST)
        except OSError as error:
            raise CopyError(f"{self._folder} cannot be written: {error.strerror}") from error
        return manifest

    def _part(self, place: Place, first: int, last: int, records: int) -> Part:
        path = self._path(place, first)
        with path.open("rb") as file:
            os.fsync(file.fileno())
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return Part(path.name, *place, first, last, records, digest)

    def _path(self, place: Place, first: int) -> Path:
        return self._folder / f"{place[0]}-{place[1]}-{first:020d}.jsonl.gz"


class FileFeed:
    """Hands out what a backup holds, for `in_order`."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        """Nothing is opened yet."""
        self._folder = folder
        self._rows = {place: self._read(place, manifest) for place in manifest.places}

    async def fill(self, wanted: Sequence[Place]) -> Mapping[Place, Sequence[Entry]]:
        """The next rows of each of `wanted`. Raises CopyError."""
        found: dict[Place, list[Entry]] = {}
        for place in wanted:
            entries = [entry for entry, _ in zip(self._rows[place], range(ROWS_AT_ONCE), strict=False)]
            if entries:
                found[place] = entries
        return found

    def _read(self, place: Place, manifest: Manifest) -> Iterator[Entry]:
        for part in manifest.parts:
            if (part.word, part.partition) == place:
                yield from self._rows_of(part)

    def _rows_of(self, part: Part) -> Iterator[Entry]:
        path = self._folder / part.name
        try:
            with gzip.open(path, "rb") as file:
                yield from map(_decode, file)
        except (OSError, EOFError, msgspec.DecodeError) as error:
            raise CopyError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error


def check_parts(folder: Path, manifest: Manifest) -> None:
    """Look whether every file is there and is what was written. Raises CopyError."""
    for part in manifest.parts:
        path = folder / part.name
        try:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise CopyError(f"{path} cannot be read: {error.strerror}") from error
        if digest != part.sha256:
            raise CopyError(f"{path} is not what the backup wrote: its SHA-256 is another")
