"""Accounts that draw a wording of one instruction for every request, so that each has others than the next.

A tool's users come back to their commands, or keep to the wording of their version. Who runs a benchmark, whose
questions are nearly the same, asks what all ask who got so far, or what all ask who chose that part of it.
"""

from collections.abc import Iterable, Mapping
from functools import reduce
from operator import or_

import numpy as np
import numpy.typing as npt

from streams.evidence import QUARTER, LinkEvidence, Seen, bit_of, surely

FEWEST_WORDINGS = 12
SEVERAL = 5
NESTED = 0.6
COMPARED = 256
"""Accounts whose wordings are compared with one another's."""

INSTRUCTIONS = 16
"""Instructions looked at, those with the most wordings."""

Bitmaps = npt.NDArray[np.uint64]


def rotating(templates: Mapping[str, LinkEvidence], seen: Iterable[Seen]) -> float:
    """Of those who send an instruction in two wordings, or one again and again, surely the share that rotates them.

    To rotate them is to send several of one instruction, and none of them again and again. Of instructions in at least
    `FEWEST_WORDINGS`, if these are a quarter of all templates. 0 where accounts draw no wordings: have the same ones,
    or the first so many, or those of a part.
    """
    known = _instructions(templates)
    if not known or sum(map(len, known)) < QUARTER * len(templates):
        return 0.0
    used, repeated = np.array([(it.templates, it.repeated) for it in seen], np.uint64).reshape(-1, 2).T
    rotate, count = np.zeros(len(used), bool), np.zeros(len(used), bool)
    for bits in map(_bits, known):
        sizes, kept = np.bitwise_count(used & bits), (repeated & bits) != 0
        several = (sizes >= SEVERAL) & ~kept
        count |= (sizes > 1) | kept
        if are_drawn(used[several] & bits):
            rotate |= several
    return surely(int(np.count_nonzero(rotate)), int(np.count_nonzero(count)))


def _instructions(templates: Mapping[str, LinkEvidence]) -> list[list[str]]:
    """The wordings of each instruction that has many; those with the same sketch, in another order say, count once."""
    wordings: dict[str, dict[str, str]] = {}
    for name, link in templates.items():
        if link.instruction and link.sketch:
            wordings.setdefault(link.instruction, {}).setdefault(link.sketch, name)
    known = [list(names.values()) for names in wordings.values() if len(names) >= FEWEST_WORDINGS]
    return sorted(known, key=len, reverse=True)[:INSTRUCTIONS]


def _bits(names: Iterable[str]) -> np.uint64:
    return np.uint64(reduce(or_, map(bit_of, names)))


def are_drawn(used: Bitmaps) -> bool:
    """Whether accounts drew these sets, each for itself; told from `COMPARED` of them.

    Two that have something in common share little of the smaller (the overlap coefficient of Szymkiewicz and Simpson,
    with sums in place of each pair's), and what two share varies no more than by chance: by the index of dispersion, 1
    or less where sets of these sizes are drawn independently, and more where there are kinds of sets. False for none.
    """
    used = used[:: max(1, -(-len(used) // COMPARED))]
    one, other = np.triu_indices(len(used), k=1)
    sizes = np.bitwise_count(used).astype(np.float64)
    common = np.bitwise_count(used[one] & used[other]).astype(np.float64)
    if not common.any():
        return False
    is_touching = common > 0
    overlap = common.sum() / np.minimum(sizes[one], sizes[other])[is_touching].sum()
    expected = sizes[one] * sizes[other]
    expected *= common.sum() / expected.sum()
    dispersion = ((common - expected) ** 2).sum() / expected.sum()
    return bool(overlap <= NESTED and dispersion <= 1)
