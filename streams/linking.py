"""The links of a batch of events: one record for each partition of links that owns any of them."""

from collections.abc import Iterator, Sequence

import numpy as np

from streams.account_kernel import AT, CAPABILITY, ERROR, INPUT, OUTPUT, REFUSAL
from streams.batch import EventBatch, hashes
from streams.events import RequestEvent
from streams.holders import Ints
from streams.links import LINK_KINDS, Link, LinkKind, Links, Source, Who, link_partition
from streams.windows import MINUTE_MS

_NOTHING = -1


def links_of_batch(
    batch: EventBatch, exempt: Sequence[bool], source: Source, partitions: int
) -> Iterator[tuple[int, Links]]:
    """Each partition of links that owns any link of the batch, in order, with its record."""
    links: dict[Link, int] = {}
    uses = np.stack([_places(batch.events, kind, links) for kind in LINK_KINDS], axis=1)
    use_event, _ = np.nonzero(uses != _NOTHING)
    use_link = uses[uses != _NOTHING]
    table = list(links)
    owners = np.array([link_partition(link.kind, link.value, partitions) for link in table], np.int64)
    whos: dict[Who, int] = {}
    who = np.array(
        [
            whos.setdefault(Who(event.account_id, event.org_id, event.account_created_at_ms, free), len(whos))
            for event, free in zip(batch.events, exempt, strict=True)
        ],
        np.int64,
    )
    people = list(whos)
    columns = batch.columns
    offset = np.array([item.offset for item in batch.items], np.int64)
    network = np.array(hashes(event.network_hash for event in batch.events), np.int64)
    owner = owners[use_link]
    for number in np.unique(owner).tolist():
        mine = owner == number
        events, event_of_use = np.unique(use_event[mine], return_inverse=True)
        own_links, link_of_use = np.unique(use_link[mine], return_inverse=True)
        own_people, account = np.unique(who[events], return_inverse=True)
        yield (
            number,
            Links(
                source_partition=source.partition,
                source_log=source.log,
                source_offset=batch.items[-1].offset,
                appended_at_ms=max(item.appended_at_ms for item in batch.items),
                accounts=[people[place] for place in own_people.tolist()],
                links=[table[place] for place in own_links.tolist()],
                offset=offset[events].tolist(),
                minute=(columns[AT, events] // MINUTE_MS).tolist(),
                account=account.tolist(),
                input_tokens=columns[INPUT, events].tolist(),
                output_tokens=columns[OUTPUT, events].tolist(),
                failed=(columns[ERROR, events] | columns[REFUSAL, events] << 1).tolist(),
                capability=columns[CAPABILITY, events].tolist(),
                network=network[events].tolist(),
                use_event=event_of_use.tolist(),
                use_link=link_of_use.tolist(),
            ),
        )


def _places(events: Sequence[RequestEvent], kind: LinkKind, links: dict[Link, int]) -> Ints:
    """Of each event the place of its link of one kind among `links`, which grows; -1 if it has none."""
    known: dict[object, int] = {None: _NOTHING}
    places = []
    for value in _values(events, kind):
        place = known.get(value)
        if place is None:
            place = known[value] = links[Link(kind, str(value))] = len(links)
        places.append(place)
    return np.array(places, np.int64)


def _values(events: Sequence[RequestEvent], kind: LinkKind) -> list[str | None] | list[int | None]:
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
