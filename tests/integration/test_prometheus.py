"""A real Prometheus scrapes the metrics page; skips where none is installed."""

import json
import shutil
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from agents.embedded.processes import choose_ports, wait_until
from agents.health import HealthServer
from agents.metrics import Metrics
from agents.progress import Progress

PROGRAM = shutil.which("prometheus")
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="there is no prometheus on PATH")


@pytest.fixture
def metrics() -> Iterator[tuple[Metrics, int]]:
    """The metrics of a worker, and the port that shows them."""
    registry = CollectorRegistry()
    shown = Metrics(registry)
    with HealthServer(Progress(), registry) as server:
        yield shown, server.port


@pytest.fixture
def prometheus(metrics: tuple[Metrics, int], tmp_path: Path) -> Iterator[int]:
    """The port of a Prometheus that scrapes that page every second."""
    (port,) = choose_ports((), 1)
    config = tmp_path / "prometheus.yml"
    target = f"127.0.0.1:{metrics[1]}"
    config.write_text(
        json.dumps({  # JSON is YAML
            "global": {"scrape_interval": "1s"},
            "scrape_configs": [{"job_name": "stillwatch", "static_configs": [{"targets": [target]}]}],
        })
    )  # fmt: skip
    assert PROGRAM is not None
    command = [
        PROGRAM,
        f"--config.file={config}",
        f"--storage.tsdb.path={tmp_path / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)  # noqa: S603 - a program found on PATH
        try:
            yield port
        finally:
            process.terminate()
            process.wait(timeout=30)


def asked(port: int, query: str) -> list[dict[str, Any]]:
    """What an instant query answers; nothing while the server is starting."""
    url = f"http://127.0.0.1:{port}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
    except OSError:
        return []
    return found


def test_prometheus_takes_the_page_and_answers_what_on_call_asks(metrics: tuple[Metrics, int], prometheus: int) -> None:
    shown, _ = metrics
    shown.events_read.labels(stage="observe").inc(41)
    shown.count_decision("throttle", "campaign", shadow=False)
    shown.append_to_decision_seconds.observe(0.02)

    def value(query: str) -> list[str]:
        return [row["value"][1] for row in asked(prometheus, query)]

    assert wait_until(lambda: value('stillwatch_events_read_total{stage="observe"}') == ["41"], seconds=60)
    assert value('up{job="stillwatch"}') == ["1"]
    assert value('sum(stillwatch_decisions_total{action="throttle",subject_kind="campaign"})') == ["1"]
    assert value("stillwatch_append_to_decision_seconds_count") == ["1"]
    assert value("count(stillwatch_build_info)") == ["1"]
