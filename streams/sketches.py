"""Templates of findings by their sketches: which of them are rewordings of which.

A lookup compares with every template that is held, in a compiled loop: 65,536 take two milliseconds, and none is missed
as locality-sensitive buckets would (P. Indyk and R. Motwani, "Approximate nearest neighbors", STOC 1998).
"""

from array import array
from collections.abc import Iterable, Iterator

import msgspec
import numpy as np

from streams.batch import words_of
from streams.compiled import Bools
from streams.decisions import Wording
from streams.events import SKETCH_HASH_CHARACTERS
from streams.findings import Finding, link_name
from streams.kernel import SKETCH_WORDS, alike_to

FEWEST_HASHES = 8
"""Of a template with fewer words it is not to be said what else says the same."""

KEPT = 65_536
"""Templates remembered; of more, those that were found last. In simulations 100,000 ordinary customers share 1,300."""

MOST_SIBLINGS = 1_024
"""Templates that one is told to be a rewording of."""

ANSWERS, MOST_ANSWERED = 4_096, 1 << 22
"""Lookups whose answers are at hand, and rows in them, two bytes each."""

Line = tuple[str, str]
"""What is stored of a template, as JSON: its link and its sketch."""

_lines = msgspec.json.Decoder(Line)
_before = msgspec.msgpack.Decoder(dict[str, str])
_encode = msgspec.json.Encoder().encode


class Sketches:
    """The sketches of templates by link, those `held`; what was found longest ago comes first.

    Stored as a line each, to which what is noted is appended: of a link its last line counts, and of more than `KEPT`
    links the last.
    """

    def __init__(self, stored: bytes = b"") -> None:
        """Take what was stored, also by an older version: one map in MessagePack."""
        is_before = stored != b"" and not stored.startswith(b"[")
        lines = list(_before.decode(stored).items()) if is_before else _lines.decode_lines(stored)
        self.held: dict[str, str] = {}
        self._stored = 2 * KEPT if is_before else len(lines)
        for name, sketch in lines:
            self.held.pop(name, None)
            self.held[name] = sketch
        while len(self.held) > KEPT:
            del self.held[next(iter(self.held))]
        self._names = [*self.held, *[""] * (KEPT - len(self.held))]
        self._rows = {name: row for row, name in enumerate(self.held)}
        self._words = np.empty((KEPT, SKETCH_WORDS), np.int16)
        self._words[: len(self.held)] = words_of(list(self.held.values()))
        self._noted = np.arange(KEPT)
        self._count = len(self.held)
        self._asked = np.empty((ANSWERS, SKETCH_WORDS), np.int16)
        self._answers: list[array[int]] = []
        self._answer_to: dict[str, int] = {}
        self._answered = 0

    def __eq__(self, other: object) -> bool:
        """Whether both hold the same, in the same order."""
        return isinstance(other, Sketches) and list(self.held.items()) == list(other.held.items())

    __hash__ = None  # type: ignore[assignment]  # it changes

    @property
    def is_long(self) -> bool:
        """Whether so much of what is stored counts no more, or is of an older version, that it is to be stored anew."""
        return self._stored > KEPT + KEPT // 4

    def stored(self) -> bytes:
        """All of it, to which more can be appended."""
        self._stored = len(self.held)
        return b"".join(_encode(it) + b"\n" for it in self.held.items())

    def like(self, finding: Finding) -> frozenset[str]:
        """The links of which the finding's template is a rewording; none if it has no sketch."""
        return self.alike(finding.sketch) - {link_name(finding)}

    def alike(self, sketch: str | None) -> frozenset[str]:
        """The links whose template has a sketch like this one; of very many those that were found last."""
        rows = [] if sketch is None else self._alike(sketch).tolist()
        if len(rows) > MOST_SIBLINGS:
            rows = sorted(rows, key=self._noted.__getitem__)[-MOST_SIBLINGS:]
        return frozenset(map(self._names.__getitem__, rows))

    def among(self, names: Iterable[str]) -> Bools:
        """Of each row whether its template is one of these links."""
        are_among = np.zeros(KEPT, np.bool_)
        are_among[[self._rows[name] for name in names if name in self._rows]] = True
        return are_among

    def wording_of(self, name: str, own: Bools, similar: float) -> Wording | None:
        """The words of a template, if it has enough of them and all that resembles it, with itself, is in `own`."""
        sketch = self.held.get(name, "")
        if not FEWEST_HASHES <= len(sketch) // SKETCH_HASH_CHARACTERS <= SKETCH_WORDS:
            return None
        rows = self._alike(sketch)
        return Wording(sketch, similar) if rows and own[np.frombuffer(rows, np.uint16)].all() else None

    def note(self, finding: Finding) -> bytes:
        """Remember the template of a finding: what to append to what is stored, nothing if that says so already."""
        name, sketch = link_name(finding), finding.sketch
        if sketch is None:
            return b""
        row = self._rows.get(name)
        if row is not None and self._count - self._noted[row] <= KEPT // 2:
            return b""
        if row is None:
            row = self._room()
            self._names[row], self._rows[name] = name, row
            self._words[row] = words_of([sketch])[0]
            for rows in self._answers_with(row):
                rows.append(row)
                self._answered += 1
        else:
            sketch = self.held.pop(name)
        self.held[name] = sketch
        self._noted[row] = self._count
        self._count += 1
        self._stored += 1
        return _encode((name, sketch)) + b"\n"

    def _room(self) -> int:
        """A row for another template: that of the one found longest ago, if all are taken."""
        if len(self.held) < KEPT:
            return len(self.held)
        oldest = next(iter(self.held))
        del self.held[oldest]
        row = self._rows.pop(oldest)
        for rows in self._answers_with(row):
            rows.remove(row)
            self._answered -= 1
        return row

    def _answers_with(self, row: int) -> Iterator["array[int]"]:
        """The answers that are alike to a template."""
        for place in alike_to(self._asked[: len(self._answers)], self._words[row].astype(np.int64)):
            yield self._answers[place]

    def _alike(self, sketch: str) -> "array[int]":
        """The rows whose sketch is like this one."""
        place = self._answer_to.get(sketch)
        if place is None:
            if len(self._answers) == ANSWERS or self._answered > MOST_ANSWERED:
                self._answers.clear()
                self._answer_to.clear()
                self._answered = 0
            place = self._answer_to[sketch] = len(self._answers)
            words = self._asked[place] = words_of([sketch])[0]
            rows = alike_to(self._words[: len(self.held)], words).astype(np.uint16)
            self._answers.append(array("H", rows.tobytes()))
            self._answered += len(rows)
        return self._answers[place]
