"""Intervals and curves against values from textbooks and by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from streams.evaluation.intervals import average_precision, interval, precision_recall
from streams.evaluation.results import Point


def test_nothing_in_ten_is_at_most_31_percent() -> None:
    found = interval(0, 10)
    assert (found.share, found.low) == (0.0, 0.0)
    assert found.high == pytest.approx(1 - 0.025 ** (1 / 10))


def test_all_of_ten_is_at_least_69_percent() -> None:
    assert interval(10, 10).low == pytest.approx(0.025 ** (1 / 10))
    assert interval(10, 10).high == 1.0


def test_of_nobody_anything_is_possible() -> None:
    assert interval(0, 0) == interval(0, 0).__class__(0, 0, 0.0, 0.0, 1.0)


@given(of=st.integers(1, 5_000), data=st.data())
def test_the_bounds_are_where_the_binomial_tails_are_one_fortieth(of: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(0, of))
    found = interval(count, of)
    assert found.low <= found.share <= found.high
    if count > 0:
        assert binom.sf(count - 1, of, found.low) == pytest.approx(0.025, rel=1e-6)
    if count < of:
        assert binom.cdf(count, of, found.high) == pytest.approx(0.025, rel=1e-6)


def test_a_perfect_ranking_has_precision_one_throughout() -> None:
    points = precision_recall([(0.9, True), (0.8, True), (0.1, False)])
    assert points == (Point(0.5, 1.0), Point(1.0, 1.0), Point(1.0, 2 / 3))
    assert average_precision(points) == 1.0


def test_equal_scores_are_one_point() -> None:
    points = precision_recall([(0.5, True), (0.5, False), (0.5, False), (0.5, True)])
    assert points == (Point(1.0, 0.5),)
    assert average_precision(points) == 0.5


def test_the_guilty_that_nobody_scored_stay_unfound() -> None:
    points = precision_recall([(0.9, True), (0.0, True), (0.0, False)])
    assert points == (Point(0.5, 1.0),)
    assert average_precision(points) == 0.5


def test_a_world_without_the_guilty_has_no_curve() -> None:
    assert precision_recall([(0.9, False)]) == ()
