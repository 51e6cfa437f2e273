"""Accounts that say one instruction in many wordings, each in others than the next.

Whoever rewords every request draws a wording for each. A tool's users keep to the wording of their version. Who runs a
benchmark, whose questions are nearly the same, asks what all ask who got so far, or all who chose that part of it.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from functools import reduce
from operator import or_

import numpy as np
import numpy.typing as npt

from streams.evidence import LinkEvidence, Seen, bit_of, surely

FEWEST_WORDINGS = 12
SEVERAL = 3
NESTED = 0.6
COMPARED = 256
"""Accounts, those that came last, whose wordings are compared with one another's."""

Bitmaps = npt.NDArray[np.uint64]


def rotating(templates: Mapping[str, LinkEvidence], seen: Collection[Seen]) -> float:
    """Of those who send an instruction again and again surely the share that rotates its wordings: the greatest.

    Again and again: several wordings of it, or one that it repeats. Of instructions in at least `FEWEST_WORDINGS`, not
    counting those that have another's words in another order: some tools shuffle choices or examples. 0 where accounts
    have the same wordings, or the first so many of them.
    """
    wordings: defaultdict[str, list[str]] = defaultdict(list)
    for name, link in templates.items():
        if link.instruction and not link.is_reordered:
            wordings[link.instruction].append(name)
    known = [names for names in wordings.values() if len(names) >= FEWEST_WORDINGS]
    if not known:
        return 0.0
    used = np.fromiter((it.templates for it in seen), np.uint64, len(seen))
    repeated = np.fromiter((it.repeated for it in seen), np.uint64, len(seen))
    return max(_share(used & bits, repeated & bits) for bits in map(_bits, known))


def _bits(names: Iterable[str]) -> np.uint64:
    return np.uint64(reduce(or_, map(bit_of, names)))


def _share(used: Bitmaps, repeated: Bitmaps) -> float:
    """The share that rotates, from the wordings that each account used and that it repeated."""
    is_several = np.bitwise_count(used) >= SEVERAL
    several = used[is_several]
    if overlap(several[-COMPARED:]) > NESTED:
        return 0.0
    return surely(len(several), int(np.count_nonzero(is_several | (repeated != 0))))


def overlap(used: Bitmaps) -> float:
    """How much of the smaller set lies in the other, of any two that have something in common; 1 without such a pair.

    The overlap coefficient (Szymkiewicz and Simpson), with sums in place of each pair's: 1 where one set holds the
    other, whatever their sizes, and about k / n where each is k drawn from n.
    """
    sizes = np.bitwise_count(used)
    common = np.triu(np.bitwise_count(used[:, None] & used), k=1)
    smaller = np.minimum(sizes[:, None], sizes)[common > 0]
    return float(common.sum(dtype=np.int64) / smaller.sum(dtype=np.int64)) if smaller.size else 1.0
