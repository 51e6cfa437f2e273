"""Windows against a list of everything that happened: slow, and obviously right."""

from collections.abc import Sequence
from itertools import product
from random import Random
from typing import NamedTuple

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.windows import DAY_MS, HOUR_MS, MINUTE_MS, SPANS, Counts, Resolution, Windows
from tests.streams.reference_windows import count

NOON_MS = 1_791_201_600_000
"""2026-10-05T12:00:00Z: the start of a minute and of an hour, not of a day."""


class Happened(NamedTuple):
    at_ms: int
    counts: Counts


def total_of(history: Sequence[Happened], resolution: Resolution, as_of_ms: int, buckets: int) -> Counts:
    """The sum over the last `buckets` buckets, from the history alone."""
    width, _ = SPANS[resolution]
    end_ms = (as_of_ms // width + 1) * width
    inside = [counts for at_ms, counts in history if end_ms - buckets * width <= at_ms < end_ms]
    return Counts(
        sum(counts.requests for counts in inside),
        sum(counts.input_tokens for counts in inside),
        sum(counts.output_tokens for counts in inside),
        sum(counts.errors for counts in inside),
        sum(counts.refusals for counts in inside),
    )


def windows_of(history: Sequence[Happened]) -> Windows:
    windows = Windows()
    for at_ms, counts in history:
        count(windows, at_ms, counts)
    return windows


def every_question() -> list[tuple[Resolution, int]]:
    return [(resolution, buckets) for resolution, (_, kept) in SPANS.items() for buckets in range(1, kept + 1)]


small = st.integers(0, 1_000)
counts_strategy = st.builds(Counts, st.integers(0, 3), small, small, st.integers(0, 1), st.integers(0, 1))
steps = st.one_of(
    st.integers(0, 3 * MINUTE_MS),
    st.integers(-2 * HOUR_MS, 2 * HOUR_MS),
    st.integers(-3 * DAY_MS, 3 * DAY_MS),
    st.integers(0, 40 * DAY_MS),
    st.sampled_from(
        [0, 1, -1, MINUTE_MS, HOUR_MS, DAY_MS, 60 * MINUTE_MS - 1, 24 * HOUR_MS, 28 * DAY_MS, -28 * DAY_MS]
    ),
)


@st.composite
def histories(draw: st.DrawFn) -> list[Happened]:
    """Events in the order of arrival: bursts, pauses of weeks, and late ones of any lateness."""
    at_ms = NOON_MS + draw(st.integers(0, DAY_MS))
    history = []
    for step in draw(st.lists(steps, max_size=30)):
        at_ms += step
        history.append(Happened(at_ms, draw(counts_strategy)))
    return history


@given(histories(), st.one_of(st.integers(0, 2 * HOUR_MS), st.integers(0, 40 * DAY_MS)))
def test_every_window_as_of_now_or_later_equals_the_sum_over_what_happened(history: list[Happened], later: int) -> None:
    windows = windows_of(history)
    as_of_ms = windows.newest_ms + later
    for resolution, buckets in every_question():
        assert windows.total(resolution, as_of_ms, buckets) == total_of(history, resolution, as_of_ms, buckets)


@given(histories(), st.one_of(st.integers(0, 2 * HOUR_MS), st.integers(0, 40 * DAY_MS)))
def test_a_window_as_of_the_past_is_exact_as_far_back_as_buckets_are_kept(history: list[Happened], ago: int) -> None:
    windows = windows_of(history)
    as_of_ms = max(0, windows.newest_ms - ago)
    for resolution, buckets in every_question():
        width, kept = SPANS[resolution]
        if as_of_ms // width - buckets >= windows.newest_ms // width - kept:
            assert windows.total(resolution, as_of_ms, buckets) == total_of(history, resolution, as_of_ms, buckets)


@given(histories(), st.randoms(use_true_random=False))
def test_the_order_of_arrival_never_changes_a_count(history: list[Happened], random: Random) -> None:
    shuffled = list(history)
    random.shuffle(shuffled)
    one, other = windows_of(history), windows_of(shuffled)
    for resolution, buckets in every_question():
        assert one.total(resolution, one.newest_ms, buckets) == other.total(resolution, one.newest_ms, buckets)


@given(histories(), histories())
def test_windows_that_were_stored_go_on_as_if_they_had_not_been(before: list[Happened], after: list[Happened]) -> None:
    windows = windows_of(before)
    restored = msgspec.msgpack.decode(msgspec.msgpack.encode(windows), type=Windows)
    assert restored == windows
    for at_ms, counts in after:
        assert count(restored, at_ms, counts) == count(windows, at_ms, counts)
    assert msgspec.msgpack.encode(restored) == msgspec.msgpack.encode(windows)


@given(histories())
def test_an_event_is_late_if_an_event_of_a_later_minute_came_before_it(history: list[Happened]) -> None:
    windows = Windows()
    for index, (at_ms, counts) in enumerate(history):
        newest = max((earlier.at_ms for earlier in history[:index]), default=0)
        assert count(windows, at_ms, counts) == (at_ms // MINUTE_MS < newest // MINUTE_MS)


@given(histories())
def test_what_is_kept_is_bounded(history: list[Happened]) -> None:
    windows = windows_of(history)
    for resolution, (_, kept) in SPANS.items():
        assert len(windows.buckets(resolution)) <= kept


@pytest.mark.parametrize(("resolution", "behind"), list(product(SPANS, ["inside", "outside"])))
def test_an_event_leaves_its_window_when_its_bucket_does(resolution: Resolution, behind: str) -> None:
    width, kept = SPANS[resolution]
    start_ms = NOON_MS // width * width
    windows = windows_of([Happened(start_ms, Counts(1))])
    last_moment_ms = start_ms + kept * width - 1
    as_of_ms = last_moment_ms if behind == "inside" else last_moment_ms + 1
    assert windows.total(resolution, as_of_ms).requests == (behind == "inside")


@pytest.mark.parametrize("resolution", SPANS)
def test_an_event_too_late_for_a_window_is_not_counted_in_it(resolution: Resolution) -> None:
    width, kept = SPANS[resolution]
    windows = windows_of([Happened(NOON_MS, Counts(1)), Happened(NOON_MS - kept * width, Counts(1))])
    assert windows.total(resolution, NOON_MS).requests == 1


def test_more_buckets_than_are_kept_are_as_many_as_are_kept() -> None:
    windows = windows_of([Happened(NOON_MS - 59 * MINUTE_MS, Counts(1)), Happened(NOON_MS, Counts(1))])
    assert windows.total("minutes", NOON_MS, 10_000) == windows.total("minutes", NOON_MS) == Counts(2)


def test_a_window_keeps_no_hold_on_the_counts_it_was_given() -> None:
    counts = Counts(1, 10, 20, 0, 1)
    windows = windows_of([Happened(NOON_MS, counts), Happened(NOON_MS, counts)])
    assert counts == Counts(1, 10, 20, 0, 1)
    assert windows.total("days", NOON_MS) == Counts(2, 20, 40, 0, 2)
    assert windows.total("days", NOON_MS).tokens == 60


def test_an_idle_month_costs_nothing() -> None:
    windows = windows_of([Happened(NOON_MS, Counts(1)), Happened(NOON_MS + 27 * DAY_MS, Counts(1))])
    assert [len(windows.buckets(resolution)) for resolution in SPANS] == [1, 1, 2]
