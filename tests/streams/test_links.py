"""What accounts share: which links an event has, and who owns them."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.events import RequestEvent
from streams.links import LINK_KINDS, LinkDelta, Links, link_partition, links_of

BARE = RequestEvent(
    event_id="e", occurred_at_ms=1_791_201_600_000, account_id="a", operation="chat", request_model="model"
)


def test_an_event_has_a_link_for_each_thing_it_names() -> None:
    full = msgspec.structs.replace(
        BARE, network_hash="n", asn=64500, payment_hash="p", template_hash="t", tls_fingerprint="f"
    )
    assert list(links_of(full)) == [
        ("network", "n"),
        ("asn", "64500"),
        ("payment", "p"),
        ("template", "t"),
        ("tls", "f"),
    ]
    assert tuple(kind for kind, _ in links_of(full)) == LINK_KINDS


def test_what_an_event_does_not_name_ties_nobody() -> None:
    assert list(links_of(BARE)) == []


@given(st.sampled_from(LINK_KINDS), st.text(), st.integers(1, 64))
def test_every_link_has_one_owner_among_the_partitions(kind: str, value: str, partitions: int) -> None:
    known = next(one for one in LINK_KINDS if one == kind)
    owner = link_partition(known, value, partitions)
    assert 0 <= owner < partitions
    assert owner == link_partition(known, value, partitions)


@pytest.mark.parametrize(
    ("kind", "value", "owner"), [("payment", "p-1", 2), ("template", "0123456789abcdef", 0), ("asn", "64500", 6)]
)
def test_the_owner_never_changes_from_version_to_version(kind: str, value: str, owner: int) -> None:
    """A link that changed its partition would start from nothing. Golden."""
    known = next(one for one in LINK_KINDS if one == kind)
    assert link_partition(known, value, 8) == owner


def test_links_spread_over_the_partitions() -> None:
    owners = [link_partition("template", f"{number:016x}", 8) for number in range(8_000)]
    assert all(800 < owners.count(partition) < 1_200 for partition in range(8))


def test_deltas_come_back_from_the_bus_as_they_went() -> None:
    delta = LinkDelta("payment", "p", "a", 29_853_360, 2, 3, 4, 0, 1, {0: 2}, None, "o", None, exempt=False)
    links = Links(3, 41, 1_791_201_600_000, [delta])
    assert msgspec.json.decode(msgspec.json.encode(links), type=Links) == links
