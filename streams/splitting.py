"""Which parts of a campaign still hang together once a link that tied them is four weeks old, and what each of them is.

Links hang together that share accounts (two, and a tenth of those of the smaller) or that say the same in other words,
which is what joins campaigns (`streams.joining`): so parts are not joined again for what they were parted in spite of.
A link that ties nobody any more goes with the part that it resembles, or of most of those who used it. An account that
used no link of which it could be told goes with the part that it is likeliest of: of more accounts, and of fewer
templates, for a part of many has most of the 64 bits that accounts know templates by.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from functools import reduce
from operator import or_
from typing import NamedTuple

import numpy as np
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components

from streams.batch import words_of
from streams.campaigns import Campaign
from streams.compiled import Ints
from streams.evidence import LinkEvidence, Seen, bit_of
from streams.joining import FEWEST_SHARED, SHARED_SHARE
from streams.kernel import alike_to
from streams.windows import DAY_MS

FEWEST_PARTS = 2

Mark = int | str
"""How accounts know a link (`Seen`): a template by its bit, which others may have too, a payment by its name."""


class Part(NamedTuple):
    """Links of a campaign that hang together, and the accounts that used these more than those of other parts."""

    links: frozenset[str]
    accounts: frozenset[str]


def may_split(campaign: Campaign, swept_ms: int) -> bool:
    """Whether it is to be looked at, once a day, as it was swept last at `swept_ms`; if a link ties nobody any more.

    Not if it had to forget members: nobody can say which part those belong to.
    """
    is_another_day = campaign.swept_ms // DAY_MS > swept_ms // DAY_MS
    return is_another_day and not campaign.gone and any(not _ties(it, campaign) for it in campaign.links.values())


def parts_of(campaign: Campaign, fewest: int) -> list[Part]:
    """The parts of at least so many accounts, the largest first, to which all belongs that hangs together with none.

    Fewer than two: it hangs together.
    """
    live = sorted(name for name, it in campaign.links.items() if _ties(it, campaign))
    lapsed = sorted(campaign.links.keys() - live)
    if len(live) < FEWEST_PARTS:
        return []
    groups = _reworded(live, campaign)
    group = {name: its for its, names in enumerate(groups) for name in names}
    near = _near(lapsed, groups, campaign)
    names = sorted(campaign.seen)
    is_member = np.array([name in campaign.members for name in names], np.int64)
    used, joined = _used([campaign.seen[name] for name in names], group, near)
    part, homes = _homes(used, _joined(used, joined, is_member), fewest)
    if part.max() + 1 < FEWEST_PARTS:
        return []
    accounts = dict(zip(names, homes.tolist(), strict=True))
    part_of = {name: int(part[its]) for name, its in group.items()}
    users = _users(campaign)
    for name in lapsed:
        resembled = {int(part[its]) for its in near[name]}
        used_by = Counter(accounts[it] for it in users[_mark(name)] if accounts[it] >= 0)
        if len(resembled) == 1:
            part_of[name] = resembled.pop()
        elif users[_mark(name)]:
            part_of[name] = max(used_by, key=used_by.__getitem__, default=0)
    lapsed_of = {_mark(name): part_of[name] for name in lapsed if name in part_of}
    bits = [_bits(name for name, its in part_of.items() if its == number) for number in range(int(part.max()) + 1)]
    sizes = Counter(accounts.values())
    for name in [it for it, home in accounts.items() if home < 0]:
        seen = campaign.seen[name]
        odds = {
            its: sizes[its] / known.bit_count() ** seen.templates.bit_count()
            for its, known in enumerate(bits)
            if seen.templates and not seen.templates & ~known
        }
        paid, used = (Counter(lapsed_of[it] for it in of if it in lapsed_of) for of in (_cards(seen), _marks(seen)))
        likely: Mapping[int, float] = paid or odds or used
        accounts[name] = max(likely, key=likely.__getitem__, default=0)
    return [
        Part(
            frozenset(name for name, its in part_of.items() if its == number),
            frozenset(name for name, its in accounts.items() if its == number),
        )
        for number in range(int(part.max()) + 1)
    ]


def split_off(campaign: Campaign, part: Part, campaign_id: str) -> Campaign:
    """Take a part out of a campaign, as one under this id about which nothing is decided; its templates stay limited.

    Known of it is what follows from its own links: who is no member by these is none.
    """
    new = Campaign(
        campaign_id,
        campaign.created_ms,
        campaign.newest_ms,
        links={name: it for name, it in campaign.links.items() if name in part.links},
        seen={name: it for name, it in campaign.seen.items() if name in part.accounts},
        found_ms=campaign.found_ms,
        swept_ms=campaign.swept_ms,
        organised={*campaign.organised},
    )
    for group in _reworded(new.links.keys(), new):
        for name in group:
            link = new.links[name]
            link.has_sibling, link.instruction = len(group) > 1, min(group) if len(group) > 1 else ""
    own = _bits(new.links)
    for seen in new.seen.values():
        seen.templates, seen.repeated = seen.templates & own, seen.repeated & own
        cards = {*_cards(seen)}
        seen.paid = not cards.isdisjoint(new.links) or (seen.paid and cards.isdisjoint(campaign.links))
    new.payments = {it.payment_hash for it in new.seen.values() if it.came_back and it.payment_hash is not None}
    belonging = new.belonging()
    new.members = {name: at_ms for name, at_ms in campaign.members.items() if name in belonging}
    new.undecided = [name for name in campaign.undecided if name in belonging]
    new.inherited = [name for name in campaign.inherited if name in belonging]
    for name in campaign.members.keys() & new.seen.keys() - belonging.keys():
        for it, evidence in new.links.items():
            if new.seen[name].templates & bit_of(it):
                evidence.strangers.add(name)
    return new


def _ties(link: LinkEvidence, campaign: Campaign) -> bool:
    return link.ties_until_ms >= campaign.newest_ms


def _words(links: list[str], campaign: Campaign) -> Ints:
    """(links, words) the words of each link's sketch: none for a payment, which is like nothing."""
    return words_of([campaign.links[name].sketch for name in links])


def _near(links: list[str], groups: list[list[str]], campaign: Campaign) -> dict[str, set[int]]:
    """Of each link the groups with another that says the same in other words."""
    group_of = [its for its, names in enumerate(groups) for _ in names]
    rows = _words([name for names in groups for name in names], campaign).astype(np.int16)
    words = zip(links, _words(links, campaign), strict=True)
    return {name: {group_of[it] for it in alike_to(rows, its)} for name, its in words}


def _reworded(links: Collection[str], campaign: Campaign) -> list[list[str]]:
    """The links in groups: those of which one says in other words what the other says, and so on."""
    names, groups = sorted(links), []
    words = _words(names, campaign)
    rows, left = words.astype(np.int16), np.arange(len(names))
    while len(left):
        group, left = [int(left[0])], left[1:]
        for it in group:
            alike = alike_to(rows[left], words[it])
            group += left[alike].tolist()
            left = np.delete(left, alike)
        groups.append([names[it] for it in group])
    return groups


def _used(accounts: list[Seen], group: dict[str, int], near: dict[str, set[int]]) -> tuple[csr_array, Ints]:
    """(accounts, groups) by how many links of each `group` an account knows it; and which groups are one after that.

    A mark that links of several groups have says nothing of those of which another mark tells, and all others are one.
    Those that tie nobody any more are of the group that they are `near` to, if it is one.
    """
    have: dict[Mark, set[int]] = defaultdict(set)
    for name, its in group.items():
        have[_mark(name)].add(its)
    for number, (name, near_to) in enumerate(near.items()):
        have[_mark(name)] |= near_to if len(near_to) == 1 else {-1 - number}
    told = {it for groups in have.values() if len(groups) == 1 for it in groups}
    means: dict[Mark, int] = {}
    same: list[tuple[int, int]] = []
    for mark, groups in have.items():
        meant = sorted(it for it in (groups if len(groups) == 1 else groups - told) if it >= 0)
        if meant:
            means[mark] = meant[0]
            same += [(meant[0], it) for it in meant]
    uses = [(row, means[mark]) for row, seen in enumerate(accounts) for mark in _marks(seen) if mark in means]
    count = max(group.values()) + 1
    used = csr_array((np.ones(len(uses), np.int64), _columns(uses)), shape=(len(accounts), count))
    return used, _connected(same, count)


def _joined(used: csr_array, group: Ints, is_member: Ints) -> Ints:
    """The `group` of each column of `used` (accounts, columns), after those that share enough accounts became one.

    And once those are that share enough with these, until none do. What is enough goes by users, or members if fewer.
    """
    while True:
        of_group = _of_groups(used, group)
        of_group.data[:] = 1
        shared = coo_array(of_group.T @ of_group)
        users, members = of_group.sum(axis=0), of_group.T @ is_member
        fewest = np.minimum(np.minimum(users[shared.row], users[shared.col]), FEWEST_SHARED)
        share = SHARED_SHARE * np.minimum(members[shared.row], members[shared.col])
        ties = shared.data >= np.maximum(fewest, share)
        joined = _connected(zip(shared.row[ties], shared.col[ties], strict=True), len(users))[group]
        if joined.max() == group.max():
            return group
        group = joined


def _homes(used: csr_array, group: Ints, fewest: int) -> tuple[Ints, Ints]:
    """The part of each column, 0 for the largest and for what is none; and that of each account, -1 for none."""
    users = _of_groups(used, group)
    large = np.flatnonzero((users > 0).sum(axis=0) >= fewest)
    counts = users[:, large].toarray()
    if not counts.shape[1]:
        return np.zeros(len(group), np.int64), np.full(len(counts), -1)
    homes = np.where(counts.any(axis=1), counts.argmax(axis=1), -1)
    sizes = np.bincount(homes[homes >= 0], minlength=len(large))
    order = [it for it in np.argsort(-sizes, kind="stable").tolist() if sizes[it] >= fewest]
    part_of = np.zeros(users.shape[1] + 1, np.int64)
    part_of[large[order]] = np.arange(len(order))
    place_of = np.zeros(len(large) + 1, np.int64)
    place_of[order] = np.arange(len(order))
    place_of[-1] = -1
    return part_of[group], place_of[homes]


def _of_groups(used: csr_array, group: Ints) -> csr_array:
    """(accounts, groups) how many columns of each group an account used."""
    return csr_array(used @ csr_array((np.ones(len(group), np.int64), (np.arange(len(group)), group))))


def _users(campaign: Campaign) -> dict[Mark, list[str]]:
    """Who was seen with each mark."""
    users: dict[Mark, list[str]] = defaultdict(list)
    for name, seen in campaign.seen.items():
        for mark in _marks(seen):
            users[mark].append(name)
    return users


def _bits(links: Iterable[str]) -> int:
    """The bitmap of those that are templates."""
    return reduce(or_, (bit_of(it) for it in links if it.startswith("template:")), 0)


def _mark(link: str) -> Mark:
    return bit_of(link) if link.startswith("template:") else link


def _marks(seen: Seen) -> Collection[Mark]:
    """The marks of the links that an account used."""
    bits = [1 << bit for bit in range(seen.templates.bit_length()) if seen.templates >> bit & 1]
    return [*bits, *_cards(seen)]


def _cards(seen: Seen) -> list[str]:
    """The payments that an account came back to, as far as is known, as links."""
    return [f"payment:{it}" for it in (seen.payment_hash, seen.paid_before) if it is not None] if seen.paid else []


def _columns(pairs: Iterable[tuple[int, int]]) -> tuple[Ints, Ints]:
    """The first of each pair, and the second."""
    one, other = np.array([*pairs], np.int64).reshape(-1, 2).T
    return one, other


def _connected(pairs: Iterable[tuple[int, int]], count: int) -> Ints:
    """The group of each of `count`, where those of each pair belong together."""
    one, other = _columns(pairs)
    edges = coo_array((np.ones(len(one), np.int8), (one, other)), shape=(count, count))
    return np.asarray(connected_components(edges, directed=False)[1], np.int64)
