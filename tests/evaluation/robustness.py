"""What is left of the detector where something is taken away, or is otherwise than it was made for."""

from collections.abc import Iterator, Mapping
from concurrent.futures import Executor
from itertools import combinations

from msgspec import Struct
from msgspec.structs import replace

from streams.decisions import Family
from streams.evaluation import Evaluation
from tests.evaluation.worlds import SMALL, World, reacted, without

ALONE: Mapping[str, float] = {
    **SMALL.campaigns,
    "hydra": 0.02,
    "quiet_relay": 1.0,
    "near_maximum": 0.2,
    "thin": 1.0,
    "four_requests": 1.0,
    "adaptive": 0.3,
}
"""The size of each campaign when it is alone with the innocents: its own, where that is not too much for minutes."""

ABLATED = "hydra"
FAMILIES: tuple[Family, ...] = ("content", "identity", "lifecycle", "capability", "rhythm")
"""The families of signals that campaigns are judged by; those for accounts alone take no part in finding the hydra."""


class Tried(Struct, frozen=True):
    """What became of each try."""

    alone: Mapping[str, Evaluation]
    ablated: Mapping[tuple[str, ...], Evaluation]


def tried(pool: Executor, seed: int) -> Tried:
    """All tries, in the world of one seed."""
    alone = {name: pool.submit(reacted, alone_with(name, size), seed) for name, size in ALONE.items()}
    hydra = alone_with(ABLATED, SMALL.campaigns[ABLATED])
    ablated = {off: pool.submit(without, hydra, seed, off) for off in switched_off()}
    return Tried(
        {name: it.result() for name, it in alone.items()},
        {off: it.result() for off, it in ablated.items()},
    )


def alone_with(name: str, size: float) -> World:
    """The innocents of the small world, and one campaign."""
    return replace(SMALL, campaigns={name: size})


def switched_off() -> Iterator[tuple[Family, ...]]:
    """No family of signals, each, and each two."""
    for count in range(3):
        yield from combinations(FAMILIES, count)
