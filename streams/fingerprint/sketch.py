"""A similarity sketch of a request's words: two requests that share most of their words have similar sketches.

A bottom-k sketch: the 16 smallest hashes of the set of words (A. Broder, "On the resemblance and containment of
documents", SEQUENCES 1997, there MIN_s; E. Cohen and H. Kaplan, "Summarizing data using bottom-k sketches", PODC
2007). Each hash has 12 bits, written as two characters, so a sketch has at most 32 characters. Most requests name
at most 16 things, and then the sketch holds them all and the similarity is exact but for chance; beyond that it is
an estimate with a standard error of 1/8 at most.

The words are a set, so their order does not matter; stop words and courtesies are left out. Two sketches that
share a pair of characters share (but for chance) a word, so an index by pairs finds the candidates for comparison.
The hash is xxh3 seeded from the key: nobody without the key can look a word up. Measured beside b-bit minwise
hashing, one-permutation hashing and simhash of the same size in `deploy/fingerprint.md`.
"""

from collections.abc import Iterable

import xxhash

from streams.events import SKETCH_ALPHABET, SKETCH_HASH_CHARACTERS
from streams.fingerprint.keys import Keys
from streams.fingerprint.memory import Memory
from streams.fingerprint.words import STOP_WORDS

MOST_HASHES = 16
"""Hashes kept: the k of bottom-k."""

HASH_BITS = 12
"""Two different words share a hash with probability 1 / 4,096."""

MIN_WORDS = 3
"""A request with fewer distinct words of content is too generic to resemble anything."""

_PAIRS = [a + b for a in SKETCH_ALPHABET for b in SKETCH_ALPHABET]
_NOTHING = ""


class Sketcher:
    """Makes sketches under one key; sketches under different keys do not compare."""

    def __init__(self, keys: Keys) -> None:
        """Derive the seed of the hash from `keys`."""
        self._seed = int(keys.hash("word", "seed"), 16)
        self._hashes = Memory(self._hash)

    def sketch(self, words: Iterable[str]) -> str | None:
        """Return the sketch of the set of `words`, or None when fewer than `MIN_WORDS` of them have a subject."""
        hashes = set(map(self._hashes.__getitem__, words))
        hashes.discard(_NOTHING)
        if len(hashes) < MIN_WORDS:
            return None
        return "".join(sorted(hashes)[:MOST_HASHES])

    def _hash(self, word: str) -> str:
        """Return the two characters of a word's hash, or nothing for a word (or slot) without a subject."""
        if word in STOP_WORDS or word.isdecimal():
            return _NOTHING
        return _PAIRS[xxhash.xxh3_64_intdigest(word.encode(), self._seed) >> (64 - HASH_BITS)]


def similarity(a: str, b: str) -> float:
    """Return the estimated Jaccard similarity (0..1) of the word sets behind two sketches of one key.

    >>> similarity("-A0B7c", "0B7cza")
    0.5
    """
    first, second = hashes_of(a), hashes_of(b)
    union = sorted(first | second)
    if max(len(first), len(second)) >= MOST_HASHES:
        union = union[:MOST_HASHES]  # beyond these, a full sketch does not say what it has
    if not union:
        return 0.0
    return sum(each in first and each in second for each in union) / len(union)


def hashes_of(sketch: str) -> set[str]:
    """Return the hashes of a sketch."""
    return {sketch[place : place + SKETCH_HASH_CHARACTERS] for place in range(0, len(sketch), SKETCH_HASH_CHARACTERS)}
