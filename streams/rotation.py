"""Accounts that draw a wording of one instruction for every request, so that each has others than the next.

A tool's users come back to their commands, or keep to the wording of their version. Who runs a benchmark, whose
questions are nearly the same, asks what all ask who got so far, or what all ask who chose that part of it.
"""

from collections.abc import Mapping
from functools import reduce
from operator import or_

import numpy as np
import numpy.typing as npt
from scipy.special import pdtrc

from streams.evidence import QUARTER, LinkEvidence, Rotation, Seen, bit_of, surely
from streams.members import REPEATS

FEWEST_WORDINGS = 12
SEVERAL = 5
NESTED = 0.6
COMPARED = 256
"""Accounts whose wordings are compared with one another's."""

INSTRUCTIONS = 16
"""Instructions looked at, those with the most wordings."""

BY_CHANCE = 0.05
"""The likelihood below which it is no chance how many wordings an account came back to."""

A_TOOL, FEWEST_USERS = 0.1, 3
"""Of those who send several wordings, or come back to some, the share that comes back, from which on it is a tool's."""

Bitmaps = npt.NDArray[np.uint64]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


def rotation_of(templates: Mapping[str, LinkEvidence], seen: Mapping[str, Seen], found_ms: int) -> Rotation:
    """Who of those seen rotates the wordings of an instruction, and the share that speaks of the campaign.

    To rotate them is to send several of one instruction, and to come back to no more of them than by chance. Of
    instructions in at least `FEWEST_WORDINGS` to which hardly anybody comes back, if they are a quarter of all
    templates. Who has sent most of the wordings, as far as 64 bits tell them apart, does not rotate them, for he may
    have drawn any number of times; and of an organisation the first account counts. The share is that of those seen
    until `found_ms`, or of all if that is greater: who is limited sends little, and those who were limited first may
    not be all there are. Who was opened since then and sends one of the wordings is in their place.
    """
    known = _instructions(templates)
    if not seen or not known or sum(map(len, known.values())) < QUARTER * len(templates):
        return Rotation()
    used = np.fromiter((it.templates for it in seen.values()), np.uint64, len(seen))
    repeated = np.fromiter((it.repeated for it in seen.values()), np.uint64, len(seen))
    is_party, bits = _first_of_each_party(seen), _bits_of_each(templates)
    rotates, counts, drawn = np.zeros(len(used), bool), np.zeros(len(used), bool), set[str]()
    for label, names in known.items():
        own = reduce(or_, map(bit_of, names))
        others = reduce(or_, (of_it for it, of_it in bits.items() if it != label), 0)
        sizes, keeps = _habits(used & np.uint64(own), repeated & np.uint64(own & ~others), own.bit_count())
        counts |= keeps | (sizes > 1)
        several = (sizes >= SEVERAL) & (sizes <= NESTED * own.bit_count()) & ~keeps
        users, drawers = int(np.sum(keeps & is_party)), int(np.sum(several & is_party))
        is_a_tools = users >= max(FEWEST_USERS, A_TOOL * (users + drawers))
        if not is_a_tools and are_drawn(used[several & is_party] & np.uint64(own)):
            rotates |= several
            drawn.add(label)
    if not drawn:
        return Rotation()
    was_seen = np.fromiter((it.since_ms <= found_ms for it in seen.values()), bool, len(used))
    groups = counts & is_party, counts & is_party & was_seen
    theirs = reduce(or_, map(bits.__getitem__, drawn))
    return Rotation(
        share=max(surely(int(np.sum(rotates & group)), int(np.sum(group))) for group in groups),
        accounts=frozenset(
            name
            for (name, it), rotated in zip(seen.items(), rotates.tolist(), strict=True)
            if rotated or (it.templates & theirs and it.was_opened_since(found_ms))
        ),
        templates=frozenset(name for name, link in templates.items() if link.instruction in drawn),
    )


def _instructions(templates: Mapping[str, LinkEvidence]) -> dict[str, list[str]]:
    """The wordings of each instruction that has many; those with the same sketch, in another order say, count once."""
    wordings: dict[str, dict[str, str]] = {}
    for name, link in templates.items():
        if link.instruction and link.sketch:
            wordings.setdefault(link.instruction, {}).setdefault(link.sketch, name)
    known = [(label, [*names.values()]) for label, names in wordings.items() if len(names) >= FEWEST_WORDINGS]
    return dict(sorted(known, key=lambda pair: -len(pair[1]))[:INSTRUCTIONS])


def _bits_of_each(templates: Mapping[str, LinkEvidence]) -> dict[str, int]:
    """The bits of all wordings of each instruction, and of the templates that are no wording of any, under ''."""
    bits: dict[str, int] = {}
    for name, link in templates.items():
        bits[link.instruction] = bits.get(link.instruction, 0) | bit_of(name)
    return bits


def _first_of_each_party(seen: Mapping[str, Seen]) -> Mask:
    parties: dict[str, int] = {}
    for place, (name, it) in enumerate(seen.items()):
        parties.setdefault(it.org_id or name, place)
    first = np.zeros(len(seen), bool)
    first[list(parties.values())] = True
    return first


def _habits(used: Bitmaps, repeated: Bitmaps, wordings: int) -> tuple[Ints, Mask]:
    """How many of so many wordings each account used, and whether it comes back to more of them than by chance.

    Who draws all alike, so often that he has this many of them, sends each a number of times that is Poisson
    distributed. Of who has most of them nothing is said: he may have drawn any number of times.
    """
    sizes, back = np.bitwise_count(used).astype(np.int64), np.bitwise_count(repeated).astype(np.int64)
    is_known = sizes <= NESTED * wordings
    times = -np.log1p(-np.where(is_known, sizes, 0) / wordings)
    return sizes, is_known & (back > 0) & (pdtrc(back - 1, wordings * pdtrc(REPEATS - 1, times)) < BY_CHANCE)


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
