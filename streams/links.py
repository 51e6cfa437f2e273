"""Links: what accounts share (a network prefix, an ASN, a payment method, a template, a TLS fingerprint).

`observe` turns each batch of events into link deltas, sums per (link, account, minute); `networks` adds them up
per link. Sums are the same however the log was cut into batches.
"""

from collections.abc import Iterator
from typing import Annotated, Literal

import xxhash
from msgspec import Meta, Struct

from streams.events import RequestEvent

LinkKind = Literal["network", "asn", "payment", "template", "tls"]
LINK_KINDS: tuple[LinkKind, ...] = ("network", "asn", "payment", "template", "tls")

NonNegative = Annotated[int, Meta(ge=0)]


class LinkDelta(Struct, array_like=True, gc=False):
    """What one account did over one link in one minute, as far as one batch saw it.

    `capabilities` maps the position in `CAPABILITIES` to requests. `exempt`: the
    policy's allowlist has the account, so it is counted and never a member. Mutable while `observe` sums; a plain
    value once it is emitted.
    """

    kind: LinkKind
    value: str
    account_id: str
    minute: int
    requests: int
    input_tokens: int
    output_tokens: int
    errors: int
    refusals: int
    capabilities: dict[int, int]
    account_created_at_ms: int | None
    org_id: str | None
    network_hash: str | None
    exempt: bool


class Links(Struct, frozen=True):
    """A record on `stillwatch.links`: the deltas that one batch of `observe` has for one partition of links.

    `source_offset` is the last offset of the batch in partition `source_partition` of the requests; the reader
    keeps the highest it has applied of each source and drops what it has seen. `appended_at_ms` is when the log took
    the newest event of the batch, from which the delay of what follows is measured.
    """

    source_partition: NonNegative
    source_offset: NonNegative
    appended_at_ms: int
    deltas: list[LinkDelta]


def links_of(event: RequestEvent) -> Iterator[tuple[LinkKind, str]]:
    """The links of one event: up to five (kind, value)."""
    if event.network_hash is not None:
        yield "network", event.network_hash
    if event.asn is not None:
        yield "asn", str(event.asn)
    if event.payment_hash is not None:
        yield "payment", event.payment_hash
    if event.template_hash is not None:
        yield "template", event.template_hash
    if event.tls_fingerprint is not None:
        yield "tls", event.tls_fingerprint


def link_partition(kind: LinkKind, value: str, partitions: int) -> int:
    """The partition of `stillwatch.links` that owns a link; stable over processes and versions."""
    return int(xxhash.xxh32_intdigest(f"{kind}:{value}".encode())) % partitions
