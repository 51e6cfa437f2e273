"""A similarity sketch of a request's words: two requests that share most of their words have similar sketches.

b-bit minwise hashing: the smallest hash of the word set under each of 64 hash functions, of which 3 bits are kept
(A. Broder, "On the resemblance and containment of documents", SEQUENCES 1997; P. Li and A. C. Koenig, "b-Bit
Minwise Hashing", WWW 2010). The hash functions are multiplications by odd numbers modulo 2**32 (M. Dietzfelbinger
and others, "A reliable randomized algorithm for the closest-pair problem", J. Algorithms 1997). The words are a
set, so their order does not matter; stop words and courtesies are left out. 192 bits are 32 characters of the
URL-safe base64 alphabet: two 3-bit values a character, so that equal characters at equal places can serve as the
bands of an index. The word hashes and the multipliers are derived from the key: nobody without it can look a
sketch up. Measured beside one-permutation hashing, simhash and odd sketches in `deploy/fingerprint.md`.
"""

from collections.abc import Iterable

import numpy as np

from streams.fingerprint.keys import Keys
from streams.fingerprint.memory import Memory
from streams.fingerprint.words import STOP_WORDS

LANES = 64
"""Hash functions, and minimum values kept."""

BITS = 3
"""Bits kept of each minimum; two different words agree in them by chance once in 8."""

SKETCH_CHARACTERS = LANES * BITS // 6

MIN_WORDS = 3
"""A request with fewer distinct words of content is too generic to resemble anything."""

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_LETTERS = _ALPHABET.encode() * 4  # a translation table has 256 entries
_KEPT_BITS = int.from_bytes(b"\x07" * SKETCH_CHARACTERS)
_VALUES = {letter: value for value, letter in enumerate(_ALPHABET)}
_AGREEING_LANES = [2 - (x & 0o70 != 0) - (x & 0o07 != 0) for x in range(64)]
_CHANCE = 2.0**-BITS
_NO_WORD = 0


class Sketcher:
    """Makes sketches under one key; texts sketched under different keys do not compare."""

    def __init__(self, keys: Keys) -> None:
        """Derive the hash functions from `keys`."""
        seeds = b"".join(keys.digest("word", f"lane {lane}", 4) for lane in range(LANES))
        self._multipliers = (np.frombuffer(seeds, np.dtype("<u4")) | np.uint32(1)).reshape(LANES, 1)
        self._keys = keys
        self._hashes = Memory(self._hash)

    def sketch(self, words: Iterable[str]) -> str | None:
        """Return the sketch of the set of `words`, 32 characters, or None when fewer than `MIN_WORDS` say anything."""
        known = self._hashes
        hashes = {known[word] for word in words}
        hashes.discard(_NO_WORD)
        if len(hashes) < MIN_WORDS:
            return None
        minima = np.minimum.reduce(np.array([*hashes], "<u4") * self._multipliers, axis=1)
        # The lowest bits of a product depend on few bits of the hash, so the kept ones come from its second byte.
        kept = minima.tobytes()[1::4]
        first, second = (int.from_bytes(half) & _KEPT_BITS for half in (kept[:SKETCH_CHARACTERS], kept[SKETCH_CHARACTERS:]))
        return (first << BITS | second).to_bytes(SKETCH_CHARACTERS).translate(_LETTERS).decode("ascii")

    def _hash(self, word: str) -> int:
        """Return the hash of a word (1 .. 2**32 - 1), or `_NO_WORD` for one that says nothing."""
        if word in STOP_WORDS or not word.isalpha() and not word.rstrip("+#").isalpha():
            return _NO_WORD
        return int.from_bytes(self._keys.digest("word", word, 4), "little") or 1


def similarity(a: str, b: str) -> float:
    """Return the estimated Jaccard similarity (0..1) of the word sets behind two sketches of one key.

    Raises `ValueError` when either is not a sketch.

    >>> similarity("A" * 32, "A" * 32)
    1.0
    """
    if len(a) != SKETCH_CHARACTERS or len(b) != SKETCH_CHARACTERS:
        message = f"A sketch has {SKETCH_CHARACTERS} characters."
        raise ValueError(message)
    try:
        agreeing = sum(_AGREEING_LANES[_VALUES[x] ^ _VALUES[y]] for x, y in zip(a, b, strict=True))
    except KeyError as unknown:
        message = f"A sketch has no character {unknown}."
        raise ValueError(message) from None
    return max(0.0, (agreeing / LANES - _CHANCE) / (1 - _CHANCE))
