"""Changes as lines of JSON, and the file that they are added to for as long as a follower runs."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec
from msgspec import Struct

from agents.exporting.cases import Change
from agents.exporting.findings import Shown, finding_of
from agents.private import owner_only

_BEGIN = b'{"time":'
"""How a line begins."""

_encode = msgspec.json.Encoder().encode


class Wanted(Struct, frozen=True):
    """Which changes are told: of one campaign or of all, and none from before `since_ms`."""

    campaign_id: str | None = None
    since_ms: int = 0


class _Metadata(Struct):
    uid: str


class _Line(Struct):
    metadata: _Metadata


def lines_of(
    changes: Iterable[Change], wanted: Wanted, shown: Shown, written: frozenset[str] = frozenset()
) -> Iterator[bytes]:
    """An event a line, but for those whose `metadata.uid` is in `written`."""
    for change in changes:
        if change.at_ms < wanted.since_ms or wanted.campaign_id not in {None, change.decision.subject_id}:
            continue
        finding = finding_of(change, shown)
        if finding.metadata.uid not in written:
            yield _encode(finding) + b"\n"


def added_to(path: Path) -> tuple[BinaryIO, frozenset[str]]:
    """A file to add lines to, its owner's alone if it is new, and the ids of the events that it has.

    Half a line at its end, of somebody who was killed, is taken away. What is no ordinary file, like a pipe, is only
    written to. Raises OSError, and ValueError for a file that holds something else.
    """
    if path.exists() and not path.is_file():
        return path.open("wb"), frozenset()
    file = open(path, "a+b", opener=owner_only)  # noqa: SIM115  whoever asks for it closes it
    try:
        file.seek(0)
        written, whole = set(), 0
        for line in file:
            if not line.endswith(b"\n") and line[: len(_BEGIN)] == _BEGIN[: len(line)]:
                break
            written.add(msgspec.json.decode(line, type=_Line).metadata.uid)
            whole += len(line)
        file.truncate(whole)
        file.seek(0, os.SEEK_END)
    except BaseException:
        file.close()
        raise
    return file, frozenset(written)
