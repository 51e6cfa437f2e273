"""A real Prometheus scrapes the metrics page; skips where none is installed."""

import json
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from agents.embedded.processes import wait_until
from agents.health import HealthServer
from agents.metrics import Metrics
from agents.progress import Progress
from tests.integration.prometheus_server import NEEDS_PROMETHEUS, prometheus

pytestmark = NEEDS_PROMETHEUS


@pytest.fixture
def metrics() -> Iterator[tuple[Metrics, int]]:
    """The metrics of a worker, and the port that shows them."""
    registry = CollectorRegistry()
    shown = Metrics(registry)
    with HealthServer(Progress(), registry) as server:
        yield shown, server.port


@pytest.fixture
def address(metrics: tuple[Metrics, int], tmp_path: Path) -> Iterator[str]:
    """The address of a Prometheus that scrapes that page every second."""
    with prometheus(tmp_path, {"stillwatch": metrics[1]}) as found:
        yield found


def asked(address: str, query: str) -> list[dict[str, Any]]:
    """What an instant query answers."""
    url = f"{address}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
    with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310  an address of ours
        found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
    return found


def test_prometheus_takes_the_page_and_answers_what_on_call_asks(metrics: tuple[Metrics, int], address: str) -> None:
    shown, _ = metrics
    shown.count_decision("throttle", "campaign", shadow=False)
    shown.append_to_decision_seconds.observe(0.02)
    shown.events_read.labels(stage="observe").inc(41)  # last, for that is what is waited for

    def value(query: str) -> list[str]:
        return [row["value"][1] for row in asked(address, query)]

    assert wait_until(lambda: value('stillwatch_events_read_total{stage="observe"}') == ["41"], seconds=60)
    assert value('up{job="stillwatch"}') == ["1"]
    assert value('sum(stillwatch_decisions_total{action="throttle",subject_kind="campaign"})') == ["1"]
    assert value("stillwatch_append_to_decision_seconds_count") == ["1"]
    assert value("count(stillwatch_build_info)") == ["1"]
