"""The links of a batch of events: one record for each partition of links that owns any of them."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from streams.batch import EventBatch, Table, hashes_of
from streams.columns import pack
from streams.compiled import Bools, Ints
from streams.kernel import AT, CAPABILITY, CREATED, ERROR, INPUT, OUTPUT, REFUSAL
from streams.links import (
    ACCOUNT_HASH,
    CAPABILITY_BIT,
    EVENT_COLUMNS,
    INPUT_TOKENS,
    LINK_KINDS,
    MARK_ERROR,
    MARK_REFUSAL,
    MARK_YOUNG,
    MARKS,
    MINUTE,
    NETWORK,
    OFFSET,
    OUTPUT_TOKENS,
    TYING_KINDS,
    YOUNG_MS,
    Link,
    LinkKind,
    Links,
    Source,
    Who,
    link_hashes,
)
from streams.parting import part
from streams.windows import MINUTE_MS

_NOTHING = -1


def links_of_batch(
    batch: EventBatch, exempt: Sequence[bool], unpaid: Bools, source: Source, partitions: int
) -> Iterator[tuple[int, Links]]:
    """Each partition of links that owns any link of the batch, in order, with its record.

    Of each event whether the allowlist has its account, and whether its payment instrument is none (`streams.payers`).
    """
    table, hashed, uses = _table(batch, unpaid)
    if not table:
        return
    said = _said(batch, exempt, unpaid)
    ties = np.array([link.kind in TYING_KINDS for link in table], np.bool_)
    parts = part(uses, hashed % partitions, ties, batch.account, said, _rows(batch), partitions)
    begins = parts.bounds.T.copy()
    events, events_at = pack(parts.events, begins[0])
    pairs, pairs_at = pack(parts.uses, begins[1])
    hashes_used, hashes_at = pack(hashed[parts.links].reshape(1, -1), begins[2])
    links, people = parts.links.tolist(), _people(batch, exempt, unpaid, parts.people.tolist())
    appended_at_ms = int(batch.appended_at_ms.max())
    at = (begins[2], begins[3], events_at, pairs_at, hashes_at)
    for number, bounds in enumerate(zip(*(pairwise(starts.tolist()) for starts in at), strict=True)):
        of_links, of_people, of_events, of_pairs, of_hashes = (slice(*pair) for pair in bounds)
        if of_links.start < of_links.stop:
            record = Links(
                source_partition=source.partition,
                source_log=source.log,
                source_offset=batch.offsets[-1],
                appended_at_ms=appended_at_ms,
                accounts=people[of_people],
                links=[table[place] for place in links[of_links]],
                link_hashes=hashes_used[of_hashes].tobytes(),
                events=events[of_events].tobytes(),
                uses=pairs[of_pairs].tobytes(),
            )
            yield number, record


def _rows(batch: EventBatch) -> Ints:
    """What is told of each event, but for the place of its account, which comes last."""
    columns = batch.columns
    young = columns[CREATED] >= 0
    young &= columns[AT] - columns[CREATED] < YOUNG_MS
    rows = np.empty((EVENT_COLUMNS - 1, len(batch)), np.int64)
    rows[OFFSET] = batch.offsets
    rows[MINUTE] = columns[AT] // MINUTE_MS
    rows[ACCOUNT_HASH] = batch.account_hashes
    rows[INPUT_TOKENS], rows[OUTPUT_TOKENS] = columns[INPUT], columns[OUTPUT]
    rows[MARKS] = (
        columns[ERROR] * MARK_ERROR
        | columns[REFUSAL] * MARK_REFUSAL
        | young * MARK_YOUNG
        | columns[CAPABILITY] << CAPABILITY_BIT
    )
    rows[NETWORK] = hashes_of(batch.network)
    return rows


def _said(batch: EventBatch, exempt: Sequence[bool], unpaid: Bools) -> Ints:
    """What each event says of its account as far as a link asks, as a number for each thing that can be said."""
    known: dict[tuple[str | None, int | None, str | None], int] = {}
    said = [known.setdefault((it.org_id, it.created_at_ms, it.payment_hash), len(known)) for it in batch.profiles]
    return np.array(said, np.int64)[batch.profile] << 2 | np.array(exempt, np.int64) << 1 | unpaid


def _people(batch: EventBatch, exempt: Sequence[bool], unpaid: Bools, events: Sequence[int]) -> list[Who]:
    """The accounts as these events name them."""
    names, profiles = batch.accounts, batch.profiles
    account, profile = batch.account[events].tolist(), batch.profile[events].tolist()
    return [
        Who(names[of], it.org_id, it.created_at_ms, exempt[event], None if unpaid[event] else it.payment_hash)
        for event, of, it in zip(events, account, [profiles[says] for says in profile], strict=True)
    ]


def _table(batch: EventBatch, unpaid: Bools) -> tuple[list[Link], Ints, Ints]:
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
        if kind == "payment":
            places = np.where(unpaid, _NOTHING, places)
        names = [str(value) for value in values]
        uses[:, column_of] = np.where(places == _NOTHING, _NOTHING, places + len(links))
        sketches = [batch.sketches[name] for name in names] if kind == "template" else [None] * len(names)
        links += [Link(kind, name, sketch) for name, sketch in zip(names, sketches, strict=True)]
        hashed += link_hashes(kind, names)
    return links, np.array(hashed, np.int64), uses
