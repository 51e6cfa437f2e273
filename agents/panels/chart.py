"""A curve as SVG needs it: paths in a square of 100 by 100 that the page stretches, and where the axes' words stand."""

import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

from msgspec import Struct

from agents.panels.figures import DAY_S, HOUR_S, MINUTE_S, said, ticks
from agents.panels.prometheus import Series
from agents.panels.shape import Look, Step, Unit

SIDE: Final = 100.0
MOST_TIMES: Final = 6
_TIMES: Final = (
    *(it * MINUTE_S for it in (1, 2, 5, 10, 15, 30)),
    *(it * HOUR_S for it in (1, 2, 3, 6, 12)),
    *(it * DAY_S for it in (1, 2, 7, 14, 30, 90, 365)),
)


class Span(Struct, frozen=True):
    """The time that is shown, in seconds since the epoch, and how far its points are apart."""

    start_s: float
    end_s: float
    step_s: float


class Tick(Struct, frozen=True):
    """A word at an axis, `at` per cent from the left or from the top."""

    at: float
    words: str


class Mark(Struct, frozen=True):
    """A line across: from here on, `at` per cent from the top, a value looks so."""

    at: float
    look: Look


class Chart(Struct, frozen=True):
    """A curve to draw: a path of each series, the words of both axes, and where values begin to look otherwise."""

    paths: Sequence[str]
    values: Sequence[Tick]
    times: Sequence[Tick]
    marks: Sequence[Mark]


def chart(series: Sequence[Series], unit: Unit, steps: Iterable[Step], span: Span) -> Chart:
    """Draw the series over `span`. An axis begins at 0, for no unit of ours goes below."""
    largest = max((value for it in series for _, value in it.points if math.isfinite(value)), default=0.0)
    scale = ticks(largest, unit)
    top = scale[-1]
    return Chart(
        paths=[path(it, top, span) for it in series],
        values=[Tick(_down(value, top), said(value, unit)) for value in scale],
        times=list(_times(span)),
        marks=[Mark(_down(step.at, top), step.look) for step in steps if 0 < step.at <= top],
    )


def path(series: Series, top: float, span: Span) -> str:
    """The `d` of an SVG path; where there is no number for more than a step and a half the line is broken."""
    parts: list[str] = []
    before = -math.inf
    for at, value in series.points:
        if not math.isfinite(value):
            continue
        x, y = SIDE * (at - span.start_s) / (span.end_s - span.start_s), _down(value, top)
        # A line of no length would not be drawn: a point that stands alone is a dot.
        parts.append(f"L{x:.2f} {y:.2f}" if at - before <= 1.5 * span.step_s else f"M{x:.2f} {y:.2f}h.01")
        before = at
    return "".join(parts)


def _down(value: float, top: float) -> float:
    return SIDE * (1 - min(max(value, 0.0), top) / top)


def _times(span: Span) -> Iterable[Tick]:
    """Round times of the clock, UTC; the day where less than an hour would say nothing."""
    length = span.end_s - span.start_s
    every = next((it for it in _TIMES if length / it <= MOST_TIMES), _TIMES[-1])
    at = math.ceil(span.start_s / every) * every
    while at <= span.end_s:
        moment = datetime.fromtimestamp(at, UTC)
        yield Tick(SIDE * (at - span.start_s) / length, f"{moment:%d %b}" if every >= DAY_S else f"{moment:%H:%M}")
        at += every
