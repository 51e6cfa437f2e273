"""Curves: where a path goes, where it is broken, and which times stand below it."""

import math

from hypothesis import given
from hypothesis import strategies as st

from agents.panels.chart import Span, Tick, chart, path
from agents.panels.prometheus import Series
from agents.panels.shape import Step

NOON_S = 1_791_201_600.0


def series(*values: float, start_s: float = 0.0, step_s: float = 10.0) -> Series:
    return Series({}, [(start_s + at * step_s, value) for at, value in enumerate(values)])


def test_a_path_goes_from_left_to_right_and_up_with_the_value() -> None:
    assert path(series(0, 5, 10), 10, Span(0, 20, 10)) == "M0.00 100.00h.01L50.00 50.00L100.00 0.00"


def test_it_is_broken_where_there_is_no_number() -> None:
    assert path(series(5, math.nan, 5, 5, math.inf), 10, Span(0, 40, 10)) == (
        "M0.00 50.00h.01M50.00 50.00h.01L75.00 50.00"
    )
    assert path(series(math.nan, math.nan), 10, Span(0, 10, 10)) == ""


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=20))
def test_nothing_is_drawn_outside(values: list[float]) -> None:
    drawn = chart([series(*values)], "number", (), Span(0, 200, 10))
    numbers = drawn.paths[0].replace("h.01", "").replace("M", "L").split("L")[1:]
    assert len(numbers) == sum(map(math.isfinite, values))
    for pair in numbers:
        x, y = map(float, pair.split())
        assert 0 <= x <= 100
        assert 0 <= y <= 100


def test_round_times_stand_below_and_days_below_what_is_long() -> None:
    six_hours = chart([], "number", (), Span(NOON_S - 6 * 3_600 + 1_800, NOON_S + 1_800, 60))
    assert six_hours.times[:2] == [Tick(100 / 12, "07:00"), Tick(25, "08:00")]
    assert six_hours.times[-1].words == "12:00"
    week = chart([], "number", (), Span(NOON_S - 5 * 86_400, NOON_S, 3_600))
    assert [it.words for it in week.times] == ["01 Oct", "02 Oct", "03 Oct", "04 Oct", "05 Oct"]


def test_a_threshold_is_a_line_only_where_the_axis_reaches_it() -> None:
    steps = (Step(0, "good"), Step(5, "warn"), Step(50, "bad"))
    (mark,) = chart([series(7)], "number", steps, Span(0, 10, 10)).marks
    assert (mark.at, mark.look) == (37.5, "warn")
