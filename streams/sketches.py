"""Templates of findings by their sketches: which of them are rewordings of which.

A lookup compares with every template that is held, in a compiled loop: 65,536 take two milliseconds, and none is missed
as locality-sensitive buckets would (P. Indyk and R. Motwani, "Approximate nearest neighbors", STOC 1998).
"""

from collections.abc import Set as AbstractSet

import msgspec
import numpy as np
import numpy.typing as npt

from streams.batch import words_of
from streams.campaigns import Campaign
from streams.compiled import Ints, compiled
from streams.decisions import Wording
from streams.events import SKETCH_HASH_CHARACTERS
from streams.findings import Finding, link_name
from streams.kernel import ALIKE_OF_20, NO_WORD, SKETCH_WORDS

FEWEST_HASHES = 8
"""Of a template with fewer words it is not to be said what else says the same."""

KEPT = 65_536
"""Templates remembered; of more, those that were found last. In simulations 100,000 ordinary customers share 1,300."""

ANSWERS = 4_096
"""Lookups whose answers are at hand."""

Words = npt.NDArray[np.int16]
"""The words of sketches, a row each, as `words_of` has them."""

_LINES = msgspec.json.Decoder(tuple[str, str])
_BEFORE = msgspec.msgpack.Decoder(dict[str, str])
_encode = msgspec.json.Encoder().encode


class Sketches:
    """The sketches of templates by link, those `held`; what was found longest ago comes first.

    Stored as JSON Lines of link and sketch, to which what is noted is appended: of a link the last line counts, and of
    more than `KEPT` links the last.
    """

    def __init__(self, stored: bytes = b"") -> None:
        """Take what was stored, also by an older version: one map in MessagePack."""
        is_before = stored != b"" and not stored.startswith(b"[")
        lines = list(_BEFORE.decode(stored).items()) if is_before else _LINES.decode_lines(stored)
        self.held: dict[str, str] = {}
        self._lines = 2 * KEPT + 1 if is_before else len(lines)
        for name, sketch in lines:
            self.held.pop(name, None)
            self.held[name] = sketch
        while len(self.held) > KEPT:
            del self.held[next(iter(self.held))]
        self._names = list(self.held)
        self._rows = {name: row for row, name in enumerate(self._names)}
        self._words = np.empty((KEPT, SKETCH_WORDS), np.int16)
        self._words[: len(self._names)] = words_of(list(self.held.values()))
        self._noted = np.arange(KEPT)
        self._count = len(self._names)
        self._found: dict[str, tuple[int, set[str]]] = {}
        self._news: list[tuple[int, str]] = []

    def __eq__(self, other: object) -> bool:
        """Whether both hold the same, in the same order."""
        return isinstance(other, Sketches) and list(self.held.items()) == list(other.held.items())

    __hash__ = None  # type: ignore[assignment]  # it changes

    def is_due(self) -> bool:
        """True, and then not again, once all is to be stored anew: most of what is stored counts no more, or is old."""
        if self._lines <= 2 * KEPT:
            return False
        self._lines = len(self.held)
        return True

    def stored(self) -> bytes:
        """All of it, to which more can be appended."""
        return b"".join(_encode(it) + b"\n" for it in self.held.items())

    def like(self, finding: Finding) -> frozenset[str]:
        """The links of which the finding's template is a rewording; none if it has no sketch."""
        return frozenset() if finding.sketch is None else frozenset(self.alike(finding.sketch) - {link_name(finding)})

    def alike(self, sketch: str) -> AbstractSet[str]:
        """The links whose template has a sketch like this one."""
        found = self._found.get(sketch)
        if found is not None and found[0] == len(self._news):
            return found[1]
        words = words_of([sketch])[0]
        if found is None:
            if len(self._found) >= ANSWERS or len(self._news) >= ANSWERS:
                self._found.clear()
                self._news.clear()
            names = {self._names[row] for row in alike_to(self._words[: len(self._names)], words)}
        else:
            told, names = found
            news = self._news[told:]
            names.difference_update(left for _, left in news)
            rows = [row for row, _ in news]
            names.update(self._names[rows[place]] for place in alike_to(self._words[rows], words))
        self._found[sketch] = len(self._news), names
        return names

    def note(self, finding: Finding) -> bytes:
        """Remember the template of a finding: what to append to what is stored, nothing if that says so already."""
        name, sketch = link_name(finding), finding.sketch
        if sketch is None:
            return b""
        row = self._rows.get(name)
        if row is not None and self._count - self._noted[row] <= KEPT // 2:
            return b""
        if row is None:
            row, left = self._room()
            self._names[row], self._rows[name] = name, row
            self._words[row] = words_of([sketch])[0]
            self._news.append((row, left))
        else:
            sketch = self.held.pop(name)
        self.held[name] = sketch
        self._noted[row] = self._count
        self._count += 1
        self._lines += 1
        return _encode((name, sketch)) + b"\n"

    def _room(self) -> tuple[int, str]:
        """A row for another template, and the link that had to leave it, if one had to."""
        if len(self.held) < KEPT:
            self._names.append("")
            return len(self._names) - 1, ""
        oldest = next(iter(self.held))
        del self.held[oldest]
        return self._rows.pop(oldest), oldest


def wording_of(
    name: str, campaign: Campaign, crowds: AbstractSet[str], sketches: Sketches, similar: float
) -> Wording | None:
    """The words of a campaign's template, if it has enough of them.

    And if all that resembles it is the campaign's, and none of it in `crowds`, those of its links (`Campaign.crowds`).
    """
    sketch = sketches.held.get(name, "")
    if len(sketch) < FEWEST_HASHES * SKETCH_HASH_CHARACTERS:
        return None
    alike = sketches.alike(sketch)
    if not alike <= campaign.links.keys() or not alike.isdisjoint(crowds):
        return None
    return Wording(sketch, similar)


@compiled
def alike_to(rows: Words, words: Ints) -> Ints:
    """The places of the rows that are alike to `words`: (n, 16) and (16,), in the form of `words_of`."""
    is_among = np.zeros(NO_WORD, np.bool_)
    size = 0
    while size < len(words) and words[size] < NO_WORD:
        is_among[words[size]] = True
        size += 1
    places = np.empty(len(rows), np.int64)
    found = 0
    for place in range(len(rows)):
        common = held = 0
        while held < SKETCH_WORDS and rows[place, held] < NO_WORD:
            common += is_among[rows[place, held]]
            held += 1
        if common > 0 and 20 * common >= ALIKE_OF_20 * (size + held - common):
            places[found] = place
            found += 1
    return places[:found]
