"""The page of `stillwatch status`, made of what a Prometheus might say."""

import math
import re
from collections.abc import Sequence
from html.parser import HTMLParser

import pytest

from agents.panels import DASHBOARDS
from agents.panels.page import MOST_SERIES, page, sections, span_of
from agents.panels.prometheus import PrometheusError, Series
from agents.panels.shape import RATE_INTERVAL

NOW_S = 1_791_201_600.0
SPAN = span_of(6, NOW_S)
PANELS = [panel for dashboard in DASHBOARDS for panel in dashboard.panels]


class Outline(HTMLParser):
    """Checks that what is opened is closed, and keeps ids, links and everything that could be loaded."""

    VOID = frozenset({"meta", "line", "path", "br"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            elif name == "href":
                self.links.append(value or "")
            elif name in {"src", "srcset", "data", "action", "xlink:href"} or name.startswith("on"):
                self.loads.append(f"{tag} {name}")
        if tag in {"script", "link", "iframe", "object", "embed", "img"}:
            self.loads.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert tag in self.VOID or self.open.pop() == tag


def outline(html: str) -> Outline:
    found = Outline()
    found.feed(html)
    assert found.open == []
    return found


def flat(value: float, **labels: str) -> Sequence[Series]:
    return [Series(labels, [(SPAN.start_s + at * SPAN.step_s, value) for at in range(181)])]


def shown(html: str, title: str) -> str:
    (found,) = re.findall(rf"<section(?:(?!<section).)*?<h3>{re.escape(title)}.*?</section>", html, re.DOTALL)[:1]
    return str(found)


def test_the_span_ends_now_and_has_as_many_points_as_are_wanted() -> None:
    assert (SPAN.step_s, SPAN.end_s, SPAN.end_s - SPAN.start_s) == (120, NOW_S, 6 * 3_600)
    assert span_of(6, NOW_S + 119.9).end_s == NOW_S + 119
    short = span_of(0.1, NOW_S + 0.7)
    assert (short.step_s, short.end_s, short.end_s - short.start_s) == (2, NOW_S, 360)


def test_every_query_is_asked_with_a_rate_that_has_enough_scrapes() -> None:
    asked: list[str] = []

    def ask(promql: str) -> Sequence[Series]:
        asked.append(promql)
        return flat(1)

    sections(ask, SPAN)
    assert asked == [query.promql.replace(RATE_INTERVAL, "240s") for panel in PANELS for query in panel.queries]
    asked.clear()
    sections(ask, span_of(24 * 7, NOW_S))
    assert any("[3420s]" in promql for promql in asked)
    assert not any("$" in promql for promql in asked)


def test_the_page_stands_by_itself_and_its_links_lead_somewhere_in_it() -> None:
    html = page(sections(lambda _: flat(0.25, action="throttle"), SPAN), SPAN, "http://there:9090")
    found = outline(html)
    assert found.loads == []
    assert len(set(found.ids)) == len(found.ids) == len(PANELS) + len(DASHBOARDS)
    assert {link.removeprefix("#") for link in found.links} <= set(found.ids)
    assert "default-src 'none'" in html
    assert "prefers-color-scheme: dark" in html
    assert "The 6 hours up to 2026-10-05 12:00 UTC, as http://there:9090 knows them." in html


def test_what_is_past_its_threshold_stands_at_the_top() -> None:
    def ask(promql: str) -> Sequence[Series]:
        return flat(3 if "stalled" in promql or "dead_letters" in promql else math.nan)

    html = page(sections(ask, SPAN), SPAN, "x")
    top = html.partition("<h2")[0].partition('<div class="verdict bad">')[2]
    assert re.findall(r'>([^<>]+)</a><span class="tag \w+">(\w+)<', top) == [
        ("Partitions that stand still", "act"),
        ("Dead letters in an hour", "look"),
    ]
    assert "2 panels want a look" in top


def test_where_all_is_well_the_page_says_so() -> None:
    assert "Nothing is past its threshold." in page(sections(lambda _: flat(math.nan), SPAN), SPAN, "x")


def test_of_what_has_ended_the_last_number_is_not_shown_as_if_it_stood() -> None:
    def ask(_: str) -> Sequence[Series]:
        (series,) = flat(7)
        return [Series({}, series.points[:-1])]

    found = page(sections(ask, SPAN), SPAN, "x")
    assert ">7<" not in found
    top = found.partition("<h2")[0].partition('<div class="verdict bad">')[2]
    ended = [panel.title for panel in PANELS if panel.is_figure and panel.base == "bad"]
    assert re.findall(r'>([^<>]+)</a><span class="tag bad">', top) == ended
    assert {"Workers ready", "Enforcers ready"} <= set(ended)


def test_where_no_worker_was_seen_in_all_the_time_that_is_bad() -> None:
    (workers,) = [panel for panel in PANELS if panel.title == "Workers ready"]
    assert workers.queries[0].promql.endswith(" or vector(0)")
    assert workers.look(0) == "bad"


def test_what_prometheus_does_not_know_and_what_has_no_number_are_told_apart() -> None:
    html = page(sections(lambda q: [] if "active" in q else flat(math.nan), SPAN), SPAN, "x")
    assert "Prometheus has nothing of this" in shown(html, "Accounts in them")
    idle = shown(html, "Append to decision, p99")
    assert "Prometheus has nothing of this" not in idle
    assert "<b>–</b>" in idle
    assert "NaN" not in html


def test_a_legend_has_the_values_of_labels_and_nothing_of_what_labels_could_do_to_a_page() -> None:
    html = page(sections(lambda _: flat(1, action="<script>alert(1)</script>"), SPAN), SPAN, "x")
    assert "&lt;script&gt;" in html
    assert "<script" not in html


def test_of_too_many_series_the_largest_are_drawn_and_the_rest_is_said_and_still_judged() -> None:
    def ask(promql: str) -> Sequence[Series]:
        if "dead_letters" not in promql:
            return flat(0)
        return [it for number in range(MOST_SERIES + 3) for it in flat(number, reason=f"reason {number:02}")]

    html = shown(page(sections(ask, SPAN), SPAN, "x"), "Dead letters in an hour")
    assert re.findall(r"reason (\d\d)", html) == [f"{number:02}" for number in range(3, MOST_SERIES + 3)]
    assert "3 more, all of them smaller, are not drawn." in html


def test_a_refused_query_names_its_panel() -> None:
    def ask(_: str) -> Sequence[Series]:
        raise PrometheusError("x refuses it")

    with pytest.raises(PrometheusError, match="The panel 'Processes that do not answer' cannot be shown: x refuses it"):
        sections(ask, SPAN)
