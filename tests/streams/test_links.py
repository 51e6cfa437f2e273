"""What accounts share: who owns a link, and the record in which its uses travel."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from streams.distinct import hash32
from streams.links import (
    CAPABILITY_BIT,
    LINK_KINDS,
    MARK_ERROR,
    MARK_REFUSAL,
    MARK_YOUNG,
    Link,
    LinkKind,
    Links,
    Source,
    Use,
    Who,
    ints,
    link_hash,
    link_partition,
)
from tests.streams.link_bench import links, numbers


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
    source_offset=42,
    appended_at_ms=1_791_201_600_000,
    accounts=[ALICE, BOB],
    links=[Link("payment", "p"), Link("template", "t"), Link("asn", "1")],
    link_hash=numbers([link_hash("payment", "p"), link_hash("template", "t"), link_hash("asn", "1")]),
    offset=numbers([39, 41, 42]),
    minute=numbers([29_853_360, 29_853_361, 29_853_361]),
    account_hash=numbers([hash32("bob"), hash32("alice"), hash32("carol")]),
    account=numbers([1, 0, -1]),
    input_tokens=numbers([3, 4, 2**40]),
    output_tokens=numbers([5, 6, 0]),
    marks=numbers([MARK_ERROR | MARK_REFUSAL, 7 << CAPABILITY_BIT, MARK_YOUNG]),
    network=numbers([-1, 2**32 - 1, 0]),
    use_event=numbers([0, 0, 1, 2]),
    use_link=numbers([1, 0, 1, 2]),
)


def test_links_come_back_from_the_bus_as_they_went() -> None:
    again = msgspec.json.decode(msgspec.json.encode(LINKS), type=Links)
    assert again == LINKS
    assert again.source == Source(3, "k1")


@given(st.lists(st.integers(-(2**63), 2**63 - 1)))
def test_a_column_holds_any_numbers_of_64_bits(values: list[int]) -> None:
    assert ints(numbers(values)).tolist() == values


def test_the_uses_of_a_record_can_be_read_one_by_one() -> None:
    assert list(LINKS.uses()) == [
        Use(Link("template", "t"), BOB, 39, 29_853_360, 3, 5, MARK_ERROR | MARK_REFUSAL),
        Use(Link("payment", "p"), BOB, 39, 29_853_360, 3, 5, MARK_ERROR | MARK_REFUSAL),
        Use(Link("template", "t"), ALICE, 41, 29_853_361, 4, 6, 7 << CAPABILITY_BIT),
        Use(Link("asn", "1"), None, 42, 29_853_361, 2**40, 0, MARK_YOUNG),
    ]


@pytest.mark.parametrize(
    ("column_name", "values"),
    [
        ("minute", [1, 2]),
        ("account_hash", [1, 2, 3, 4]),
        ("account", [1, 0]),
        ("input_tokens", []),
        ("output_tokens", [1]),
        ("marks", [0, 0]),
        ("network", [1]),
        ("link_hash", [1, 2]),
        ("use_link", [1, 0, 1]),
        ("use_event", [0, 0, 1]),
        ("use_event", [0, 0, 1, 3]),
        ("use_event", [-1, 0, 1, 2]),
        ("use_link", [1, 0, 1, 3]),
        ("use_link", [1, 0, 1, -3]),
        ("account", [1, 0, 2]),
        ("marks", [0, 0, 8 << CAPABILITY_BIT]),
        ("marks", [0, 0, -1]),
    ],
)
def test_a_record_whose_columns_do_not_fit_together_cannot_be_made(column_name: str, values: list[int]) -> None:
    with pytest.raises(ValueError, match=r"columns of|outside its table"):
        replace(LINKS, **{column_name: numbers(values)})


@given(st.lists(st.integers(7, 7 + 255), min_size=1))
def test_a_column_of_close_numbers_takes_a_byte_each(values: list[int]) -> None:
    assert len(numbers(values)) == 9 + len(values)


def test_a_column_that_ends_in_the_middle_of_a_number_is_said_to_be_broken() -> None:
    with pytest.raises(ValueError, match="buffer size"):
        ints(numbers([0, 300])[:-1])


@pytest.mark.parametrize("values", [b"\0", b"\0" * 8, b"\0" * 9, b"\0" * 8 + b"\3abc"])
def test_a_column_that_begins_as_none_does_is_said_to_be_broken(values: bytes) -> None:
    with pytest.raises(ValueError, match="does not begin as columns do"):
        ints(values)


def test_a_record_of_nothing_can_be_made() -> None:
    nothing = links([])
    assert list(nothing.uses()) == []
