"""Templates of findings by their sketches: which of them are rewordings of which."""

from collections.abc import Set as AbstractSet

from streams.campaigns import Campaign
from streams.decisions import Wording
from streams.events import SKETCH_HASH_CHARACTERS
from streams.findings import Finding, link_name

FEWEST_HASHES = 8
"""Of a template with fewer words it is not to be said what else says the same."""

KEPT = 4096
"""Templates remembered; of more, those that came last."""

ALIKE = 0.45
"""Similarity of the sets of words (Jaccard) from which on one template is a rewording of the other.

Measured in the simulated worlds of seeds 7001 and 7002: between .4 and .5 the rewordings of one instruction hang
together, and none of 1,300 shared templates of 100,000 ordinary customers hangs on to them.
"""


class Sketches:
    """The sketches of templates by link. `held` is what is stored, oldest first."""

    def __init__(self, held: dict[str, str]) -> None:
        """Take what was stored."""
        self.held = held
        self._words = {name: _bits(sketch) for name, sketch in held.items()}
        self._found: dict[str, tuple[int, set[str]]] = {}

    def __eq__(self, other: object) -> bool:
        """Whether both hold the same."""
        return isinstance(other, Sketches) and self.held == other.held

    __hash__ = None  # type: ignore[assignment]  # it changes

    def like(self, finding: Finding) -> frozenset[str]:
        """The links of which the finding's template is a rewording; none if it has no sketch."""
        return frozenset() if finding.sketch is None else frozenset(self.alike(finding.sketch) - {link_name(finding)})

    def alike(self, sketch: str) -> AbstractSet[str]:
        """The links whose template has a sketch like this one."""
        if sketch not in self._found:
            if len(self._found) >= KEPT:
                self._found.clear()
            words = _bits(sketch)
            self._found[sketch] = words, {it for it, other in self._words.items() if _are_alike(words, other)}
        return self._found[sketch][1]

    def note(self, finding: Finding) -> bool:
        """Remember the template of a finding; False if it was known or has no sketch."""
        name = link_name(finding)
        if finding.sketch is None or name in self.held:
            return False
        words = self._words[name] = _bits(finding.sketch)
        self.held[name] = finding.sketch
        oldest = next(iter(self.held)) if len(self.held) > KEPT else ""
        if oldest:
            del self.held[oldest], self._words[oldest]
        for other, alike in self._found.values():
            alike.discard(oldest)
            if _are_alike(words, other):
                alike.add(name)
        return True


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


def _are_alike(words: int, other: int) -> bool:
    common = (words & other).bit_count()
    return common > 0 and common >= ALIKE * (words.bit_count() + other.bit_count() - common)


def _bits(sketch: str) -> int:
    """A sketch as a set of bits, one for each of its hashes."""
    bits = 0
    for place in range(0, len(sketch), SKETCH_HASH_CHARACTERS):
        pair = sketch[place : place + SKETCH_HASH_CHARACTERS]
        bits |= 1 << (ord(pair[0]) * 64 + ord(pair[-1])) % 4096
    return bits
