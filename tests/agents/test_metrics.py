import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric

from agents.deadletters import Reason
from agents.metrics import DECISION_SECONDS, Metrics
from streams.stages.shape import StageName

ROOT = Path(__file__).resolve().parents[2]

ALLOWED_LABELS = {
    "action",
    "answer",
    "commit",
    "le",
    "measure",
    "operation",
    "outcome",
    "partition",
    "python",
    "reason",
    "shadow",
    "stage",
    "subject_kind",
    "topic",
    "verdict",
    "version",
}
UNITLESS_HISTOGRAMS = {"stillwatch_campaign_probability", "stillwatch_lesson_loss"}
GAUGES = {"stillwatch_last_offset", "stillwatch_learned_timestamp_seconds", "stillwatch_windows_held"}
"""Those that do not count records."""


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def metrics(registry: CollectorRegistry) -> Metrics:
    made = Metrics(registry)
    made.place("stillwatch.requests", 0, position=10, end_offset=12)
    made.redis_seconds.labels(operation="apply").observe(0.001)
    made.traffic_share.labels(measure="payment").set(0.9)
    return made


def families(registry: CollectorRegistry) -> Iterator[Metric]:
    found = list(registry.collect())
    assert len(found) == len([name for name in vars(Metrics(CollectorRegistry())) if not name.startswith("_")])
    yield from found


@pytest.mark.usefixtures("metrics")
def test_no_label_is_outside_the_short_list_of_bounded_names(registry: CollectorRegistry) -> None:
    for family in families(registry):
        assert family.samples, family.name
        for sample in family.samples:
            assert set(sample.labels) <= ALLOWED_LABELS, sample


@pytest.mark.usefixtures("metrics")
def test_every_metric_has_our_prefix_and_a_help_text_that_is_a_sentence(registry: CollectorRegistry) -> None:
    for family in families(registry):
        assert re.fullmatch(r"stillwatch_[a-z_]+[a-z]", family.name)
        assert re.fullmatch(r"[A-Z][^\n]*\.", family.documentation), family.name


@pytest.mark.usefixtures("metrics")
def test_units_and_suffixes_follow_prometheus(registry: CollectorRegistry) -> None:
    for family in families(registry):
        if family.type == "counter":
            assert all(sample.name == f"{family.name}_total" for sample in family.samples), family.name
        elif family.type == "histogram":
            assert family.name.endswith("_seconds") or family.name in UNITLESS_HISTOGRAMS
        elif family.type == "gauge":
            assert family.name.endswith(("_records", "_ratio")) or family.name in GAUGES
        else:
            assert (family.type, family.name) == ("info", "stillwatch_build")


def test_the_latency_buckets_run_from_ten_milliseconds_to_a_minute_and_know_the_target_of_one_second() -> None:
    assert (DECISION_SECONDS[0], DECISION_SECONDS[-1]) == (0.01, 60)
    assert 1 in DECISION_SECONDS


@pytest.mark.usefixtures("metrics")
def test_every_reason_of_a_dead_letter_starts_at_zero(registry: CollectorRegistry) -> None:
    assert {
        r: registry.get_sample_value("stillwatch_dead_letters_total", {"reason": r}) for r in Reason
    } == dict.fromkeys(Reason, 0.0)


def test_a_decision_is_counted_under_its_action_kind_and_shadow(metrics: Metrics, registry: CollectorRegistry) -> None:
    metrics.count_decision("suspend", "account", shadow=True)
    labels = {"action": "suspend", "subject_kind": "account"}
    assert registry.get_sample_value("stillwatch_decisions_total", {**labels, "shadow": "true"}) == 1
    assert registry.get_sample_value("stillwatch_decisions_total", {**labels, "shadow": "false"}) == 0


def test_members_are_counted_apart_from_those_in_shadow(metrics: Metrics, registry: CollectorRegistry) -> None:
    metrics.count_decision("throttle", "campaign", shadow=False, members=7)
    metrics.count_decision("suspend", "campaign", shadow=False, members=2)
    metrics.count_decision("suspend", "campaign", shadow=True, members=5)
    assert registry.get_sample_value("stillwatch_named_members_total", {"shadow": "false"}) == 9
    assert registry.get_sample_value("stillwatch_named_members_total", {"shadow": "true"}) == 5


def test_when_a_window_taught_last_is_told_by_stage(
    metrics: Metrics, registry: CollectorRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    def at(stage: str) -> float | None:
        return registry.get_sample_value("stillwatch_learned_timestamp_seconds", {"stage": stage})

    started = at("networks")
    assert started is not None
    assert abs(started - time.time()) < 600
    monkeypatch.setattr(time, "time", lambda: 1_791_158_400.5)
    metrics.count_tally("observe", {"learned": 0, "late": 1})
    assert at("observe") != 1_791_158_400.5
    metrics.count_tally("observe", {"learned": 3})
    assert (at("observe"), at("networks")) == (1_791_158_400.5, started)


def test_what_a_fold_tallies_is_counted_by_stage(metrics: Metrics, registry: CollectorRegistry) -> None:
    tally = {"late": 2, "clamped": 3, "gate_strange": 4, "learned": 5, "withheld": 6, "duplicate": 7}
    metrics.count_tally("observe", tally)
    metrics.count_tally("networks", {"late": 1})
    by_stage = {"stage": "observe"}
    assert registry.get_sample_value("stillwatch_late_events_total", by_stage) == 2
    assert registry.get_sample_value("stillwatch_clamped_events_total") == 3
    assert registry.get_sample_value("stillwatch_learning_refusals_total", {**by_stage, "reason": "strange"}) == 4
    assert registry.get_sample_value("stillwatch_learned_windows_total", by_stage) == 5
    assert registry.get_sample_value("stillwatch_withheld_decisions_total", by_stage) == 6
    assert registry.get_sample_value("stillwatch_duplicates_total", by_stage) == 7
    assert registry.get_sample_value("stillwatch_late_events_total", {"stage": "networks"}) == 1


@pytest.mark.parametrize("reason", ["unknown", "taken_in"])
def test_a_verdict_that_met_no_campaign_is_counted(metrics: Metrics, registry: CollectorRegistry, reason: str) -> None:
    metrics.count_tally("campaigns", {f"verdict_{reason}": 1})
    assert registry.get_sample_value("stillwatch_unmet_verdicts_total", {"reason": reason}) == 1


def test_every_name_that_a_stage_tallies_has_a_metric(metrics: Metrics) -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "streams" / "stages").glob("*.py"))
    names = set(re.findall(r'tally\["([a-z_]+)"\]', text))
    assert names
    for stage in get_args(StageName):
        metrics.count_tally(stage, dict.fromkeys(names, 1))


def test_a_tally_that_no_metric_stands_for_is_a_bug(metrics: Metrics) -> None:
    with pytest.raises(KeyError):
        metrics.count_tally("observe", {"account_17": 1})


def test_a_place_shows_the_lag_and_the_last_offset(metrics: Metrics, registry: CollectorRegistry) -> None:
    labels = {"topic": "stillwatch.requests", "partition": "0"}
    assert registry.get_sample_value("stillwatch_lag_records", labels) == 2
    assert registry.get_sample_value("stillwatch_last_offset", labels) == 9
    metrics.place("stillwatch.requests", 0, position=12, end_offset=11)
    assert registry.get_sample_value("stillwatch_lag_records", labels) == 0


def test_a_partition_that_went_elsewhere_is_no_longer_shown(metrics: Metrics, registry: CollectorRegistry) -> None:
    metrics.place("stillwatch.requests", 1, position=1, end_offset=1)
    metrics.forget("stillwatch.requests", 0)
    metrics.forget("stillwatch.requests", 7)
    shown = [s.labels["partition"] for f in registry.collect() if f.name == "stillwatch_lag_records" for s in f.samples]
    assert shown == ["1"]


def test_the_same_registry_cannot_hold_two_sets(metrics: Metrics, registry: CollectorRegistry) -> None:
    assert isinstance(metrics, Metrics)
    with pytest.raises(ValueError, match="Duplicated"):
        Metrics(registry)


@pytest.mark.usefixtures("metrics")
def test_the_page_has_no_created_series_and_names_the_build(registry: CollectorRegistry) -> None:
    page = generate_latest(registry).decode()
    assert "_created" not in page
    assert re.search(
        r'^stillwatch_build_info\{(commit="[^"]+",)?python="3[^"]+",version="[^"]+"\} 1\.0$', page, re.MULTILINE
    )


@pytest.mark.usefixtures("metrics")
def test_promtool_finds_nothing_wrong_with_the_page(registry: CollectorRegistry) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed; Debian has it in the package prometheus")
    checked = subprocess.run(  # noqa: S603 - the program is Prometheus' own
        [promtool, "check", "metrics"], input=generate_latest(registry), capture_output=True, check=False, timeout=60
    )
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, b"")
