"""The table of panels: what it asks for is there, and it names nobody."""

import re
from pathlib import Path

import pytest

from agents.cli import COMMANDS
from agents.panels import DASHBOARDS
from agents.panels.shape import Panel, Query, Step
from tests.alerting.declared import declared

ROOT = Path(__file__).parents[3]
PANELS = [panel for dashboard in DASHBOARDS for panel in dashboard.panels]
QUERIES = [query for panel in PANELS for query in panel.queries]

OF_PROMETHEUS = {"ALERTS": {"alertname", "alertstate", "severity"}, "up": set[str]()}
OF_A_TARGET = {"instance", "job"}
NAMES = re.compile(r"\b(?:stillwatch_|process_)\w+|\bup\b|\bALERTS\b")
BRACES = re.compile(r"(\w+)?\{([^}]*)\}")
MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')
GROUPS = re.compile(r"\b(?:by|without|on|ignoring)\s*\(([^)]*)\)")
PLACES = re.compile(r"\{\{(\w+)\}\}")


def labels_of(name: str) -> set[str]:
    """The labels that a metric of ours, or of Prometheus, has."""
    if name in OF_PROMETHEUS:
        return OF_PROMETHEUS[name] | OF_A_TARGET
    return {label for labels in declared()[name] for label in labels} | OF_A_TARGET


def test_the_dashboards_are_those_that_alerts_link_to() -> None:
    assert [it.uid for it in DASHBOARDS] == [
        f"stillwatch-{word}" for word in ("overview", "campaigns", "pipeline", "learning", "enforcement")
    ]


@pytest.mark.parametrize("query", QUERIES, ids=lambda it: str(it.promql)[:80])
def test_a_query_asks_for_metrics_that_there_are_by_labels_that_they_have(query: Query) -> None:
    names = set(NAMES.findall(query.promql))
    assert names
    assert names <= declared().keys() | OF_PROMETHEUS.keys()
    had = set().union(*(labels_of(name) for name in names))
    asked = {word.strip() for words in GROUPS.findall(query.promql) for word in words.split(",")}
    asked |= set(PLACES.findall(query.legend))
    assert asked <= had


@pytest.mark.parametrize("query", QUERIES, ids=lambda it: str(it.promql)[:80])
def test_each_value_that_a_selector_names_is_one_that_the_metric_has(query: Query) -> None:
    for name, matchers in BRACES.findall(query.promql):
        for label, _, value in MATCHER.findall(matchers):
            if name in OF_PROMETHEUS or label in OF_A_TARGET or value.startswith(".*"):
                continue
            known = {labels.get(label) for labels in declared()[name]}
            assert set(value.split("|")) <= known, (name, label)


def test_nobody_is_named_in_a_label() -> None:
    every = {label for query in QUERIES for name in NAMES.findall(query.promql) for label in labels_of(name)}
    who = re.compile("account|campaign|subject_id|address|hash|template|payment|org|key")
    assert [label for label in every if who.search(label)] == []


def test_the_commands_that_panels_name_are_there() -> None:
    named = {word for panel in PANELS for word in re.findall(r"`stillwatch (\w+)", panel.then)}
    assert {"explain", "doctor"} <= named <= COMMANDS.keys()


@pytest.mark.parametrize("panel", PANELS, ids=lambda it: str(it.title))
def test_a_panel_says_in_a_sentence_what_it_tells_and_what_to_do_next(panel: Panel) -> None:
    for sentence in (panel.says, panel.then):
        assert re.fullmatch(r"[A-Z/`].*\.", sentence), sentence
        assert sentence.count("`") % 2 == 0
    assert list(panel.steps) == sorted(panel.steps, key=lambda it: it.at)
    assert len({query.legend for query in panel.queries}) == len(panel.queries)


def test_the_runbooks_that_panels_name_are_there() -> None:
    named = {panel.runbook for panel in PANELS if panel.runbook}
    assert len(named) > 15
    assert [name for name in named if not (ROOT / "deploy/runbooks" / f"{name}.md").is_file()] == []


def test_one_title_stands_for_one_panel() -> None:
    for dashboard in DASHBOARDS:
        titles = [panel.title for panel in dashboard.panels]
        assert len(set(titles)) == len(titles), dashboard.uid


def test_a_value_looks_as_the_last_step_that_it_reached() -> None:
    panel = Panel(
        title="t", says="s", queries=(), then="n", base="good", steps=(Step(1, "warn"), Step(5, "bad"), Step(9, "good"))
    )
    assert [panel.look(value) for value in (-1, 0.99, 1, 4.9, 5, 9, 10)] == [
        *("good", "good", "warn", "warn", "bad", "good", "good"),
    ]
