"""A small grammar: phrases with slots, and requests composed of phrases up to a length.

A phrase is text with `{slot}` marks; each slot is filled from a pool of words. A request is an opener, a task, then
details and constraints until it is about as long as wanted. With ten task phrases of three slots and thirty words a
slot, a capability has more than 100,000 first sentences alone.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from math import exp

from msgspec import Struct

Uniform = Callable[[], float]
"""A source of uniform numbers in [0, 1): `random.Random(...).random`."""

Pools = Mapping[str, Sequence[str]]

SHORTEST, LONGEST = 40, 1_200
"""Characters of an ordinary prompt; campaigns draw from the same lengths, so that length gives nobody away."""

MEDIAN_LENGTH, LENGTH_SPREAD = 190, 0.85

OPENER_SHARE = 0.35
_SLOT = re.compile(r"\{([a-z_]+)\}")


class Phrase(Struct, frozen=True):
    """Text with `%s` where a word of the matching pool goes."""

    pattern: str
    pools: tuple[tuple[str, ...], ...]

    def say(self, uniform: Uniform) -> str:
        """The phrase with every slot filled."""
        return self.pattern % tuple([pool[int(uniform() * len(pool))] for pool in self.pools])


class Grammar(Struct, frozen=True):
    """How people ask for one capability."""

    openers: tuple[Phrase, ...]
    tasks: tuple[Phrase, ...]
    details: tuple[Phrase, ...]
    follow_ups: tuple[Phrase, ...]


def words(text: str) -> tuple[str, ...]:
    """The words of a text."""
    return tuple(text.split())


def options(text: str) -> tuple[str, ...]:
    """The options of a text that separates them by " | "."""
    return tuple(text.split(" | "))


def phrases(pools: Pools, *texts: str) -> tuple[Phrase, ...]:
    """Compile texts with `{slot}` marks; an unknown slot is a `KeyError`."""
    return tuple(
        Phrase(_SLOT.sub("%s", text.replace("%", "%%")), tuple(tuple(pools[slot]) for slot in _SLOT.findall(text)))
        for text in texts
    )


def length(normal: float) -> int:
    """A prompt length in characters, heavy-tailed, from a standard normal deviate."""
    return max(SHORTEST, min(LONGEST, int(MEDIAN_LENGTH * exp(LENGTH_SPREAD * normal))))


def pick(uniform: Uniform, options: Sequence[Phrase]) -> str:
    """One of the phrases, said."""
    return options[int(uniform() * len(options))].say(uniform)


def compose(uniform: Uniform, grammar: Grammar, characters: int) -> str:
    """A request of about `characters` characters: an opener at times, one task, then details, none of them twice."""
    parts = [pick(uniform, grammar.tasks)]
    if uniform() < OPENER_SHARE:
        parts.insert(0, pick(uniform, grammar.openers))
    return " ".join(parts + elaborate(uniform, grammar.details, characters - sum(map(len, parts))))


def elaborate(uniform: Uniform, details: Sequence[Phrase], characters: int) -> list[str]:
    """Sentences from `details`, each phrase at most once, until they make up `characters`."""
    said: list[str] = []
    left = list(details)
    while left and characters > SHORTEST:
        at = int(uniform() * len(left))
        left[at], left[-1] = left[-1], left[at]
        sentence = left.pop().say(uniform)
        said.append(sentence)
        characters -= len(sentence) + 1
    return said
