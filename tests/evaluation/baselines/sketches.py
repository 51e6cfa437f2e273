"""Distances between requests: one minus the share of common hashes of their sketches (Jaccard)."""

from streams.events import RequestEvent

Words = frozenset[str]


def words_of(event: RequestEvent) -> Words | None:
    """The hashes of the request's sketch; None if it is too short to have one."""
    sketch = event.sketch
    return None if not sketch else frozenset(sketch[at : at + 2] for at in range(0, len(sketch), 2))


def distance(one: Words, other: Words) -> float:
    """0 for the same hashes, 1 for none in common."""
    return 1 - len(one & other) / len(one | other)
