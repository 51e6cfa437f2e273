"""The rules for Prometheus: promtool likes them, each has cases that fire and that stay quiet, and all they name is."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.alerting.declared import declared

PROMETHEUS = Path(__file__).parents[2] / "deploy" / "prometheus"
PROMTOOL = shutil.which("promtool")
RULES = sorted((PROMETHEUS / "rules").glob("*.yaml"))
CASES = sorted((PROMETHEUS / "tests").glob("*.yaml"))
NEEDS_PROMTOOL = pytest.mark.skipif(PROMTOOL is None, reason="there is no promtool on PATH")

NEVER_QUIET = {"StillwatchWatchdog"}
DASHBOARDS = {"overview", "campaigns", "pipeline", "learning", "enforcement"}
RUNBOOKS = "https://github.com/stillwatch/stillwatch/blob/main/deploy/runbooks"

SELECTOR = re.compile(r"\b(stillwatch_\w+)(?:\{([^}]*)\})?")
MATCHER = re.compile(r'(\w+)\s*(=~|=)\s*"([^"]*)"')
RECORDED = re.compile(r"\bstillwatch:[a-z0-9_:]+")


def rules() -> Iterator[dict[str, Any]]:
    for path in RULES:
        for group in yaml.safe_load(path.read_text())["groups"]:
            yield from group["rules"]


def cases() -> Iterator[dict[str, Any]]:
    for path in CASES:
        yield from yaml.safe_load(path.read_text())["tests"]


ALERTS = [rule for rule in rules() if "alert" in rule]


def named(rule: dict[str, Any]) -> str:
    return " ".join([rule["alert"], *rule["labels"].values()])


def promtool(*arguments: str | Path) -> None:
    command = [PROMTOOL or "", *map(str, arguments)]
    found = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)  # noqa: S603
    assert found.returncode == 0, found.stdout + found.stderr


@NEEDS_PROMTOOL
def test_promtool_finds_nothing_wrong_with_rules_and_configuration() -> None:
    promtool("check", "rules", *RULES)
    promtool("check", "config", PROMETHEUS / "prometheus.yml")


@NEEDS_PROMTOOL
@pytest.mark.parametrize("path", CASES, ids=lambda path: str(path.stem))
def test_rules_do_what_their_cases_say(path: Path) -> None:
    promtool("test", "rules", path)


@NEEDS_PROMTOOL
def test_where_the_dashboards_are_is_changed_as_it_is_written_down_and_the_cases_still_hold(tmp_path: Path) -> None:
    (command,) = re.findall(r"(?m)^sed .+$", (PROMETHEUS.parent / "alerting.md").read_text())
    copied = tmp_path / "deploy" / "prometheus"
    for folder in ("rules", "tests"):
        shutil.copytree(PROMETHEUS / folder, copied / folder)
    subprocess.run(["sh", "-c", command], cwd=tmp_path, check=True, timeout=10)  # noqa: S603, S607
    assert "https://grafana.example/d/" in (copied / "rules" / "notifying.yaml").read_text()
    promtool("test", "rules", copied / "tests" / "notifying.yaml")


def test_each_file_of_rules_has_its_cases() -> None:
    assert [path.stem for path in RULES] == [path.stem for path in CASES]


@pytest.mark.parametrize("rule", ALERTS, ids=named)
def test_each_alert_has_a_case_that_fires_and_one_that_stays_quiet(rule: dict[str, Any]) -> None:
    wanted = rule["labels"].items()
    outcomes = [
        any(wanted <= it["exp_labels"].items() for it in asked["exp_alerts"])
        for case in cases()
        for asked in case.get("alert_rule_test", ())
        if asked["alertname"] == rule["alert"]
    ]
    assert any(outcomes), "no case fires it"
    assert rule["alert"] in NEVER_QUIET or not all(outcomes), "no case leaves it quiet"


def test_each_recorded_figure_is_asked_for_in_a_case() -> None:
    asked = {
        name
        for case in cases()
        for it in case.get("promql_expr_test", ())
        for name in RECORDED.findall(it["expr"])
    }  # fmt: skip
    assert {rule["record"] for rule in rules() if "record" in rule} == asked


def test_every_metric_in_a_rule_is_one_of_ours_and_every_selector_selects_something() -> None:
    nothing = [
        f"{name}{{{matchers}}} in {rule.get('alert', rule.get('record'))}"
        for rule in rules()
        for name, matchers in SELECTOR.findall(rule["expr"])
        if not any(_matches(labels, matchers) for labels in declared().get(name, ()))
    ]
    assert nothing == []
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    assert {name for rule in rules() for name in RECORDED.findall(rule["expr"])} <= recorded


def _matches(labels: dict[str, str], matchers: str) -> bool:
    """Whether a series has the labels that a selector asks for; of alternatives each must be there for some series."""
    return all(
        re.fullmatch(value, labels.get(name, "")) if kind == "=~" else labels.get(name) == value
        for name, kind, value in MATCHER.findall(matchers)
    )


def test_every_word_among_alternatives_is_one_that_the_metric_knows() -> None:
    unknown = [
        f"{label}={word} of {name}"
        for rule in rules()
        for name, matchers in SELECTOR.findall(rule["expr"])
        for label, kind, value in MATCHER.findall(matchers)
        if kind == "=~"
        for word in value.split("|")
        if word not in {labels.get(label) for labels in declared()[name]}
    ]
    assert unknown == []


@pytest.mark.parametrize("rule", ALERTS, ids=named)
def test_each_alert_says_how_bad_it_is_what_it_is_and_where_to_look(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"page", "ticket", "none"}
    annotations = rule["annotations"]
    assert set(annotations) == {"summary", "description", "runbook_url", "dashboard_url"}
    assert annotations["summary"].endswith(".")
    assert annotations["runbook_url"] == f"{RUNBOOKS}/{rule['alert']}.md"
    base, _, dashboard = annotations["dashboard_url"].partition("/d/stillwatch-")
    assert (base, dashboard in DASHBOARDS) == ("http://127.0.0.1:3000", True)


def test_jobs_of_the_rules_are_those_of_the_configuration() -> None:
    configured = {
        it["job_name"] for it in yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())["scrape_configs"]
    }
    assert {job for rule in rules() for job in re.findall(r'job="([^"]+)"', rule["expr"])} <= configured
