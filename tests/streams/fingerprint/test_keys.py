"""Keyed hashes: what must be equal, what must differ."""

import hashlib
import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.fingerprint.keys import Field, Keys

KEYS = Keys(b"0123456789abcdef")


def test_a_key_below_16_bytes_is_refused_with_its_length() -> None:
    with pytest.raises(ValueError, match="has 15 bytes; it needs at least 16"):
        Keys(b"x" * 15)


def test_every_byte_of_a_long_key_counts() -> None:
    assert Keys(b"k" * 200 + b"a").hash("template", "x") != Keys(b"k" * 200 + b"b").hash("template", "x")


def test_the_same_text_in_two_fields_does_not_match() -> None:
    fields: tuple[Field, ...] = ("address", "network", "user_agent", "template", "word")
    assert len({KEYS.hash(field, "same") for field in fields}) == len(fields)


def test_a_hash_has_16_hexadecimal_digits_and_is_not_the_plain_hash() -> None:
    hashed = KEYS.hash("address", "192.0.2.1")
    assert len(bytes.fromhex(hashed)) == 8
    assert hashed != hashlib.blake2b(b"192.0.2.1", digest_size=8).hexdigest()


def test_another_key_gives_other_hashes() -> None:
    assert KEYS.hash("address", "192.0.2.1") != Keys(b"fedcba9876543210").hash("address", "192.0.2.1")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("192.0.2.7", "::ffff:192.0.2.7"),
        ("192.0.2.7", " 192.0.2.7 "),
        ("2001:db8::1", "2001:0DB8:0:0:0:0:0:1"),
        ("fe80::1", "fe80::1%eth0"),
    ],
)
def test_two_spellings_of_one_address_are_one_address(one: str, other: str) -> None:
    assert KEYS.address(one) == KEYS.address(other)


@pytest.mark.parametrize("text", ["", "not an address", "10.0.0.0/8", "1.2.3", "01.2.3.4", "\ud800", "x" * 10_000])
def test_what_is_no_address_is_hashed_as_text_and_has_no_network(text: str) -> None:
    hashed, network = KEYS.address(text)
    assert hashed == KEYS.hash("address", text.strip())
    assert network is None


@given(st.ip_addresses(v=4), st.ip_addresses(v=4))
def test_ipv4_networks_match_exactly_when_the_first_24_bits_do(
    one: ipaddress.IPv4Address, other: ipaddress.IPv4Address
) -> None:
    same = KEYS.address(str(one))[1] == KEYS.address(str(other))[1]
    assert same == (int(one) >> 8 == int(other) >> 8)


@given(st.ip_addresses(v=6), st.integers(0, 2**80 - 1))
def test_ipv6_networks_are_48_bits(address: ipaddress.IPv6Address, host: int) -> None:
    neighbour = ipaddress.IPv6Address(int(address) >> 80 << 80 | host)
    assume_plain = address.ipv4_mapped is None and neighbour.ipv4_mapped is None
    if assume_plain:
        assert KEYS.address(str(address))[1] == KEYS.address(str(neighbour))[1]
