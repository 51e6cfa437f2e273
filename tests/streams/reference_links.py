"""What an event shares, one link after the other: what the columns of `streams.linking` must say."""

from collections.abc import Iterator

from streams.events import RequestEvent
from streams.links import LinkKind


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
