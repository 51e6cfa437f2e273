"""Every query of every panel, asked of a real Prometheus that watches a real worker and a real enforcer at work."""

import math
import re
import time
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest

from agents.cli import main
from agents.embedded.processes import wait_until
from agents.panels import DASHBOARDS
from agents.panels.page import LEAST_RATE_S
from agents.panels.prometheus import Prometheus, PrometheusError, Series
from agents.panels.shape import RATE_INTERVAL, Panel
from tests.integration.alertmanagers import NEEDS_ALERTMANAGER
from tests.integration.prometheus_server import NEEDS_PROMETHEUS
from tests.integration.watched import Watched, watched
from tests.integration.worker_harness import deployed

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.redis,
    pytest.mark.slow,
    pytest.mark.timeout(500),
    NEEDS_PROMETHEUS,
    NEEDS_ALERTMANAGER,
]

PANELS = [
    pytest.param(panel, id=f"{dashboard.uid}: {panel.title}") for dashboard in DASHBOARDS for panel in dashboard.panels
]


@pytest.fixture(scope="module")
def scene(kafka_bootstrap: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    deployment = deployed(kafka_bootstrap, redis_url, "test-dashboards", 4)
    with watched(deployment, tmp_path_factory.mktemp("watched")) as made:
        yield made


@pytest.mark.parametrize("panel", PANELS)
def test_every_panel_has_something_to_show(panel: Panel, scene: Watched) -> None:
    prometheus = Prometheus(scene.prometheus)

    def asked(promql: str) -> list[Series]:
        now_s = time.time()
        found = prometheus.ask(promql, start_s=scene.began_s, end_s=now_s, step_s=1)
        return [it for it in found if any(math.isfinite(value) for _, value in it.points)]

    for query in panel.queries:
        promql = query.promql.replace(RATE_INTERVAL, f"{LEAST_RATE_S}s")
        assert wait_until(lambda promql=promql: bool(asked(promql)), seconds=60), promql  # type: ignore[misc]
        wanted = set(re.findall(r"\{\{(\w+)\}\}", query.legend))
        named = [it for it in asked(promql) if wanted <= it.labels.keys()]
        assert named, f"{promql} has no labels for the legend {query.legend}"


@pytest.mark.parametrize(
    "happened",
    [
        'sum(increase(stillwatch_decisions_total{subject_kind="campaign",action="throttle"}[1h]))',
        'sum(increase(stillwatch_named_members_total{shadow="false"}[1h]))',
        "sum(increase(stillwatch_alerts_total[1h]))",
        'sum(increase(stillwatch_verdicts_total{verdict="innocent",subject_kind="campaign"}[1h]))',
        "sum(increase(stillwatch_lesson_loss_count[1h]))",
        "sum(increase(stillwatch_learned_windows_total[1h]))",
        "sum(stillwatch_active_campaign_accounts)",
        'sum(increase(stillwatch_checks_total{answer!="pass"}[1h]))',
        'sum(increase(stillwatch_decision_records_total{outcome="fresh",source="log"}[1h]))',
        'sum(increase(stillwatch_notifier_deliveries_total{outcome="taken"}[1h]))',
    ],
)
def test_what_happened_is_seen(happened: str, scene: Watched) -> None:
    prometheus = Prometheus(scene.prometheus)

    def most() -> float:
        found = prometheus.ask(happened, start_s=scene.began_s, end_s=time.time(), step_s=1)
        return max((value for it in found for _, value in it.points), default=0.0)

    assert wait_until(lambda: most() > 0, seconds=60)


def test_what_is_no_promql_is_refused_in_a_sentence(scene: Watched) -> None:
    with pytest.raises(PrometheusError, match=r"refuses the question sum\(: .*parse error"):
        Prometheus(scene.prometheus).ask("sum(", start_s=0, end_s=1, step_s=1)


def test_the_page_shows_every_panel_and_needs_nothing_beside_it(
    scene: Watched, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "page.html"
    with pytest.raises(SystemExit) as ended:
        main(["status", "--prometheus", scene.prometheus, "--out", str(out), "--hours", "0.1"])
    said = capfd.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"{out}: {len(PANELS)} panels")
    assert (ended.value.code == 1) == ("; bad: " in said.err)
    html = out.read_text()
    text = re.sub("</?code>", "`", unescape(html))
    for dashboard in DASHBOARDS:
        for panel in dashboard.panels:
            assert f"<h3>{panel.title}" in text
            assert f"Next: {panel.then}" in text
    assert "Prometheus has nothing of this" not in text
    assert re.findall(r"https?://[^\s<\"]+", text) == [scene.prometheus]
    assert "<script" not in html
    assert "NaN" not in html
    paths = re.findall(r'<path class="k\d" d="(M[^"]+)"', html)
    assert len(paths) > len(PANELS)
