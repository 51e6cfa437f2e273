"""Records of links folded into the links that are shared: the compiled fold, with everything around it."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import chain, pairwise
from typing import NamedTuple

import numpy as np
from msgspec import Struct

from streams import kernel
from streams.batch import NO_HASH
from streams.compiled import Ints
from streams.holders import HOUR_BITS, NEWLY_SHARED, SINGLE, Noted
from streams.links import (
    ACCOUNT,
    ACCOUNT_HASH,
    CAPABILITY_BIT,
    EVENT_COLUMNS,
    INPUT_TOKENS,
    MARK_ERROR,
    MARK_REFUSAL,
    MARK_YOUNG,
    MARKS,
    MINUTE,
    NETWORK,
    OFFSET,
    OUTPUT_TOKENS,
    TYING_KINDS,
    Link,
    LinkKind,
    Links,
    Who,
)
from streams.networks import Counted, NetworkState, note_members
from streams.windows import MINUTE_MS

_MINUTES_AN_HOUR = 60


class PlacedLinks(Struct, frozen=True, gc=False):
    """A record of links with its own offset in `stillwatch.links`."""

    offset: int
    links: Links


class Uses:
    """The uses of a few records, but for those that were taken before.

    `link`, `minute` and `event` have an entry a use: a place in `links`, minutes since the epoch, and a place in
    `events`, whose columns are those of `Links`; there `ACCOUNT` is a place in `whos`.
    """

    def __init__(self, records: Sequence[Links], taken: Sequence[int]) -> None:
        """Of each record what comes after the offset in `taken`."""
        self.whos: list[Who] = list(chain.from_iterable(record.accounts for record in records))
        links = list(chain.from_iterable(record.links for record in records))
        nothing = np.zeros(0, np.int64)
        self.link_hash, first, place = np.unique(
            np.concatenate([nothing, *(record.hashes[0] for record in records)]), return_index=True, return_inverse=True
        )
        self.links: list[Link] = [links[number] for number in first.tolist()]
        parts, pairs = [np.zeros((EVENT_COLUMNS, 0), np.int64)], [np.zeros((2, 0), np.int64)]
        events_before = links_before = people_before = 0
        for record, after in zip(records, taken, strict=True):
            events, uses = record.event_columns.copy(), record.use_columns
            fresh = uses[:, events[OFFSET][uses[0]] > after]
            events[ACCOUNT, events[ACCOUNT] >= 0] += people_before
            parts.append(events)
            pairs.append(fresh + np.array([[events_before], [links_before]]))
            events_before += events.shape[1]
            links_before += len(record.links)
            people_before += len(record.accounts)
        self.events: Ints = np.concatenate(parts, axis=1)
        self.event, link = np.concatenate(pairs, axis=1)
        self.link = place[link]
        self.minute = self.events[MINUTE][self.event]

    @property
    def newest_minute(self) -> int:
        """The newest minute of any use; 0 without any."""
        return int(self.minute.max(initial=0))

    def held(self) -> tuple[Ints, Ints, Ints]:
        """What `Holders` asks of each use: link, account, hour."""
        return self.link_hash[self.link], self.events[ACCOUNT_HASH][self.event], self.minute // _MINUTES_AN_HOUR

    def shared(self, status: Ints) -> Ints:
        """The places of the links that more than one account uses, by the status of the uses."""
        return np.unique(self.link[status != SINGLE])

    def accounts_by_hour(self) -> Iterator[tuple[int, Ints]]:
        """Each hour, in order, with the hashes of the accounts that were active in it, some of them several times."""
        hours, accounts = self.minute // _MINUTES_AN_HOUR, self.events[ACCOUNT_HASH][self.event]
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


class Moment(NamedTuple):
    """A minute of one shared link, in which somebody may have to look at it.

    `requests` and `newest_ms` of the link are as they are after that minute, `counted` is as it was before. `members`
    are the accounts that used it then, where it can tie them, some of them several times, `sketch` that of a template.
    """

    key: str
    minute: int
    requests: int
    newest_ms: int
    members: Sequence[Who]
    counted: Counted
    sketch: str | None

    @property
    def hour(self) -> int:
        """The hour of that minute."""
        return self.minute // _MINUTES_AN_HOUR


class FoldedLinks:
    """A batch folded into the links that are shared: their numbers as they are after it, and the moments on the way.

    A link that has moments in the batch is moved on by `take`, one moment after the other.
    """

    def __init__(
        self, uses: Uses, noted: Noted, places: Ints, links: Mapping[str, NetworkState], watched: Collection[str]
    ) -> None:
        """Fold what was `noted` of `uses` into the `links` at those `places`, by their keys and in that order.

        There is a moment in each minute of a link that can tie accounts or is `watched`.
        """
        self._links = links
        kept = np.flatnonzero(noted.status != SINGLE)
        link = np.searchsorted(places, uses.link[kept])
        order = np.lexsort((uses.minute[kept], link))
        starts = np.searchsorted(link[order], np.arange(len(places) + 1))
        use = kept[order]
        kinds = [uses.links[place].kind for place in places.tolist()]
        sketches = [uses.links[place].sketch for place in places.tolist()]
        facts = _facts(uses, noted, places, kinds, links, watched)
        late = facts[:, kernel.LINK_LATE].sum()
        self.founded = int(np.count_nonzero(facts[:, kernel.LINK_REQUESTS] == 0))
        stored = [state.numbers for state in links.values()]
        old_at = np.zeros(len(stored) + 1, np.int64)
        np.cumsum([len(numbers) for numbers in stored], out=old_at[1:])
        old = np.frombuffer(b"".join(stored), np.uint8)
        folded, at, rows, shares = kernel.fold_links(_columns(uses), uses.event[use], starts, facts, old, old_at)
        self.late = int(facts[:, kernel.LINK_LATE].sum() - late)
        self._write(folded.tobytes(), at, facts, rows)
        # In a minute the link that was used first comes first: so it does too if the log is cut between the two.
        in_order = np.lexsort((use[rows[:, kernel.MOMENT_START]], rows[:, kernel.MOMENT_MINUTE]))
        keys, account = list(links), uses.events[ACCOUNT][uses.event[use]]
        self.moments: list[Moment] = []
        for row, share in zip(rows[in_order].tolist(), shares[in_order].tolist(), strict=True):
            of, minute, start, end, requests, newest_ms, *counted = row
            members = _members(uses.whos, account[start:end]) if kinds[of] in TYING_KINDS else ()
            self.moments.append(
                Moment(keys[of], minute, requests, newest_ms, members, Counted._make((*counted, share)), sketches[of])
            )
        self._ahead: dict[str, list[Moment]] = {}
        for moment in reversed(self.moments):
            self._ahead.setdefault(moment.key, []).append(moment)

    def take(self, moment: Moment) -> None:
        """Move the link on to the end of this minute, which is the next of its own."""
        state = self._links[moment.key]
        self._ahead[moment.key].pop()
        state.requests, state.newest_ms = moment.requests, moment.newest_ms
        state.sketch = moment.sketch
        note_members(state, moment.members, moment.minute)

    def counted(self, key: str, state: NetworkState) -> Counted:
        """What is counted of any link up to now."""
        ahead = self._ahead.get(key)
        return ahead[-1].counted if ahead else state.counted()

    def _write(self, folded: bytes, at: Ints, facts: Ints, rows: Ints) -> None:
        """Give each link its new numbers; one that has moments keeps its requests and newest minute until then."""
        with_moments = np.zeros(len(facts), np.bool_)
        with_moments[rows[:, kernel.MOMENT_LINK]] = True
        bounds, after = pairwise(at.tolist()), facts[:, : kernel.LINK_JUDGE_AT].tolist()
        for state, (start, end), (requests, late, newest_ms), waits in zip(
            self._links.values(), bounds, after, with_moments.tolist(), strict=True
        ):
            state.numbers, state.late = folded[start:end], late
            if not waits:
                state.requests, state.newest_ms = requests, newest_ms


def _facts(
    uses: Uses,
    noted: Noted,
    places: Ints,
    kinds: Sequence[LinkKind],
    links: Mapping[str, NetworkState],
    watched: Collection[str],
) -> Ints:
    """What `fold_links` is told of each link."""
    facts = np.full((len(links), kernel.LINK_COLUMNS), NO_HASH, np.int64)
    for number, (kind, (key, state)) in enumerate(zip(kinds, links.items(), strict=True)):
        # Of a network block it says nothing which blocks its users come from.
        sketches = 2 if kind == "network" else 3
        facts[number, : kernel.LINK_HOLDER] = (
            *(state.requests, state.late, state.newest_ms, state.judge_at),
            kind in TYING_KINDS or key in watched,
            sketches,
        )
    newly = np.flatnonzero(noted.status == NEWLY_SHARED)
    of, holder = np.searchsorted(places, uses.link[newly]), noted.holder[newly]
    facts[of, kernel.LINK_HOLDER] = holder >> HOUR_BITS
    facts[of, kernel.LINK_HOLDER_HOUR] = holder & (1 << HOUR_BITS) - 1
    return facts


def _columns(uses: Uses) -> Ints:
    """The matrix that `fold_links` takes, a column an event."""
    events = uses.events
    columns = np.empty((kernel.EVENT_ROWS, events.shape[1]), np.int64)
    marks, account = events[MARKS], events[ACCOUNT_HASH]
    columns[kernel.AT] = events[MINUTE] * MINUTE_MS
    columns[kernel.INPUT], columns[kernel.OUTPUT] = events[INPUT_TOKENS], events[OUTPUT_TOKENS]
    columns[kernel.ERROR] = (marks & MARK_ERROR) != 0
    columns[kernel.REFUSAL] = (marks & MARK_REFUSAL) != 0
    columns[kernel.USER] = account
    columns[kernel.YOUNG_USER] = np.where(marks & MARK_YOUNG, account, NO_HASH)
    columns[kernel.USER_NETWORK] = events[NETWORK]
    columns[kernel.CAPABILITY] = marks >> CAPABILITY_BIT
    return columns


def _members(whos: Sequence[Who], places: Ints) -> list[Who]:
    return [who for who in [whos[place] for place in places.tolist()] if not who.exempt]
