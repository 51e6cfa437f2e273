"""The uses of a batch, parted by the partition that owns their links. Compiled."""

from typing import NamedTuple

import numpy as np

from streams.compiled import Bools, Ints, compiled


class Parts(NamedTuple):
    """What each partition is told of a batch, one after the other; `bounds` has four columns and a row a partition.

    Those of `events`, `uses`, `links` and `people`: where what is a partition's begins; one row more says where all
    ends. `events` are (rows and the place of the account, events); `uses` are (event, link), numbered in their
    partition; `links` and `people` are places in the batch, of a link and of the first event that names an account so.
    """

    events: Ints
    uses: Ints
    links: Ints
    people: Ints
    bounds: Ints


@compiled
def part(uses: Ints, owner: Ints, ties: Bools, account: Ints, said: Ints, rows: Ints, partitions: int) -> Parts:
    """Part a batch of n events.

    `uses` is (n, kinds): places of links, -1 for none; `owner` and `ties` say of each link whose it is and whether it
    can tie accounts. An event names its account by `account` and by what it says of it, `said`; it is told with `rows`.
    """
    named = _people(account, said)
    starts, event_of, link_of = _by_owner(uses, owner, partitions)
    events = np.empty((len(rows) + 1, len(event_of)), np.int64)
    pairs = np.empty((2, len(event_of)), np.int64)
    links, link_number = np.empty(len(owner), np.int64), np.full(len(owner), -1, np.int64)
    people, person_number = np.empty(len(event_of), np.int64), np.full(len(account), -1, np.int64)
    bounds = np.zeros((partitions + 1, 4), np.int64)
    row = link_count = person_count = 0
    for partition in range(partitions):
        first_row, first_link, first_person = row, link_count, person_count
        last = -1
        for use in range(starts[partition], starts[partition + 1]):
            event, link = event_of[use], link_of[use]
            if event != last:
                for column in range(len(rows)):
                    events[column, row] = rows[column, event]
                events[-1, row] = -1
                row, last = row + 1, event
            if link_number[link] < 0:
                links[link_count], link_number[link] = link, link_count - first_link
                link_count += 1
            pairs[0, use], pairs[1, use] = row - 1 - first_row, link_number[link]
            if ties[link]:
                person = named[event]
                if person_number[person] < 0:
                    people[person_count], person_number[person] = person, person_count - first_person
                    person_count += 1
                events[-1, row - 1] = person_number[person]
        person_number[people[first_person:person_count]] = -1
        bounds[partition + 1] = row, starts[partition + 1], link_count, person_count
    return Parts(events[:, :row], pairs, links[:link_count], people[:person_count], bounds)


@compiled
def _people(account: Ints, said: Ints) -> Ints:
    """Of each event the first that names the same account and says the same of it."""
    found = np.empty(len(account), np.int64)
    newest = np.full(account.max() + 1 if len(account) else 0, -1, np.int64)
    before = np.empty(len(account), np.int64)
    for event in range(len(account)):
        person = newest[account[event]]
        while person >= 0 and said[person] != said[event]:
            person = before[person]
        if person < 0:
            person = event
            before[event], newest[account[event]] = newest[account[event]], event
        found[event] = person
    return found


@compiled
def _by_owner(uses: Ints, owner: Ints, partitions: int) -> tuple[Ints, Ints, Ints]:
    """The uses by the owner of their link, as in the log: where each owner's begin, and of each its event and link."""
    starts = np.zeros(partitions + 1, np.int64)
    for link in uses.flat:
        if link >= 0:
            starts[owner[link] + 1] += 1
    starts = np.cumsum(starts)
    event_of, link_of = np.empty(starts[-1], np.int64), np.empty(starts[-1], np.int64)
    at = starts[:-1].copy()
    for event in range(len(uses)):
        for link in uses[event]:
            if link >= 0:
                event_of[at[owner[link]]], link_of[at[owner[link]]] = event, link
                at[owner[link]] += 1
    return starts, event_of, link_of
