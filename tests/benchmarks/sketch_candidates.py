"""The sketches that were compared, each of at most 192 bits, for `fingerprint_tables.py`. Not used by the product.

Each candidate has `sketch(words)`, from a set of words, and `similarity(a, b)`, an estimate of the sets' Jaccard.
"""

from collections.abc import Set as AbstractSet
from math import cos, pi
from typing import Any, Protocol

import xxhash

from streams.fingerprint.keys import Keys
from streams.fingerprint.sketch import Sketcher, similarity

LANES = 64
BITS = 3
MASK = 2**BITS - 1
SIMHASH_BITS = 192


class Candidate(Protocol):
    """A way to sketch a set of words."""

    name: str

    def sketch(self, words: AbstractSet[str]) -> Any: ...  # noqa: ANN401 - each candidate has its own form

    def similarity(self, a: Any, b: Any) -> float: ...  # noqa: ANN401


class BottomK:
    """What the product uses."""

    name = "bottom-k, 16 x 12 bits (used)"

    def __init__(self) -> None:
        self._sketcher = Sketcher(Keys(b"a key for the tables"))

    def sketch(self, words: AbstractSet[str]) -> str:
        return self._sketcher.sketch(words) or ""

    def similarity(self, a: str, b: str) -> float:
        return similarity(a, b)


class BBitMinwise:
    """b-bit minwise hashing, one hash function a lane (Li and König, WWW 2010)."""

    name = "b-bit minwise, 64 x 3 bits"

    def sketch(self, words: AbstractSet[str]) -> list[int]:
        data = [word.encode() for word in words]
        return [min(xxhash.xxh3_64_intdigest(each, lane) for each in data) & MASK for lane in range(LANES)]

    def similarity(self, a: list[int], b: list[int]) -> float:
        return agreement(a, b)


class OnePermutation:
    """One-permutation hashing (Li, Owen and Zhang, 2012), empty bins filled by optimal densification (2017)."""

    name = "one permutation, 64 x 3 bits"

    def sketch(self, words: AbstractSet[str]) -> list[int]:
        hashes = sorted((xxhash.xxh3_64_intdigest(word.encode(), 1) for word in words), reverse=True)
        bins = {each % LANES: each // LANES for each in hashes}
        return [bins[self._donor(lane, bins)] & MASK for lane in range(LANES)]

    def _donor(self, lane: int, bins: dict[int, int]) -> int:
        donor, attempt = lane, 0
        while donor not in bins:
            attempt += 1
            donor = xxhash.xxh3_64_intdigest(bytes((lane, attempt % 256)), attempt) % LANES
        return donor

    def similarity(self, a: list[int], b: list[int]) -> float:
        return agreement(a, b)


class Simhash:
    """Simhash (Charikar, 2002); the angle becomes the Jaccard of two sets of equal size."""

    name = "simhash, 192 bits"

    def sketch(self, words: AbstractSet[str]) -> list[bool]:
        sums = [0] * SIMHASH_BITS
        for word in words:
            bits = int.from_bytes(b"".join(xxhash.xxh3_64_digest(word.encode(), seed) for seed in range(3)))
            for place in range(SIMHASH_BITS):
                sums[place] += 1 if bits >> place & 1 else -1
        return [each > 0 for each in sums]

    def similarity(self, a: list[bool], b: list[bool]) -> float:
        differing = sum(x != y for x, y in zip(a, b, strict=True)) / SIMHASH_BITS
        cosine = max(0.0, cos(pi * differing))
        return cosine / (2 - cosine)


def agreement(a: list[int], b: list[int]) -> float:
    """Return the share of equal lanes, without those that are equal by chance."""
    chance = 2.0**-BITS
    equal = sum(x == y for x, y in zip(a, b, strict=True)) / len(a)
    return max(0.0, (equal - chance) / (1 - chance))


CANDIDATES: tuple[Candidate, ...] = (BottomK(), BBitMinwise(), OnePermutation(), Simhash())
