"""The links of a batch of events: one record for each partition of links that owns any of them."""

from collections.abc import Iterator, Sequence

import numpy as np

from streams.account_kernel import AT, CAPABILITY, CREATED, ERROR, INPUT, OUTPUT, REFUSAL
from streams.batch import EventBatch, hashes
from streams.events import RequestEvent
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
    link_hash,
)
from streams.windows import MINUTE_MS

_NOTHING = -1


def links_of_batch(
    batch: EventBatch, exempt: Sequence[bool], source: Source, partitions: int
) -> Iterator[tuple[int, Links]]:
    """Each partition of links that owns any link of the batch, in order, with its record."""
    table: list[Link] = []
    uses = np.stack([_places(batch.events, kind, table) for kind in LINK_KINDS], axis=1)
    if not table:
        return
    use_event, _ = np.nonzero(uses != _NOTHING)
    use_link = uses[uses != _NOTHING]
    hashed = np.array([link_hash(link.kind, link.value) for link in table], np.int64)
    ties = np.array([link.kind in TYING_KINDS for link in table], np.bool_)
    people, person = _people(batch.events, exempt)
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
    offset = np.array([item.offset for item in batch.items], np.int64)
    network = np.array(hashes([event.network_hash for event in batch.events]), np.int64)
    appended_at_ms = max(item.appended_at_ms for item in batch.items)
    owner = (hashed % partitions)[use_link]
    for number in np.unique(owner).tolist():
        mine = owner == number
        events, event_of_use = _renumbered(use_event[mine], len(batch.events))
        links, link_of_use = _renumbered(use_link[mine], len(table))
        tying = event_of_use[ties[use_link[mine]]]
        account = np.full(len(events), _NOTHING)
        own, account[tying] = _renumbered(person[events[tying]], len(people))
        record = Links(
            source_partition=source.partition,
            source_log=source.log,
            source_offset=batch.items[-1].offset,
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


def _places(events: Sequence[RequestEvent], kind: LinkKind, table: list[Link]) -> Ints:
    """Of each event the place of its link of one kind in `table`, which grows; -1 if it has none."""
    values = _values(events, kind)
    known: dict[str | int | None, int] = dict.fromkeys(values, _NOTHING)
    for value in known:
        if value is not None:
            known[value] = len(table)
            table.append(Link(kind, str(value)))
    return np.array([known[value] for value in values], np.int64)


def _values(events: Sequence[RequestEvent], kind: LinkKind) -> Sequence[str | int | None]:
    match kind:
        case "network":
            return [event.network_hash for event in events]
        case "asn":
            return [event.asn for event in events]
        case "payment":
            return [event.payment_hash for event in events]
        case "template":
            return [event.template_hash for event in events]
        case "tls":
            return [event.tls_fingerprint for event in events]


def _people(events: Sequence[RequestEvent], exempt: Sequence[bool]) -> tuple[list[Who], Ints]:
    """The accounts as events name them, each once, and of each event the place of its own."""
    places: dict[tuple[str, str | None, int | None, bool], int] = {}
    person = [
        places.setdefault((event.account_id, event.org_id, event.account_created_at_ms, spared), len(places))
        for event, spared in zip(events, exempt, strict=True)
    ]
    return [Who(*who) for who in places], np.array(person, np.int64)


def _renumbered(places: Ints, size: int) -> tuple[Ints, Ints]:
    """Which of `size` places occur, in order, and each as its number among those."""
    occurs = np.zeros(size, np.bool_)
    occurs[places] = True
    numbers = np.cumsum(occurs) - 1
    return np.flatnonzero(occurs), numbers[places]
