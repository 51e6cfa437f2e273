"""Values of foreign logs: exact times whatever the unit, and nothing where a value says nothing."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.normalise.readings import address, count, decoded, first, identifier, moment, names, number, status, text
from streams.events import EARLIEST_MS, LATEST_MS

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
nanos = st.integers(EARLIEST_MS * 10**6, LATEST_MS * 10**6)


@given(nanos)
def test_one_time_is_the_same_in_every_unit_that_can_hold_it(at_ns: int) -> None:
    expected = at_ns // 10**6
    seconds = Decimal(at_ns).scaleb(-9)
    assert moment(at_ns) == moment(str(at_ns)) == expected
    assert moment(at_ns // 10**3) == moment(expected) == expected
    assert moment(seconds) == moment(str(seconds)) == expected


@given(nanos.map(lambda at_ns: at_ns // 10**3), st.integers(-14, 14))
def test_an_iso_time_is_exact_in_every_zone(at_us: int, hours: int) -> None:
    at = EPOCH + timedelta(microseconds=at_us)
    zoned = (at + timedelta(hours=hours)).replace(tzinfo=None).isoformat(timespec="microseconds")
    sign = "+" if hours >= 0 else "-"
    assert moment(f"{zoned}{sign}{abs(hours):02}:00") == at_us // 1000
    plain = at.replace(tzinfo=None)
    assert moment(plain.isoformat(sep=" ", timespec="microseconds")) == at_us // 1000
    assert moment(plain.isoformat(timespec="microseconds") + "Z") == at_us // 1000


@given(st.floats(EARLIEST_MS / 1000, LATEST_MS / 1000))
def test_a_float_of_seconds_is_cut_and_never_rounded(seconds: float) -> None:
    assert moment(seconds) == Fraction(seconds) * 1000 // 1


def test_a_time_in_one_unit_is_none_in_another() -> None:
    bounds = [(EARLIEST_MS * unit // 1000, LATEST_MS * unit // 1000) for unit in (1, 10**3, 10**6, 10**9)]
    assert all(latest < earliest for (_, latest), (earliest, _) in pairwise(bounds))


@pytest.mark.parametrize(
    ("value", "at_ms"),
    [
        ("2025-08-30T16:51:37.894Z", 1756572697894),  # Envoy's %START_TIME%
        ("2025-01-24 09:20:46.847371", 1737710446847),  # LiteLLM, where it writes a datetime
        (1737710446.847371, 1737710446847),
        (Decimal("1737710446.847999999999999999999999999999999"), 1737710446847),
        (1544712660300000000, None),  # 2018: before there was a language model to ask
        (True, None),
        ("", None),
        ("2025-08-30", None),
        ("now", None),
        (-1.0, None),
        (0, None),
        (float("nan"), None),
        (Decimal("1e999999999"), None),
        (Decimal("1e-999999999"), None),
        ("9" * 5000, None),
        ([1737710446], None),
    ],
)
def test_a_time_or_none(value: object, at_ms: int | None) -> None:
    assert moment(value) == at_ms


@pytest.mark.parametrize("nothing", ["", "-", "unknown", "None", "null", " N/A ", None, True, 1.5, [], {}])
def test_what_says_nothing_is_no_name(nothing: object) -> None:
    assert text(nothing) is None
    assert identifier(nothing) is None


def test_a_name_stays_as_it_is_and_a_number_is_one() -> None:
    assert (text("a-7"), text(42), text("zürich")) == ("a-7", "42", "zürich")


def test_a_long_id_is_its_hash_and_a_short_one_itself() -> None:
    assert identifier("x" * 64) == "x" * 64
    long, longer = identifier("x" * 65), identifier("x" * 66)
    assert long == identifier("x" * 65)
    assert long is not None
    assert (len(long), long == longer) == (32, False)


@pytest.mark.parametrize(
    ("value", "found"),
    [(3, 3), ("15", 15), (12.0, 12), (Decimal(7), 7), (12.5, None), (-1, None), (True, None), ("x", None),
     (float("inf"), None), (2**70, None), (Decimal("1e999999"), None)],
)  # fmt: skip
def test_a_count_or_none(value: object, found: int | None) -> None:
    assert count(value) == found


def test_a_status_that_never_was_is_the_client_gone() -> None:
    assert (status(0), status("429"), status(200), status("-")) == (499, 429, 200, None)


def test_a_number_is_a_float() -> None:
    assert (number(Decimal("0.7")), number("1"), number("warm"), number(float("nan"))) == (0.7, 1.0, None, None)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("127.0.0.1:64484", "127.0.0.1"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        (" 192.0.2.1 ", "192.0.2.1"),
        ("192.0.2.1, 10.0.0.1", None),
        ("/run/my.sock", None),
        ("client.example.com", None),
        ("unknown", None),
        ("192.0.2.999:1", None),
        (7, None),
    ],
)
def test_an_address_or_none(value: object, found: str | None) -> None:
    assert address(value) == found


def test_tools_are_named_as_each_api_writes_them() -> None:
    assert names([{"type": "function", "function": {"name": "f"}}, {"name": "g", "input_schema": {}}, "h"]) == list(
        "fgh"
    )
    assert names('[{"type": "function", "name": "f"}]') == ["f"]
    assert (names([]), names("not json"), names({"name": "f"}), names([{"type": "web_search"}])) == (None,) * 4


def test_json_in_text_is_read_and_what_was_cut_short_is_nothing() -> None:
    assert decoded('[{"a": 1}]') == [{"a": 1}]
    assert decoded('["cut \\ud83d"]') == ["cut \ufffd"]
    assert decoded('[{"a": "trunca') is None
    assert decoded([1]) == [1]
    assert (first(["stop", "length"]), first("stop"), first([]), first([3.5])) == ("stop", "stop", None, None)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists))
def test_no_reading_raises(value: object) -> None:
    for reading in (text, identifier, count, number, status, moment, address, first, names):
        reading(value)
