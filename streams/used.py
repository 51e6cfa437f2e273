"""From a record of links to what its shared links were used for: columns in, one `Used` a link and minute out."""

from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

import numpy as np

from streams.distinct import hash32
from streams.events import CAPABILITIES
from streams.holders import NEWLY_SHARED, SINGLE, Holders, Ints
from streams.links import TYING_KINDS, Link, Links, Who, link_hash
from streams.networks import YOUNG_MS, Used
from streams.windows import MINUTE_MS, Counts

_NO_NETWORK = -1


class Holder(NamedTuple):
    """The one account (`hash32`) that held a link until now, and the hour it last used it in."""

    account: int
    hour: int


class LinkUses:
    """A record of links as columns, with its own offset in `stillwatch.links`."""

    def __init__(self, offset: int, links: Links) -> None:
        self.offset = offset
        self.links = links

    @cached_property
    def minute(self) -> Ints:
        """The minute of each event."""
        return np.array(self.links.minute, np.int64)

    @cached_property
    def use_event(self) -> Ints:
        """The event of each use."""
        return np.array(self.links.use_event, np.int64)

    @cached_property
    def use_link(self) -> Ints:
        """The link of each use."""
        return np.array(self.links.use_link, np.int64)

    @cached_property
    def event_account(self) -> Ints:
        """The place of each event's account."""
        return np.array(self.links.account, np.int64)

    @cached_property
    def account_hash(self) -> Ints:
        """`hash32` of each account."""
        return np.array([hash32(who.account_id) for who in self.links.accounts], np.int64)

    @cached_property
    def link_hash(self) -> Ints:
        """63 bits of each link."""
        return np.array([link_hash(link) for link in self.links.links], np.int64)

    def held(self) -> tuple[Ints, Ints, Ints]:
        """What `Holders` asks of each use: link, account, hour."""
        return (
            self.link_hash[self.use_link],
            self.account_hash[self.event_account[self.use_event]],
            self.minute[self.use_event] // 60,
        )

    def after(self, offset: int) -> "LinkUses":
        """The record without the events up to `offset` of its source."""
        first = int(np.searchsorted(np.array(self.links.offset, np.int64), offset, side="right"))
        if first == 0:
            return self
        kept = LinkUses(self.offset, self.links)
        kept.use_event = self.use_event[self.use_event >= first]
        kept.use_link = self.use_link[self.use_event >= first]
        return kept


def accounts_by_hour(uses: LinkUses) -> Iterator[tuple[int, list[int]]]:
    """Each hour, in order, with the hashes of the accounts that were active in it."""
    events = np.unique(uses.use_event)
    hours = uses.minute[events] // 60
    accounts = uses.account_hash[uses.event_account[events]]
    for hour in np.unique(hours).tolist():
        yield hour, np.unique(accounts[hours == hour]).tolist()


def shared_links(uses: LinkUses, status: Ints) -> list[Link]:
    """The links of a record that more than one account uses, by the status of its uses."""
    return [uses.links.links[place] for place in np.unique(uses.use_link[status != SINGLE]).tolist()]


def used_links(uses: LinkUses, holders: Holders) -> tuple[list[tuple[Link, Used, Holder | None]], bytes]:
    """What the record says of each shared link in each run of one minute, in the order of the runs; and a journal.

    A minute that comes back late is a run of its own: links change in the order of the log. Where the record made a
    link shared, its holder until then stands beside the first use.
    """
    noted = holders.note(*uses.held())
    shared = np.flatnonzero(noted.status != SINGLE)
    if not len(shared):
        return [], noted.journal
    newly = {
        int(uses.use_link[use]): _holder(int(noted.holder[use]))
        for use in np.flatnonzero(noted.status == NEWLY_SHARED).tolist()
    }
    columns = uses.links
    run = np.concatenate(([0], np.cumsum(np.diff(uses.minute) != 0)))
    event, link = uses.use_event[shared], uses.use_link[shared]
    group = run[event] * len(columns.links) + link
    order = np.argsort(group, kind="stable")
    event, link, group = event[order], link[order], group[order]
    first = np.concatenate(([0], np.flatnonzero(np.diff(group)) + 1))
    failed = np.array(columns.failed, np.int64)[event]
    counts = np.add.reduceat(
        np.stack(
            (
                np.ones(len(event), np.int64),
                np.array(columns.input_tokens, np.int64)[event],
                np.array(columns.output_tokens, np.int64)[event],
                failed & 1,
                failed >> 1,
            )
        ),
        first,
        axis=1,
    ).T.tolist()
    asked = np.zeros((len(event), len(CAPABILITIES)), np.int64)
    asked[np.arange(len(event)), np.array(columns.capability, np.int64)[event]] = 1
    capabilities = np.add.reduceat(asked, first, axis=0).tolist()
    account = uses.event_account[event]
    created = np.array([-1 if who.created_at_ms is None else who.created_at_ms for who in columns.accounts], np.int64)
    is_young = (created[account] >= 0) & (uses.minute[event] * MINUTE_MS - created[account] < YOUNG_MS)
    hashes, young = uses.account_hash[account].tolist(), is_young.tolist()
    networks, places = np.array(columns.network, np.int64)[event].tolist(), account.tolist()
    ends = [*first[1:].tolist(), len(event)]
    found = []
    for number, (start, end) in enumerate(zip(first.tolist(), ends, strict=True)):
        subject = columns.links[link[start]]
        used = Used(
            int(uses.minute[event[start]]),
            Counts(*counts[number]),
            {position: requests for position, requests in enumerate(capabilities[number]) if requests},
            dict.fromkeys(hashes[start:end]),
            dict.fromkeys(one for one, is_new in zip(hashes[start:end], young[start:end], strict=True) if is_new),
            () if subject.kind == "network" else dict.fromkeys(it for it in networks[start:end] if it != _NO_NETWORK),
            _members(uses, places[start:end]) if subject.kind in TYING_KINDS else (),
        )
        found.append((subject, used, newly.pop(int(link[start]), None)))
    return found, noted.journal


def _members(uses: LinkUses, places: list[int]) -> list[Who]:
    return [who for who in (uses.links.accounts[place] for place in dict.fromkeys(places)) if not who.exempt]


def _holder(word: int) -> Holder:
    return Holder(word >> 24, word & 0xFFFFFF)
