"""The shipped rules in a real Prometheus that scrapes our pages and tells a real Alertmanager."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry

from agents.deadletters import Reason
from agents.embedded.processes import choose_ports, wait_until
from agents.health import HealthServer
from agents.metrics import Metrics
from agents.progress import Progress
from tests.integration.alertmanagers import NEEDS_ALERTMANAGER, Alertmanager, alertmanager

PROGRAM = shutil.which("prometheus")
SHIPPED = Path(__file__).parents[2] / "deploy" / "prometheus"
pytestmark = [
    pytest.mark.skipif(PROGRAM is None, reason="there is no prometheus on PATH"),
    NEEDS_ALERTMANAGER,
]


@pytest.fixture
def found(tmp_path: Path) -> Iterator[Alertmanager]:
    with alertmanager(tmp_path) as made:
        yield made


@pytest.fixture
def worker() -> Iterator[tuple[Metrics, int]]:
    """The metrics of a worker, and the port that shows them."""
    registry = CollectorRegistry()
    shown = Metrics(registry)
    with HealthServer(Progress(), registry) as server:
        yield shown, server.port


@pytest.fixture
def _prometheus(tmp_path: Path, worker: tuple[Metrics, int], found: Alertmanager) -> Iterator[None]:
    """A Prometheus as it is shipped, but in a hurry, and with the worker and the Alertmanager of this test."""
    config: dict[str, Any] = yaml.safe_load((SHIPPED / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "500ms", "evaluation_interval": "500ms"}
    config["rule_files"] = [str(SHIPPED / "rules" / "*.yaml")]
    config["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] = [f"127.0.0.1:{found.port}"]
    config["scrape_configs"] = [it for it in config["scrape_configs"] if it["job_name"] == "stillwatch-worker"]
    config["scrape_configs"][0]["static_configs"][0]["targets"] = [f"127.0.0.1:{worker[1]}"]
    path = tmp_path / "prometheus.yml"
    path.write_text(yaml.safe_dump(config))
    (port,) = choose_ports((), 1)
    command = [
        PROGRAM or "",
        f"--config.file={path}",
        f"--storage.tsdb.path={tmp_path / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--rules.alert.resend-delay=1s",  # the first alerts come before it has found its Alertmanager
    ]
    with (tmp_path / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)  # noqa: S603  a program found on PATH
        try:
            yield
        finally:
            process.kill()
            process.wait(timeout=30)


@pytest.mark.usefixtures("_prometheus")
def test_what_a_page_shows_becomes_the_alert_that_its_rule_says(
    worker: tuple[Metrics, int], found: Alertmanager
) -> None:
    shown, _ = worker

    def firing() -> set[str]:
        return {it["labels"]["alertname"] for it in found.alerts()}

    assert wait_until(lambda: firing() == {"StillwatchWatchdog"}, seconds=60), firing()

    def goes_wrong() -> bool:
        """Count on until Prometheus has seen the figures rise."""
        shown.dead_letters.labels(reason=Reason.NOT_JSON.value).inc()
        shown.removed_records.inc(500)
        shown.rebuilt_partitions.inc()
        shown.withheld_decisions.labels(stage="campaigns").inc(7)
        return firing() >= expected

    expected = {
        "StillwatchDeadLetters",
        "StillwatchRecordsRemoved",
        "StillwatchPartitionsRebuilt",
        "StillwatchDecisionsWithheld",
    }
    assert wait_until(goes_wrong, seconds=60), firing()
    (withheld,) = [it for it in found.alerts() if it["labels"]["alertname"] == "StillwatchDecisionsWithheld"]
    assert withheld["labels"] == {
        "alertname": "StillwatchDecisionsWithheld",
        "severity": "page",
        "stage": "campaigns",
    }
    assert withheld["annotations"]["description"].startswith("campaigns held back about ")
    assert withheld["annotations"]["runbook_url"].endswith("/deploy/runbooks/StillwatchDecisionsWithheld.md")
