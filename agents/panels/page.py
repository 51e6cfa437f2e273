"""The panels as one HTML page that needs nothing beside it: no script, no picture, no outside address."""

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from msgspec import Struct

from agents.panels import DASHBOARDS
from agents.panels.chart import Chart, Span, chart
from agents.panels.figures import said
from agents.panels.prometheus import PrometheusError, Series
from agents.panels.shape import RATE_INTERVAL, Look, Panel

POINTS: Final = 180
"""How many points a curve has."""

LEAST_RATE_S: Final = 240
"""A rate is taken over so long at least: four scrapes of a minute."""

MOST_SERIES: Final = 12
COLOURS: Final = 8

Ask = Callable[[str], Sequence[Series]]
"""Answers a question in PromQL over the span that is shown. Raises PrometheusError."""


class Line(Struct, frozen=True):
    """One series of a panel: its name, its value now, how that looks, and the number of its colour."""

    name: str
    latest: str
    look: Look
    colour: int


class Shown(Struct, frozen=True):
    """A panel with what Prometheus said of it. `left_out` series are not drawn."""

    name: str
    panel: Panel
    lines: Sequence[Line]
    chart: Chart
    left_out: int
    look: Look
    """The worst look of any series, left out or not."""
    is_known: bool
    """False where Prometheus has no such series at all, nor anything that it could be made of."""


class Section(Struct, frozen=True):
    """A dashboard with what is shown of it."""

    uid: str
    title: str
    says: str
    shown: Sequence[Shown]

    @property
    def figures(self) -> int:
        """How many of them are figures."""
        return sum(it.panel.is_figure for it in self.shown)


def span_of(hours: float, now_s: float) -> Span:
    """The last `hours` hours up to this second, with points a whole number of seconds apart."""
    step_s = max(1, round(hours * 3_600 / POINTS))
    end_s = math.floor(now_s)
    return Span(end_s - step_s * round(hours * 3_600 / step_s), end_s, step_s)


def sections(ask: Ask, span: Span) -> Sequence[Section]:
    """Everything that is shown. Raises PrometheusError, which names the panel that was refused."""
    rate = f"{max(LEAST_RATE_S, round(span.step_s) + 60)}s"
    found: list[Section] = []
    for dashboard in DASHBOARDS:
        short = dashboard.title.partition(": ")[2]
        shown = [
            _shown(f"{short}-{number}", panel, ask, rate, span)
            for number, panel in enumerate(dashboard.panels, start=1)
        ]
        found.append(Section(short, short.capitalize(), dashboard.says, shown))
    return found


def page(found: Sequence[Section], span: Span, source: str) -> str:
    """The page about what `source` said."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["code"] = _with_code
    shown = {it.panel.title: it for section in reversed(found) for it in reversed(section.shown)}
    return environment.get_template("page.html.j2").render(
        sections=found,
        wrong=[it for it in reversed(shown.values()) if it.look in {"warn", "bad"}],
        length=_length(span.end_s - span.start_s),
        end=f"{datetime.fromtimestamp(span.end_s, UTC):%Y-%m-%d %H:%M}",
        source=source,
    )


def _with_code(sentence: str) -> Markup:
    """A sentence in which what stands between backticks is code."""
    parts = sentence.split("`")
    return Markup().join(Markup("<code>{}</code>").format(it) if at % 2 else it for at, it in enumerate(parts))


def _length(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes % 60:
        return f"{minutes} minutes"
    return "hour" if minutes == 60 else f"{minutes // 60} hours"  # noqa: PLR2004


def _shown(name: str, panel: Panel, ask: Ask, rate: str, span: Span) -> Shown:
    answers: list[tuple[str, Series]] = []
    for query in panel.queries:
        try:
            series = ask(query.promql.replace(RATE_INTERVAL, rate))
        except PrometheusError as error:
            raise PrometheusError(f"The panel {panel.title!r} cannot be shown: {error}") from error
        answers += [(_named(query.legend, it.labels), it) for it in series]
    answers.sort(key=lambda it: it[0])
    worst = _worst([_look(panel, it, span) for _, it in answers])
    drawn = answers
    if len(answers) > MOST_SERIES:
        largest = sorted(answers, key=lambda it: -_peak(it[1]))[:MOST_SERIES]
        drawn = [it for it in answers if it in largest]
    lines = [
        Line(
            series_name,
            said(math.nan if _has_ended(it, span) else it.points[-1][1], panel.unit),
            _look(panel, it, span),
            number % COLOURS,
        )
        for number, (series_name, it) in enumerate(drawn)
    ]
    return Shown(
        name,
        panel,
        lines,
        chart([it for _, it in drawn], panel.unit, panel.steps, span),
        len(answers) - len(drawn),
        worst,
        bool(answers),
    )


def _named(legend: str, labels: Mapping[str, str]) -> str:
    """The legend with the values of labels in it, as Grafana puts them; what has no such label leaves it out."""
    for label, value in labels.items():
        legend = legend.replace(f"{{{{{label}}}}}", value)
    return " ".join(word for word in legend.split() if not word.startswith("{{"))


def _look(panel: Panel, series: Series, span: Span) -> Look:
    """How a series looks now; one that has ended looks bad where only a number would show that all is well."""
    if _has_ended(series, span):
        return "bad" if panel.is_figure and panel.base == "bad" else "plain"
    value = series.points[-1][1]
    return "plain" if math.isnan(value) else panel.look(value)


def _has_ended(series: Series, span: Span) -> bool:
    """Whether Prometheus has nothing of it at the end of the span; what is no number, as of none, is something."""
    return not series.points or series.points[-1][0] < span.end_s - span.step_s / 2


def _peak(series: Series) -> float:
    return max((value for _, value in series.points if not math.isnan(value)), default=-math.inf)


def _worst(looks: Sequence[Look]) -> Look:
    order: tuple[Look, ...] = ("plain", "good", "warn", "bad")
    return max(looks, key=order.index, default="plain")
