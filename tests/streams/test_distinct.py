"""The distinct count: exact while it can be, and no further off than theory allows beyond."""

from math import sqrt
from random import Random
from statistics import mean

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.distinct import CAPACITY, Distinct, hash32

HOUR = 497_556
WINDOW_HOURS = 24


def distinct_of(sightings: list[tuple[str, int]], capacity: int = CAPACITY) -> Distinct:
    distinct = Distinct()
    for value, hour in sightings:
        distinct.add(value, hour, capacity=capacity)
    return distinct


def last_seen(sightings: list[tuple[str, int]]) -> dict[str, int]:
    seen: dict[str, int] = {}
    for value, hour in sightings:
        seen[value] = max(hour, seen.get(value, hour))
    return seen


sightings_of_few = st.lists(
    st.tuples(st.integers(0, CAPACITY - 1).map(str), st.integers(HOUR - 60, HOUR + 60)), max_size=200
)


@given(sightings_of_few, st.integers(0, 60))
def test_it_is_exact_for_as_many_values_as_it_holds(sightings: list[tuple[str, int]], later: int) -> None:
    as_of = max((hour for _, hour in sightings), default=HOUR) + later
    expected = sum(1 for hour in last_seen(sightings).values() if as_of - WINDOW_HOURS < hour <= as_of)
    assert distinct_of(sightings).count(as_of) == expected


@given(st.lists(st.lists(st.integers(0, 2_000), max_size=2), max_size=300))
def test_it_is_exact_for_ever_if_one_window_never_holds_more_than_it_can(hours: list[list[int]]) -> None:
    """At most two values an hour are 48 in a window: however many have passed through, none is guessed."""
    sightings = [(str(value), HOUR + index) for index, values in enumerate(hours) for value in values]
    as_of = HOUR + len(hours)
    expected = sum(1 for hour in last_seen(sightings).values() if hour > as_of - WINDOW_HOURS)
    assert distinct_of(sightings).count(as_of) == expected


@given(st.sets(st.integers(), max_size=400), st.randoms(use_true_random=False))
def test_without_expiry_the_order_of_sightings_changes_nothing(values: set[int], random: Random) -> None:
    sightings = [(str(value), HOUR) for value in sorted(values)]
    shuffled = sightings * 2
    random.shuffle(shuffled)
    one, other = distinct_of(sightings), distinct_of(shuffled)
    assert (one.ceiling, one.seen) == (other.ceiling, other.seen)


@pytest.mark.parametrize("capacity", [CAPACITY, 1024])
@pytest.mark.parametrize("size", [2_000, 20_000])
def test_an_estimate_is_off_by_no_more_than_theory_allows(size: int, capacity: int) -> None:
    """k / U(k+1) of n uniform hashes is unbiased, with a relative standard error below 1 / sqrt(k - 1).

    Five standard errors bound one estimate; ten estimates of disjoint sets are held to three of their mean's.
    """
    error = 1 / sqrt(capacity - 1)
    estimates = [
        distinct_of([(f"{salt}/{value}", HOUR) for value in range(size)], capacity).count(HOUR) / size
        for salt in range(10)
    ]
    assert all(abs(estimate - 1) < 5 * error for estimate in estimates)
    assert abs(mean(estimates) - 1) < 3 * error / sqrt(10)


def test_a_value_leaves_when_it_was_not_seen_for_the_window() -> None:
    distinct = distinct_of([("a", HOUR), ("b", HOUR + 5)])
    assert [distinct.count(HOUR + later) for later in (5, 23, 24, 28, 29)] == [2, 2, 1, 1, 0]


def test_a_late_sighting_never_makes_a_value_older() -> None:
    distinct = distinct_of([("a", HOUR), ("a", HOUR - 20)])
    assert distinct.count(HOUR + 23) == 1


def test_a_week_can_be_asked_for_as_well_as_a_day() -> None:
    distinct = Distinct()
    for hour in range(168):
        distinct.add(str(hour), HOUR + hour, window_hours=168, capacity=1024)
    assert distinct.count(HOUR + 167, window_hours=168) == 168
    assert distinct.count(HOUR + 168, window_hours=168) == 167


@pytest.mark.parametrize("flood", [200, 5_000, 100_000])
@pytest.mark.parametrize("calm", [1, 3, 40])
def test_four_windows_after_a_flood_a_few_values_are_counted_exactly_again(flood: int, calm: int) -> None:
    distinct = distinct_of([(f"flood/{value}", HOUR) for value in range(flood)])
    for hour in range(1, 5 * WINDOW_HOURS):
        for value in range(calm):
            distinct.add(f"calm/{value}", HOUR + hour)
    assert distinct.count(HOUR + 5 * WINDOW_HOURS) == calm


def test_a_steady_crowd_is_estimated_within_bounds_at_every_hour() -> None:
    """Raising the ceiling halves no estimate: 500 values in every window, all of them new in each, for 60 days."""
    distinct = Distinct()
    counts = []
    for hour in range(60 * WINDOW_HOURS):
        for value in range(21):
            distinct.add(f"{hour}/{value}", HOUR + hour)
        counts.append(distinct.count(HOUR + hour))
    settled = counts[WINDOW_HOURS:]
    assert all(abs(count / 504 - 1) < 5 / sqrt(CAPACITY / 2 - 1) for count in settled)
    assert abs(mean(settled) / 504 - 1) < 1 / sqrt(CAPACITY - 1)


@given(sightings_of_few, sightings_of_few)
def test_one_that_was_stored_goes_on_as_if_it_had_not_been(
    before: list[tuple[str, int]], after: list[tuple[str, int]]
) -> None:
    distinct = distinct_of(before, capacity=16)
    restored = msgspec.msgpack.decode(msgspec.msgpack.encode(distinct), type=Distinct)
    assert restored == distinct
    for value, hour in after:
        distinct.add(value, hour, capacity=16)
        restored.add(value, hour, capacity=16)
    assert msgspec.msgpack.encode(restored) == msgspec.msgpack.encode(distinct)


few_hashes = st.sets(st.integers(0, 60), max_size=20)
batches_of_hashes = st.lists(st.tuples(st.sampled_from([0, 0, 1, 5, 24, 30, -7]), few_hashes), max_size=8)
"""Of each batch how many hours later it came, and the hashes in it: enough of them to fill a sketch of eight."""


@given(batches_of_hashes, st.randoms(use_true_random=False))
def test_hashes_added_together_are_as_added_one_by_one(batches: list[tuple[int, set[int]]], random: Random) -> None:
    """In any order, unless the ceiling is due to rise: then in theirs, because the first to rise it makes the room."""
    together, singly = Distinct(), Distinct()
    hour = HOUR
    for later, keys in batches:
        hour += later
        order = sorted(keys)
        if singly.ceiling == Distinct().ceiling or hour - singly.ceiling_hour < WINDOW_HOURS:
            random.shuffle(order)
        changed = [singly.add_hash(key, hour, capacity=8) for key in order]
        assert together.add_hashes(keys, hour, capacity=8) == any(changed)
        assert together == singly


@given(batches_of_hashes)
def test_hashes_from_the_ceiling_on_change_nothing(batches: list[tuple[int, set[int]]]) -> None:
    every, below = Distinct(), Distinct()
    hour = HOUR
    for later, keys in batches:
        hour += later
        ceiling = below.ceiling_at(hour)
        changed = below.add_hashes({key for key in keys if key < ceiling}, hour, capacity=8)
        assert (every.add_hashes(keys, hour, capacity=8), every) == (changed, below)


@given(batches_of_hashes, st.randoms(use_true_random=False))
def test_the_order_in_which_hashes_are_given_together_changes_nothing(
    batches: list[tuple[int, set[int]]], random: Random
) -> None:
    one, other = Distinct(), Distinct()
    hour = HOUR
    for later, keys in batches:
        hour += later
        shuffled = sorted(keys)
        random.shuffle(shuffled)
        one.add_hashes(sorted(keys), hour, capacity=8)
        other.add_hashes(shuffled, hour, capacity=8)
        assert one == other


def test_a_value_is_added_by_its_hash() -> None:
    by_value, by_hash = Distinct(), Distinct()
    assert by_value.add("a", HOUR) is by_hash.add_hash(hash32("a"), HOUR) is True
    assert by_value.add("a", HOUR) is by_hash.add_hashes([hash32("a")], HOUR) is False
    assert by_value == by_hash


@given(st.lists(st.tuples(st.text(), st.integers(0, 10_000)), max_size=300))
def test_it_never_holds_more_than_its_capacity(sightings: list[tuple[str, int]]) -> None:
    assert len(distinct_of(sightings, capacity=16).seen) <= 16
