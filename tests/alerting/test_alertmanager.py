"""The configuration for Alertmanager: amtool likes it, each alert goes where it should, and no secret is in it."""

import json
import re
import shutil
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import yaml

from agents.embedded.processes import wait_until
from tests.alerting.test_rules import ALERTS
from tests.integration.alertmanagers import NEEDS_ALERTMANAGER, QUIET, alertmanager

FOLDER = Path(__file__).parents[2] / "deploy" / "alertmanager"
CONFIG = FOLDER / "alertmanager.yml"
AMTOOL = shutil.which("amtool")
NEEDS_AMTOOL = pytest.mark.skipif(AMTOOL is None, reason="there is no amtool on PATH")
RECEIVERS = {"page": "pages", "ticket": "tickets", "none": "nobody"}


def amtool(*arguments: str) -> str:
    command = [AMTOOL or "", *arguments]
    found = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603
    assert found.returncode == 0, found.stdout + found.stderr
    return found.stdout


def receiver(**labels: str) -> str:
    told = [f"{name}={value}" for name, value in labels.items()]
    return amtool("config", "routes", "test", f"--config.file={CONFIG}", *told).strip()


@pytest.fixture(scope="module")
def config() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(CONFIG.read_text())
    return loaded


@NEEDS_AMTOOL
def test_amtool_finds_nothing_wrong_with_it_nor_with_its_templates() -> None:
    assert "1 templates" in amtool("check-config", str(CONFIG))


@NEEDS_AMTOOL
@pytest.mark.parametrize(("severity", "expected"), RECEIVERS.items())
def test_alerts_go_where_their_severity_says(severity: str, expected: str) -> None:
    for alertname in ("StillwatchCampaign", "StillwatchNoProgress"):
        assert receiver(alertname=alertname, severity=severity) == expected


@NEEDS_AMTOOL
def test_the_dead_mans_switch_goes_to_who_watches_it_and_what_has_no_severity_is_not_lost() -> None:
    assert receiver(alertname="StillwatchWatchdog", severity="none") == "watchdog"
    assert receiver(alertname="SomebodyElses") == "tickets"


def test_who_is_silenced_by_a_cause_is_an_alert_of_ours(config: dict[str, Any]) -> None:
    known = {rule["alert"] for rule in ALERTS}
    for rule in config["inhibit_rules"]:
        for side in ("source_matchers", "target_matchers"):
            for matcher in rule[side]:
                name, kind, value = re.fullmatch(r'(\w+)(=~|!=|=)"(.+)"', matcher).groups()  # type: ignore[union-attr]
                if name != "alertname" or kind == "!=":
                    continue
                before, _, rest = value.partition("(")
                words, _, after = rest.partition(")")
                expected = {f"{before}{word}{after}" for word in words.split("|")}
                assert {it for it in known if re.fullmatch(value, it)} == expected, kind


@NEEDS_ALERTMANAGER
def test_a_cause_silences_what_follows_from_it_and_nothing_else(config: dict[str, Any], tmp_path: Path) -> None:
    campaign, burn = {"alertname": "StillwatchCampaign", "campaign_id": "c-1"}, {"alertname": "StillwatchFreshnessBurn"}
    still = {"alertname": "StillwatchNoProgress", "severity": "page"}
    alone = [
        campaign | {"severity": "page", "action": "suspend"},
        campaign | {"severity": "ticket", "action": "throttle"},  # has to be told that it has ended
        {"alertname": "StillwatchPartitionUnattended", "severity": "page", "topic": "t", "partition": "1"},
        still | {"topic": "t", "partition": "2"},
        burn | {"severity": "page", "topic": "u"},
    ]
    silenced = [
        still | {"topic": "t", "partition": "1"},
        burn | {"severity": "page", "topic": "t"},
        burn | {"severity": "ticket", "topic": "u"},
        {"alertname": "StillwatchRedisSlow", "severity": "ticket", "operation": "apply"},
    ]
    path = tmp_path / "alertmanager.yml"
    path.write_text(QUIET + yaml.safe_dump({"inhibit_rules": config["inhibit_rules"]}))
    with alertmanager(tmp_path, path) as there:
        body = json.dumps([{"labels": it} for it in (*alone, *silenced)]).encode()
        asked = urllib.request.Request(  # noqa: S310  a URL of ours
            f"{there.url}/api/v2/alerts", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(asked, timeout=5):  # noqa: S310
            pass

        def told() -> list[dict[str, str]]:
            return [it["labels"] for it in there.alerts() if it["status"]["state"] == "active"]

        assert wait_until(lambda: _set(told()) == _set(alone), seconds=30), told()


def test_secrets_are_in_files_alone(config: dict[str, Any]) -> None:
    secret = re.compile("token|password|secret|key|credentials|api_url")
    told = [path for path in _leaves(config) if secret.search(path) and not path.endswith("_file")]
    assert told == []
    assert {"slack_api_url_file", "routing_key_file", "credentials_file"} <= {
        path.rpartition(".")[2] for path in _leaves(config)
    }


def _set(alerts: list[dict[str, str]]) -> set[frozenset[tuple[str, str]]]:
    return {frozenset(it.items()) for it in alerts}


def _leaves(value: Any, path: str = "") -> list[str]:  # noqa: ANN401  what YAML holds
    if isinstance(value, dict):
        return [it for name, inner in value.items() for it in _leaves(inner, f"{path}.{name}")]
    if isinstance(value, list):
        return [it for inner in value for it in _leaves(inner, path)]
    return [path]
