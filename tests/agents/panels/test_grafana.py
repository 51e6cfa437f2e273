"""The dashboards that are committed are what the table gives, and such as Grafana knows them."""

import json
import runpy
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from agents.panels import DASHBOARDS
from agents.panels.grafana import documents

GRAFANA = Path(__file__).parents[3] / "deploy" / "grafana"
FILES = sorted(documents())


def test_the_committed_files_are_what_the_table_gives() -> None:
    found = {path.name: path.read_bytes() for path in (GRAFANA / "dashboards").iterdir()}
    assert found == documents(), "run `python -m agents.panels` and commit what it writes"


def test_the_command_writes_them_where_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["agents.panels", str(tmp_path / "new")])
    runpy.run_module("agents.panels", run_name="__main__")
    assert {path.name: path.read_bytes() for path in (tmp_path / "new").iterdir()} == documents()


@pytest.mark.parametrize("name", FILES)
def test_grafanas_own_types_know_every_word_of_it(name: str) -> None:
    register_default_plugins()
    ours = json.loads(documents()[name])
    theirs = json.loads(JSONEncoder().encode(Dashboard.from_json(ours)))
    assert missing(ours, theirs) == []


def missing(ours: Any, theirs: Any, where: str = "") -> list[str]:  # noqa: ANN401  any JSON
    """What is in ours and did not come through theirs."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return [it for key in ours for it in missing(ours[key], theirs.get(key, "nothing"), f"{where}.{key}")]
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        pairs = enumerate(zip(ours, theirs, strict=True))
        return [it for number, (one, other) in pairs for it in missing(one, other, f"{where}[{number}]")]
    return [] if ours == theirs else [f"{where}: {ours!r} became {theirs!r}"]


@pytest.mark.parametrize("name", FILES)
def test_panels_stand_side_by_side_and_never_on_one_another(name: str) -> None:
    cells: set[tuple[int, int]] = set()
    panels = json.loads(documents()[name])["panels"]
    for place in (it["gridPos"] for it in panels):
        own = {(x + place["x"], y + place["y"]) for x in range(place["w"]) for y in range(place["h"])}
        assert not own & cells
        assert max(x for x, _ in own) < 24
        cells |= own
    assert [it["id"] for it in panels] == list(range(1, len(panels) + 1))


@pytest.mark.parametrize("name", FILES)
def test_every_query_asks_the_datasource_that_is_chosen_at_the_top(name: str) -> None:
    dashboard = json.loads(documents()[name])
    (variable,) = dashboard["templating"]["list"]
    asked = [it["datasource"] for panel in dashboard["panels"] for it in (panel, *panel["targets"])]
    assert {it["uid"] for it in asked} == {f"${{{variable['name']}}}"}
    assert {it["type"] for it in asked} == {variable["query"]} == {"prometheus"}


def test_a_panel_leads_to_its_runbook_and_to_explain() -> None:
    links = {
        (panel.title, link["url"])
        for dashboard in DASHBOARDS
        for panel, shown in zip(
            dashboard.panels, json.loads(documents()[f"{dashboard.uid}.json"])["panels"], strict=True
        )
        for link in shown["links"]
    }
    repository = "https://github.com/stillwatch/stillwatch"
    assert ("Partitions that stand still", f"{repository}/blob/main/deploy/runbooks/StillwatchNoProgress.md") in links
    assert ("Answers to gateways", f"{repository}#for-the-three-people-who-use-it") in links


def test_what_is_provisioned_is_what_the_dashboards_name() -> None:
    provisioning = GRAFANA / "provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources" / "prometheus.yaml").read_text())["datasources"]
    assert (source["uid"], source["type"]) == ("prometheus", "prometheus")
    (provider,) = yaml.safe_load((provisioning / "dashboards" / "stillwatch.yaml").read_text())["providers"]
    compose = yaml.safe_load((GRAFANA.parent / "docker-compose.yaml").read_text())["services"]["grafana"]
    assert f"./grafana/dashboards:{provider['options']['path']}:ro" in compose["volumes"]
