import re
from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric

from agents.deadletters import Reason
from agents.metrics import DECISION_SECONDS, Metrics

ALLOWED_LABELS = {
    "action",
    "answer",
    "le",
    "operation",
    "partition",
    "python",
    "reason",
    "shadow",
    "stage",
    "subject_kind",
    "topic",
    "version",
}
UNITLESS_GAUGES = {"stillwatch_last_offset", "stillwatch_windows_held"}


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def metrics(registry: CollectorRegistry) -> Metrics:
    made = Metrics(registry)
    made.place("stillwatch.requests", 0, position=10, end_offset=12)
    made.learning_refusals.labels(reason="warm_up").inc()
    made.redis_seconds.labels(operation="apply").observe(0.001)
    return made


def families(registry: CollectorRegistry) -> Iterator[Metric]:
    found = list(registry.collect())
    assert len(found) == len(Metrics.__slots__)
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
            assert family.name.endswith("_seconds")
        elif family.type == "gauge":
            assert family.name.endswith("_records") or family.name in UNITLESS_GAUGES
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


def test_no_metric_can_be_added_afterwards(metrics: Metrics) -> None:
    with pytest.raises(AttributeError):
        metrics.another = 1  # type: ignore[attr-defined]


@pytest.mark.usefixtures("metrics")
def test_the_page_has_no_created_series_and_names_the_build(registry: CollectorRegistry) -> None:
    page = generate_latest(registry).decode()
    assert "_created" not in page
    assert re.search(r'^stillwatch_build_info\{python="3[^"]+",version="[^"]+"\} 1\.0$', page, re.MULTILINE)
