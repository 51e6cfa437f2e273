"""Chance that repeats: numbers and names that depend on words alone."""

from hashlib import blake2b
from random import Random


def repeatable(*words: str | int) -> Random:
    """A generator that gives the same numbers for the same words, in every process and on every machine."""
    return Random(digest(*words))  # noqa: S311 - a simulation has to be repeatable, not unguessable


def digest(*words: str | int) -> int:
    """A number of 64 bits for the words."""
    return int.from_bytes(blake2b("\x1f".join(map(str, words)).encode(), digest_size=8).digest(), "big")
