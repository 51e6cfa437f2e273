"""What accounts share: who owns a link, and the record in which its uses travel."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.links import LINK_KINDS, Link, LinkKind, Links, Source, Use, Who, link_hash, link_partition


@given(st.sampled_from(LINK_KINDS), st.text(), st.integers(1, 64))
def test_every_link_has_one_owner_among_the_partitions(kind: LinkKind, value: str, partitions: int) -> None:
    owner = link_partition(kind, value, partitions)
    assert 0 <= owner < partitions
    assert owner == link_partition(kind, value, partitions)


@pytest.mark.parametrize(
    ("kind", "value", "owner"), [("payment", "p-1", 6), ("template", "0123456789abcdef", 5), ("asn", "64500", 1)]
)
def test_the_owner_never_changes_from_version_to_version(kind: LinkKind, value: str, owner: int) -> None:
    """A link that changed its partition would start from nothing. Golden."""
    assert link_partition(kind, value, 8) == owner


def test_links_spread_over_the_partitions() -> None:
    owners = [link_partition("template", f"{number:016x}", 8) for number in range(8_000)]
    assert all(800 < owners.count(partition) < 1_200 for partition in range(8))


@given(st.text())
def test_links_of_two_kinds_are_two_links_whatever_they_are_called(value: str) -> None:
    hashes = {link_hash(kind, value) for kind in LINK_KINDS}
    assert len(hashes) == len(LINK_KINDS)
    assert all(0 <= hashed < 2**63 for hashed in hashes)


@pytest.mark.parametrize(("source", "name"), [(Source(3), "/3"), (Source(3, "k1"), "k1/3")])
def test_a_source_is_known_by_its_log_and_its_partition(source: Source, name: str) -> None:
    assert source.name == name


ALICE, BOB = Who("alice", "o", 7, exempt=False), Who("bob", None, None, exempt=True)
LINKS = Links(
    source_partition=3,
    source_log="k1",
    source_offset=41,
    appended_at_ms=1_791_201_600_000,
    accounts=[ALICE, BOB],
    links=[Link("payment", "p"), Link("template", "t")],
    link_hash=[link_hash("payment", "p"), link_hash("template", "t")],
    offset=[39, 41],
    minute=[29_853_360, 29_853_361],
    account=[1, 0],
    input_tokens=[3, 4],
    output_tokens=[5, 6],
    failed=[3, 0],
    capability=[0, 7],
    network=[-1, 2**32 - 1],
    use_event=[0, 0, 1],
    use_link=[1, 0, 1],
)


def test_links_come_back_from_the_bus_as_they_went() -> None:
    assert msgspec.json.decode(msgspec.json.encode(LINKS), type=Links) == LINKS
    assert LINKS.source == Source(3, "k1")


@pytest.mark.parametrize(
    "change",
    [
        {"minute": [29_853_360]},
        {"network": []},
        {"link_hash": [1]},
        {"use_link": [1, 0]},
        {"use_link": [1, 0, 2]},
        {"use_event": [0, 0, 2]},
        {"account": [1, 2]},
        {"capability": [0, 8]},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_record_whose_columns_do_not_fit_together_is_refused_when_it_is_read(change: dict[str, list[int]]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(msgspec.json.encode(msgspec.to_builtins(LINKS) | change), type=Links)


def test_the_uses_of_a_record_can_be_read_one_by_one() -> None:
    assert list(LINKS.uses()) == [
        Use(Link("template", "t"), BOB, 39, 29_853_360, 3, 5, error=1, refusal=1, capability=0),
        Use(Link("payment", "p"), BOB, 39, 29_853_360, 3, 5, error=1, refusal=1, capability=0),
        Use(Link("template", "t"), ALICE, 41, 29_853_361, 4, 6, error=0, refusal=0, capability=7),
    ]
