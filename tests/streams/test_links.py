"""What accounts share: who owns a link, and the record in which its uses travel."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from streams.columns import block_of
from streams.compiled import Ints
from streams.distinct import hash32
from streams.links import (
    ACCOUNT,
    CAPABILITY_BIT,
    LINK_KINDS,
    MARK_ERROR,
    MARK_REFUSAL,
    MARK_YOUNG,
    MARKS,
    Link,
    LinkKind,
    Links,
    Source,
    Who,
    link_hash,
    link_partition,
)
from tests.streams.link_bench import links, numbers
from tests.streams.link_uses import Use, each_use


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
HASHES = [numbers([link_hash("payment", "p"), link_hash("template", "t"), link_hash("asn", "1")])]
EVENTS = [
    numbers([39, 41, 42]),
    numbers([29_853_360, 29_853_361, 29_853_361]),
    numbers([hash32("bob"), hash32("alice"), hash32("carol")]),
    numbers([3, 4, 2**40]),
    numbers([5, 6, 0]),
    numbers([MARK_ERROR | MARK_REFUSAL, 7 << CAPABILITY_BIT, MARK_YOUNG]),
    numbers([-1, 2**32 - 1, 0]),
    numbers([1, 0, -1]),
]
USES = [numbers([0, 0, 1, 2]), numbers([1, 0, 1, 2])]
LINKS = Links(
    source_partition=3,
    source_log="k1",
    source_offset=42,
    appended_at_ms=1_791_201_600_000,
    accounts=[ALICE, BOB],
    links=[Link("payment", "p"), Link("template", "t"), Link("asn", "1")],
    link_hashes=block_of(HASHES),
    events=block_of(EVENTS),
    uses=block_of(USES),
)


def test_links_come_back_from_the_bus_as_they_went() -> None:
    again = msgspec.json.decode(msgspec.json.encode(LINKS), type=Links)
    again.check()
    assert again == LINKS
    assert again.source == Source(3, "k1")


def test_the_uses_of_a_record_can_be_read_one_by_one() -> None:
    assert list(each_use(LINKS)) == [
        Use(Link("template", "t"), BOB, 39, 29_853_360, 3, 5, MARK_ERROR | MARK_REFUSAL),
        Use(Link("payment", "p"), BOB, 39, 29_853_360, 3, 5, MARK_ERROR | MARK_REFUSAL),
        Use(Link("template", "t"), ALICE, 41, 29_853_361, 4, 6, 7 << CAPABILITY_BIT),
        Use(Link("asn", "1"), None, 42, 29_853_361, 2**40, 0, MARK_YOUNG),
    ]


def with_row(columns: list[Ints], row: int, values: list[int]) -> bytes:
    """A block of the columns, one of them another."""
    return block_of([numbers(values) if place == row else column for place, column in enumerate(columns)])


@pytest.mark.parametrize(
    "changed",
    [
        {"link_hashes": block_of([numbers([1, 2])])},
        {"link_hashes": b""},
        {"events": b""},
        {"uses": with_row(USES, 0, [0, 0, 1, 3])},
        {"uses": with_row(USES, 0, [-1, 0, 1, 2])},
        {"uses": with_row(USES, 1, [1, 0, 1, 3])},
        {"uses": with_row(USES, 1, [1, 0, 1, -3])},
        {"events": with_row(EVENTS, ACCOUNT, [1, 0, 2])},
        {"events": with_row(EVENTS, ACCOUNT, [1, 0, -2])},
        {"events": with_row(EVENTS, MARKS, [0, 0, 8 << CAPABILITY_BIT])},
        {"events": with_row(EVENTS, MARKS, [0, 0, -1])},
    ],
)
def test_a_record_whose_columns_do_not_fit_together_is_found_out(changed: dict[str, bytes]) -> None:
    with pytest.raises(ValueError, match=r"columns of links|outside its table"):
        replace(LINKS, **changed).check()


@pytest.mark.parametrize("changed", [{"uses": block_of(USES)[:-1]}, {"events": block_of(USES)}, {"link_hashes": b"?"}])
def test_a_record_with_a_broken_block_is_found_out(changed: dict[str, bytes]) -> None:
    with pytest.raises(ValueError, match="a block of columns"):
        replace(LINKS, **changed).check()


def test_a_record_of_nothing_can_be_made() -> None:
    nothing = links([])
    nothing.check()
    assert list(each_use(nothing)) == []
