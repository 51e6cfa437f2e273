"""Reliability, calibration error and Brier score against values by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.evaluation.calibration import calibration, pooled
from streams.evaluation.intervals import interval
from streams.evaluation.results import Calibration, ReliabilityBin


def test_nobody_scored_is_no_calibration() -> None:
    assert calibration([]) is None
    assert pooled([]) is None


def test_scores_that_mean_what_they_say_have_no_error() -> None:
    found = calibration([(0.75, True), (0.75, True), (0.75, True), (0.75, False)])
    assert found == Calibration(4, (ReliabilityBin(0.7, 0.8, 0.75, interval(3, 4)),), 0.0, 0.1875)


def test_the_error_is_weighted_by_how_many_are_in_a_bin() -> None:
    found = calibration([(0.9, True), (0.98, True), (1.0, False), (0.35, False)])
    assert found is not None
    low, high = found.bins
    assert (low.low, low.high, low.mean_score, low.guilty) == (0.3, 0.4, 0.35, interval(0, 1))
    assert (high.low, high.high, high.guilty) == (0.9, 1.0, interval(2, 3))
    assert high.mean_score == pytest.approx(0.96)
    assert found.error == pytest.approx((3 * (0.96 - 2 / 3) + 1 * 0.35) / 4)
    assert found.brier == pytest.approx((0.1**2 + 0.02**2 + 1.0 + 0.35**2) / 4)


def test_errors_in_both_directions_do_not_cancel_between_bins() -> None:
    found = calibration([(0.25, True), (0.75, False)])
    assert found is not None
    assert found.error == 0.75
    assert found.brier == 0.5625


SCORED = st.lists(st.tuples(st.floats(0.001, 1.0), st.booleans()), min_size=1, max_size=40)


@given(SCORED, SCORED)
def test_runs_taken_together_are_one_run_of_all_accounts(
    one: list[tuple[float, bool]], other: list[tuple[float, bool]]
) -> None:
    together, apart = calibration(one + other), pooled([it for it in map(calibration, (one, other)) if it])
    assert together is not None
    assert apart is not None
    assert apart.accounts == together.accounts
    assert [it.guilty for it in apart.bins] == [it.guilty for it in together.bins]
    assert apart.error == pytest.approx(together.error)
    assert apart.brier == pytest.approx(together.brier)


@given(SCORED)
def test_no_error_is_above_one(scored: list[tuple[float, bool]]) -> None:
    found = calibration(scored)
    assert found is not None
    assert 0 <= found.error <= 1
    assert 0 <= found.brier <= 1
    assert sum(it.guilty.of for it in found.bins) == found.accounts == len(scored)
