"""From records of links to what their shared links were used for: columns in, one `Used` a link and minute out."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain

import numpy as np
from msgspec import Struct

from streams.events import CAPABILITIES
from streams.holders import HOUR_BITS, NEWLY_SHARED, SINGLE, Noted
from streams.links import (
    CAPABILITY_BIT,
    MARK_ERROR,
    MARK_REFUSAL,
    MARK_YOUNG,
    TYING_KINDS,
    Column,
    Ints,
    Link,
    Links,
    Who,
    ints,
)
from streams.networks import Used
from streams.windows import Counts

_NO_NETWORK = -1
_NONE: Ints = np.zeros(0, np.int64)
_MINUTES_AN_HOUR = 60


class PlacedLinks(Struct, frozen=True, gc=False):
    """A record of links with its own offset in `stillwatch.links`."""

    offset: int
    links: Links


class Uses:
    """The uses of a few records as columns, but for those that were taken before.

    `link`, `minute` and `event` have an entry a use: a place in `links`, minutes since the epoch, and a place in the
    other columns, which have an entry an event and are as in `Links`; `account` is a place in `whos`.
    """

    def __init__(self, records: Sequence[Links], taken: Sequence[int]) -> None:
        """Of each record what comes after the offset in `taken`. Raises ValueError for a column that is not whole."""
        self.whos: list[Who] = list(chain.from_iterable(record.accounts for record in records))
        links = list(chain.from_iterable(record.links for record in records))
        self.link_hash, first, place = np.unique(
            _joined([record.link_hash for record in records]), return_index=True, return_inverse=True
        )
        self.links: list[Link] = [links[number] for number in first.tolist()]
        offsets = [ints(record.offset) for record in records]
        sizes = [len(offset) for offset in offsets]
        fresh = [offset > after for offset, after in zip(offsets, taken, strict=True)]
        is_fresh = np.concatenate([np.zeros(0, np.bool_), *fresh])
        event = _joined([record.use_event for record in records], sizes)
        link = _joined([record.use_link for record in records], [len(record.links) for record in records])
        uses = is_fresh[event]
        self.event = event[uses]
        self.link = place[link[uses]]
        self.minute = _joined([record.minute for record in records])[self.event]
        self.account_hash = _joined([record.account_hash for record in records])
        self.account = _joined([record.account for record in records], [len(record.accounts) for record in records])
        self.input_tokens = _joined([record.input_tokens for record in records])
        self.output_tokens = _joined([record.output_tokens for record in records])
        self.marks = _joined([record.marks for record in records])
        self.network = _joined([record.network for record in records])

    @property
    def newest_hour(self) -> int:
        """The newest hour of any use; 0 without any."""
        return int(self.minute.max(initial=0)) // _MINUTES_AN_HOUR

    def held(self) -> tuple[Ints, Ints, Ints]:
        """What `Holders` asks of each use: link, account, hour."""
        return self.link_hash[self.link], self.account_hash[self.event], self.minute // _MINUTES_AN_HOUR

    def shared(self, status: Ints) -> list[Link]:
        """The links that more than one account uses, by the status of the uses."""
        return [self.links[place] for place in np.unique(self.link[status != SINGLE]).tolist()]

    def accounts_by_hour(self) -> Iterator[tuple[int, Ints]]:
        """Each hour, in order, with the hashes of the accounts that were active in it, some of them several times."""
        hours, accounts = self.minute // _MINUTES_AN_HOUR, self.account_hash[self.event]
        for hour in np.unique(hours).tolist():
            yield hour, accounts[hours == hour]


def uses_after(items: Sequence[PlacedLinks], taken: Mapping[str, int]) -> Uses:
    """The uses that come after what was taken: `taken` has the last offset of each source."""
    after, records, starts = dict(taken), [], []
    for links in (item.links for item in items):
        name = links.source.name
        if links.source_offset > after.get(name, -1):
            records.append(links)
            starts.append(after.get(name, -1))
            after[name] = links.source_offset
    return Uses(records, starts)


class SharedUse(Struct, frozen=True, gc=False):
    """What one shared link was used for in one minute.

    `holder` is set where the link became shared: the one account (`hash32`) that held it until then, and in which hour.
    """

    link: Link
    used: Used
    holder: tuple[int, int] | None

    @property
    def hour(self) -> int:
        """The hour of that minute."""
        return self.used.minute // _MINUTES_AN_HOUR


def shared_uses(uses: Uses, noted: Noted) -> list[SharedUse]:
    """What shared links were used for, a link and minute each, minute by minute and then as they were first used."""
    shared = np.flatnonzero(noted.status != SINGLE)
    if not len(shared):
        return []
    newly = np.flatnonzero(noted.status == NEWLY_SHARED).tolist()
    before = {int(uses.link[use]): _holder(int(noted.holder[use])) for use in newly}
    order = shared[np.lexsort((uses.link[shared], uses.minute[shared]))]
    link, minute, event = uses.link[order], uses.minute[order], uses.event[order]
    starts = np.concatenate(([0], np.flatnonzero((np.diff(link) != 0) | (np.diff(minute) != 0)) + 1))
    counts, capabilities = _sums(uses, event, starts)
    young = (uses.marks[event] & MARK_YOUNG).tolist()
    hashes, networks, places = (values[event].tolist() for values in (uses.account_hash, uses.network, uses.account))
    found = []
    ends = [*starts[1:].tolist(), len(order)]
    # In a minute the link that was used first comes first: so it does too if the log is cut between the two.
    for number in np.lexsort((order[starts], minute[starts])).tolist():
        start, end = int(starts[number]), ends[number]
        place = int(link[start])
        subject = uses.links[place]
        used = Used(
            int(minute[start]),
            Counts(*counts[number]),
            capabilities[number],
            hashes[start:end],
            [hashes[use] for use in range(start, end) if young[use]],
            () if subject.kind == "network" else [network for network in networks[start:end] if network != _NO_NETWORK],
            _members(uses.whos, places[start:end]) if subject.kind in TYING_KINDS else (),
        )
        found.append(SharedUse(subject, used, before.pop(place, None)))
    return found


def _sums(uses: Uses, event: Ints, starts: Ints) -> tuple[list[list[int]], list[list[int]]]:
    """Of each run of events the five counts, and the requests for each capability."""
    marks = uses.marks[event]
    errors, refusals = (marks & MARK_ERROR) // MARK_ERROR, (marks & MARK_REFUSAL) // MARK_REFUSAL
    columns = (np.ones_like(event), uses.input_tokens[event], uses.output_tokens[event], errors, refusals)
    asked = np.zeros((len(event), len(CAPABILITIES)), np.int64)
    asked[np.arange(len(event)), marks >> CAPABILITY_BIT] = 1
    return np.add.reduceat(np.stack(columns, axis=1), starts).tolist(), np.add.reduceat(asked, starts).tolist()


def _members(whos: Sequence[Who], places: Sequence[int]) -> list[Who]:
    return [who for who in (whos[place] for place in dict.fromkeys(places)) if not who.exempt]


def _holder(word: int) -> tuple[int, int]:
    return word >> HOUR_BITS, word & (1 << HOUR_BITS) - 1


def _joined(columns: Sequence[Column], sizes: Sequence[int] | None = None) -> Ints:
    """The columns one after the other; places in tables of `sizes` become places in those tables one after the other.

    -1, which is no place, stays what it is.
    """
    parts = [ints(values) for values in columns]
    if sizes is not None:
        before = np.cumsum([0, *sizes])[:-1].tolist()
        parts = [np.where(part < 0, part, part + shift) for part, shift in zip(parts, before, strict=True)]
    return np.concatenate([_NONE, *parts])
