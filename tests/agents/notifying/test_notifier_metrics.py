"""The metrics of a notifier: bounded labels, every series there from the beginning."""

from prometheus_client import CollectorRegistry

from agents.notifying.metrics import NotifierMetrics


def test_labels_are_short_words_and_the_alertmanagers_that_were_named() -> None:
    registry = CollectorRegistry()
    NotifierMetrics(registry, ["one:9093", "two:9093"])
    found: dict[str, set[str]] = {}
    for family in registry.collect():
        assert family.samples, family.name
        for sample in family.samples:
            for label, value in sample.labels.items():
                found.setdefault(label, set()).add(value)
    assert found.keys() - {"commit"} == {"action", "alertmanager", "le", "outcome", "python", "version"}
    assert found["alertmanager"] == {"one:9093", "two:9093"}
    assert found["action"] == {"throttle", "challenge", "suspend"}


def test_a_round_that_was_taken_says_when_and_how_long_its_news_took() -> None:
    registry = CollectorRegistry()
    metrics = NotifierMetrics(registry, ["one"])
    metrics.count_delivery("one", "failed", 50_000, [10_000])
    labels = {"alertmanager": "one"}
    assert registry.get_sample_value("stillwatch_notifier_delivered_timestamp_seconds", labels) == 0
    metrics.count_delivery("one", "taken", 60_000, [10_000, 59_000])
    assert registry.get_sample_value("stillwatch_notifier_delivered_timestamp_seconds", labels) == 60
    assert registry.get_sample_value("stillwatch_notifier_append_to_alert_seconds_sum", labels) == 51
    counted = [
        registry.get_sample_value("stillwatch_notifier_deliveries_total", labels | {"outcome": outcome})
        for outcome in ("taken", "failed", "refused")
    ]
    assert counted == [1, 1, 0]


def test_what_is_no_longer_active_is_shown_as_none() -> None:
    registry = CollectorRegistry()
    metrics = NotifierMetrics(registry, [])
    metrics.show({"suspend": (2, 40)})
    metrics.show({"throttle": (1, 5)})
    shown = [
        registry.get_sample_value(name, {"action": action})
        for name in ("stillwatch_active_campaigns", "stillwatch_active_campaign_accounts")
        for action in ("suspend", "throttle")
    ]
    assert shown == [0, 1, 0, 5]
