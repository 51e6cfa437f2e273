"""Numbers as people read them, and the axes they stand at."""

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agents.panels.figures import said, ticks
from agents.panels.shape import Unit


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (0, "number", "0"),
        (2.99, "number", "3"),
        (1.5, "number", "1.5"),
        (19.5, "number", "20"),
        (999, "number", "999"),
        (1_234_567, "number", "1.23 M"),
        (56_121, "per_second", "56.1 k/s"),
        (0.191, "per_second", "0.191/s"),
        (0, "seconds", "0 s"),
        (0.0000123, "seconds", "12.3 µs"),
        (0.0123, "seconds", "12.3 ms"),
        (1, "seconds", "1 s"),
        (119, "seconds", "119 s"),
        (5_400, "seconds", "90 min"),
        (86_400, "seconds", "24 h"),
        (259_200, "seconds", "3 d"),
        (0.0512, "share", "5.12 %"),
        (1, "share", "100 %"),
        (512, "bytes", "512 B"),
        (268_435_456, "bytes", "256 MiB"),
        (0.693, "nats", "0.693"),
        (math.nan, "seconds", "–"),
        (math.inf, "seconds", "∞"),
    ],
)
def test_a_value_is_said_with_its_unit(value: float, unit: Unit, words: str) -> None:
    assert said(value, unit) == words


@pytest.mark.parametrize(
    ("largest", "unit", "expected"),
    [
        (0, "number", (0, 0.25, 0.5, 0.75, 1)),
        (math.nan, "number", (0, 0.25, 0.5, 0.75, 1)),
        (7, "number", (0, 2, 4, 6, 8)),
        (0.9, "share", (0, 0.25, 0.5, 0.75, 1)),
        (0.031, "share", (0, 0.01, 0.02, 0.03, 0.04)),
        (300, "seconds", (0, 120, 240, 360)),
        (3 * 2**20, "bytes", tuple(it * 2**20 for it in (0, 1, 2, 3))),
    ],
)
def test_an_axis_has_round_numbers(largest: float, unit: Unit, expected: tuple[float, ...]) -> None:
    assert ticks(largest, unit) == pytest.approx(expected)


@example(1.000000001, "number")
@given(st.floats(1e-9, 1e15), st.sampled_from(["number", "per_second", "seconds", "bytes", "nats"]))
def test_an_axis_holds_the_largest_value_in_few_even_steps(largest: float, unit: Unit) -> None:
    found = ticks(largest, unit)
    assert 2 <= len(found) <= 5
    assert found[-1] >= largest * (1 - 1e-6)
    assert found[-2] < largest
    assert found == pytest.approx([at * found[1] for at in range(len(found))])
