"""The links of a batch of events: one record for each partition of links that owns any of them."""

from collections.abc import Iterator, Sequence

import numpy as np

from streams.batch import EventBatch, Table, hashes, hashes_of
from streams.kernel import AT, CAPABILITY, CREATED, ERROR, INPUT, OUTPUT, REFUSAL
from streams.links import (
    CAPABILITY_BIT,
    LINK_KINDS,
    MARK_ERROR,
    MARK_REFUSAL,
    MARK_YOUNG,
    TYING_KINDS,
    YOUNG_MS,
    Ints,
    Link,
    LinkKind,
    Links,
    Source,
    Who,
    column,
    link_hashes,
)
from streams.windows import MINUTE_MS

_NOTHING = -1


def links_of_batch(
    batch: EventBatch, exempt: Sequence[bool], source: Source, partitions: int
) -> Iterator[tuple[int, Links]]:
    """Each partition of links that owns any link of the batch, in order, with its record."""
    table, hashed, uses = _table(batch)
    if not table:
        return
    use_event, _ = np.nonzero(uses != _NOTHING)
    use_link = uses[uses != _NOTHING]
    ties = np.array([link.kind in TYING_KINDS for link in table], np.bool_)
    people, person = _people(batch, exempt)
    columns = batch.columns
    young = columns[CREATED] >= 0
    young &= columns[AT] - columns[CREATED] < YOUNG_MS
    marks = (
        columns[ERROR] * MARK_ERROR
        | columns[REFUSAL] * MARK_REFUSAL
        | young * MARK_YOUNG
        | columns[CAPABILITY] << CAPABILITY_BIT
    )
    account_hash = np.array(hashes(batch.accounts), np.int64)[batch.account]
    offset = np.array(batch.offsets, np.int64)
    network = hashes_of(batch.network)
    appended_at_ms = int(batch.appended_at_ms.max())
    owner = (hashed % partitions)[use_link]
    for number in np.unique(owner).tolist():
        mine = owner == number
        events, event_of_use = _renumbered(use_event[mine], len(batch))
        links, link_of_use = _renumbered(use_link[mine], len(table))
        tying = event_of_use[ties[use_link[mine]]]
        account = np.full(len(events), _NOTHING)
        own, account[tying] = _renumbered(person[events[tying]], len(people))
        record = Links(
            source_partition=source.partition,
            source_log=source.log,
            source_offset=batch.offsets[-1],
            appended_at_ms=appended_at_ms,
            accounts=[people[place] for place in own.tolist()],
            links=[table[place] for place in links.tolist()],
            link_hash=column(hashed[links]),
            offset=column(offset[events]),
            minute=column(columns[AT, events] // MINUTE_MS),
            account_hash=column(account_hash[events]),
            account=column(account),
            input_tokens=column(columns[INPUT, events]),
            output_tokens=column(columns[OUTPUT, events]),
            marks=column(marks[events]),
            network=column(network[events]),
            use_event=column(event_of_use),
            use_link=column(link_of_use),
        )
        yield number, record


def _table(batch: EventBatch) -> tuple[list[Link], Ints, Ints]:
    """The links of a batch, the hash of each, and of each event and kind the place of its link; -1 if it has none."""
    tables: dict[LinkKind, Table[str] | Table[int]] = {
        "network": batch.network,
        "asn": batch.asn,
        "payment": batch.payment,
        "template": batch.template,
        "tls": batch.tls,
    }
    links: list[Link] = []
    hashed: list[int] = []
    uses = np.empty((len(batch), len(LINK_KINDS)), np.int64)
    for column_of, kind in enumerate(LINK_KINDS):
        values, places = tables[kind].values, tables[kind].places
        names = [str(value) for value in values]
        uses[:, column_of] = np.where(places == _NOTHING, _NOTHING, places + len(links))
        links += [Link(kind, name) for name in names]
        hashed += link_hashes(kind, names)
    return links, np.array(hashed, np.int64), uses


def _people(batch: EventBatch, exempt: Sequence[bool]) -> tuple[list[Who], Ints]:
    """The accounts as events name them, in the order in which they came, and of each event the place of its own."""
    named = (batch.account << 32 | batch.profile) << 1 | np.array(exempt, np.int64)
    kinds, first, kind = np.unique(named, return_index=True, return_inverse=True)
    places: dict[Who, int] = {}
    place = np.empty(len(kinds), np.int64)
    for number in np.argsort(first).tolist():
        event = int(first[number])
        said = batch.profiles[batch.profile[event]]
        who = Who(batch.accounts[batch.account[event]], said.org_id, said.created_at_ms, exempt[event])
        place[number] = places.setdefault(who, len(places))
    return list(places), place[kind]


def _renumbered(places: Ints, size: int) -> tuple[Ints, Ints]:
    """Which of `size` places occur, in order, and each as its number among those."""
    occurs = np.zeros(size, np.bool_)
    occurs[places] = True
    numbers = np.cumsum(occurs) - 1
    return np.flatnonzero(occurs), numbers[places]
