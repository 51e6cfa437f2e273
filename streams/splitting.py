"""Which parts of a campaign still hang together once a link that tied them is four weeks old.

Links hang together that share accounts (two, and a tenth of those of the smaller) or that say the same in other words,
which is what joins campaigns (`streams.joining`): so parts are not joined again for what they were parted in spite of.
"""

from collections import Counter
from typing import NamedTuple

import numpy as np
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components

from streams.campaigns import Campaign
from streams.compiled import Ints
from streams.evidence import Seen, bit_of
from streams.joining import FEWEST_SHARED, SHARED_SHARE
from streams.sketches import Sketches

FEWEST_PARTS = 2


class Part(NamedTuple):
    """Links of a campaign that hang together with no other one, and the accounts that used these more than others."""

    links: frozenset[str]
    accounts: frozenset[str]


def has_lost_a_tie(campaign: Campaign, since_ms: int) -> bool:
    """Whether a link of the campaign ties nobody any more that still did at `since_ms`."""
    return any(since_ms <= it.ties_until_ms < campaign.newest_ms for it in campaign.links.values())


def parts_of(campaign: Campaign, sketches: Sketches, fewest: int) -> list[Part]:
    """The parts of at least so many accounts that hang together with nothing else, but for the largest."""
    links = sorted(name for name, it in campaign.links.items() if it.ties_until_ms >= campaign.newest_ms)
    accounts = sorted(campaign.seen)
    if len(links) < FEWEST_PARTS:
        return []
    group = _reworded(links, campaign, sketches)
    used, group = _uses(links, group, campaign, accounts)
    group = _joined(used, group)
    users = _of_groups(used, group)
    large = np.flatnonzero((users > 0).sum(axis=0) >= fewest)
    if len(large) < FEWEST_PARTS:
        return []
    counts = users[:, large].toarray()
    homes = np.where(counts.any(axis=1), counts.argmax(axis=1), -1)
    sizes = np.bincount(homes[homes >= 0], minlength=len(large))
    return [
        Part(
            frozenset(name for name, its in zip(links, group.tolist(), strict=True) if its == large[number]),
            frozenset(name for name, home in zip(accounts, homes.tolist(), strict=True) if home == number),
        )
        for number in np.flatnonzero(sizes >= fewest).tolist()
        if number != sizes.argmax()
    ]


def split_off(campaign: Campaign, part: Part, campaign_id: str, sketches: Sketches) -> Campaign:
    """Take a part out of a campaign, as one of its own of which is known what follows from its own links.

    Its limited templates stay so; nothing else is decided about it yet.
    """
    links, names = {name: campaign.links.pop(name) for name in sorted(part.links)}, part.accounts
    new = Campaign(
        campaign_id,
        campaign.created_ms,
        campaign.newest_ms,
        links=links,
        members={name: at_ms for name, at_ms in campaign.members.items() if name in names},
        undecided=[name for name in campaign.undecided if name in names],
        inherited=[name for name in campaign.inherited if name in names],
        seen={name: it for name, it in campaign.seen.items() if name in names},
        found_ms=campaign.found_ms,
        swept_ms=campaign.swept_ms,
    )
    campaign.take_out(names)
    own = 0
    for name, link in links.items():
        own |= bit_of(name)
        link.has_sibling, link.instruction = False, ""
    for name, link in links.items():
        new.note_siblings(name, (sketches.alike(link.sketch or None) & links.keys()) - {name})
    for seen in new.seen.values():
        seen.templates, seen.repeated = seen.templates & own, seen.repeated & own
        seen.paid = seen.paid and f"payment:{seen.payment_hash}" not in campaign.links
    new.payments = {it.payment_hash for it in new.seen.values() if it.came_back and it.payment_hash is not None}
    return new


def _reworded(links: list[str], campaign: Campaign, sketches: Sketches) -> Ints:
    """The group of each link: those of which one rewords the other, and so on, are one."""
    places = {name: place for place, name in enumerate(links)}
    alike = [
        (places[name], places[other])
        for name in links
        for other in sketches.alike(campaign.links[name].sketch or None) & places.keys()
    ]
    return _connected(*_pairs(alike), len(links))


def _uses(links: list[str], group: Ints, campaign: Campaign, accounts: list[str]) -> tuple[csr_array, Ints]:
    """(accounts, links) which account used which link, and the `group` of each link after that.

    Accounts know templates by a bit (`Seen`). What several links of the campaign have says nothing of those of whose
    group another link has one of its own, and all the others are one.
    """
    marks, have = [_mark(name) for name in links], Counter(map(_mark, campaign.links))
    told = {its for its, mark in zip(group.tolist(), marks, strict=True) if have[mark] == 1}
    place_of: dict[int | str, int] = {}
    same = [
        (place_of.setdefault(mark, place), place)
        for place, mark in enumerate(marks)
        if have[mark] == 1 or group[place] not in told
    ]
    uses = [
        (row, place_of[mark])
        for row, name in enumerate(accounts)
        for mark in _marks(campaign.seen[name])
        if mark in place_of
    ]
    one, other = _pairs(same)
    used = csr_array((np.ones(len(uses), np.int64), _pairs(uses)), shape=(len(accounts), len(links)))
    return used, _connected(group[one], group[other], len(links))[group]


def _mark(link: str) -> int | str:
    """How accounts know a link: a template by its bit, a payment by its name."""
    return bit_of(link) if link.startswith("template:") else link


def _marks(seen: Seen) -> list[int | str]:
    """The marks of the links that an account used."""
    bits = [1 << bit for bit in range(seen.templates.bit_length()) if seen.templates >> bit & 1]
    return [*bits, f"payment:{seen.payment_hash}"] if seen.paid else [*bits]


def _joined(used: csr_array, group: Ints) -> Ints:
    """The `group` of each column of `used` (accounts, columns), after those that share enough accounts became one.

    And once those are that share enough with these, until none do.
    """
    while True:
        of_group = _of_groups(used, group)
        of_group.data[:] = 1
        shared, sizes = coo_array(of_group.T @ of_group), of_group.sum(axis=0)
        smaller = np.minimum(sizes[shared.row], sizes[shared.col])
        ties = shared.data >= np.maximum(np.minimum(smaller, FEWEST_SHARED), SHARED_SHARE * smaller)
        joined = _connected(shared.row[ties], shared.col[ties], len(sizes))[group]
        if joined.max() == group.max():
            return group
        group = joined


def _of_groups(used: csr_array, group: Ints) -> csr_array:
    """(accounts, groups) how many columns of each group an account used."""
    return csr_array(used @ csr_array((np.ones(len(group), np.int64), (np.arange(len(group)), group))))


def _pairs(pairs: list[tuple[int, int]]) -> tuple[Ints, Ints]:
    """The first of each pair, and the second."""
    one, other = np.array(pairs, np.int64).reshape(-1, 2).T
    return one, other


def _connected(one: Ints, other: Ints, count: int) -> Ints:
    """The group of each of `count` nodes, where each of `one` belongs together with that of `other`."""
    edges = coo_array((np.ones(len(one), np.int8), (one, other)), shape=(count, count))
    return np.asarray(connected_components(edges, directed=False)[1], np.int64)
