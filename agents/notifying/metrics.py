"""The metrics of a notifier. A label is a short word or an Alertmanager that the operator named, never a campaign."""

from collections.abc import Iterable, Mapping
from typing import Final, Literal, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info

from agents import built
from agents.enforcement.metrics import Source, Taken
from agents.signing import RefusedFor
from streams.decisions import LIMITING, Action
from streams.enforcement import Age

Delivery = Literal["taken", "refused", "failed"]
"""What became of a round of alerts: the Alertmanager took it, it said no, or it gave no answer that counts."""

ALERT_SECONDS: Final = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600)


class NotifierMetrics:
    """The metrics of one notifier, registered with `registry`. Raises ValueError if it has these names already."""

    def __init__(self, registry: CollectorRegistry, alertmanagers: Iterable[str]) -> None:
        """Every series starts at zero; `alertmanagers` are the names that `deliveries` and its like have as label."""
        Info(*built.METRIC, registry=registry).info(built.labels())
        self._active: Final = Gauge(
            "stillwatch_active_campaigns",
            "Campaigns that are limited now, by action; those in shadow do not count.",
            ("action",),
            registry=registry,
        )
        self._accounts: Final = Gauge(
            "stillwatch_active_campaign_accounts",
            "Accounts that decisions about these campaigns name; who is in two counts twice.",
            ("action",),
            registry=registry,
        )
        self._records: Final = Counter(
            "stillwatch_notifier_decision_records",
            "Records of decisions by what they are among those of the log, as an enforcer counts them.",
            ("outcome",),
            registry=registry,
        )
        self.ready: Final = Gauge(
            "stillwatch_notifier_ready", "1 once all decisions up to the start are known.", registry=registry
        )
        self.heard: Final = Gauge(
            "stillwatch_notifier_heard_timestamp_seconds",
            "When the log of decisions answered last, whether it had any or not.",
            registry=registry,
        )
        self._deliveries: Final = Counter(
            "stillwatch_notifier_deliveries",
            "Rounds of all alerts to an Alertmanager by outcome: taken, refused by it, or failed on the way.",
            ("alertmanager", "outcome"),
            registry=registry,
        )
        self._delivered: Final = Gauge(
            "stillwatch_notifier_delivered_timestamp_seconds",
            "When an Alertmanager last took all alerts; 0 if it never did.",
            ("alertmanager",),
            registry=registry,
        )
        self._append_to_alert: Final = Histogram(
            "stillwatch_notifier_append_to_alert_seconds",
            "From the append of a decision about a campaign to an Alertmanager's having its alert; not of old ones.",
            ("alertmanager",),
            buckets=ALERT_SECONDS,
            registry=registry,
        )
        for outcome in (*get_args(Age), *get_args(RefusedFor), "overlong"):
            self._records.labels(outcome)
        for name in alertmanagers:
            self._delivered.labels(name)
            self._append_to_alert.labels(name)
            for delivery in get_args(Delivery):
                self._deliveries.labels(name, delivery)
        self.show({})

    def count_record(self, outcome: Taken, _source: Source) -> None:
        """Count a record of decisions."""
        self._records.labels(outcome).inc()

    def show(self, active: Mapping[Action, tuple[int, int]]) -> None:
        """Show how many campaigns are limited now, and how many accounts they have, by action."""
        for action in sorted(LIMITING):
            campaigns, accounts = active.get(action, (0, 0))
            self._active.labels(action).set(campaigns)
            self._accounts.labels(action).set(accounts)

    def count_delivery(self, alertmanager: str, delivery: Delivery, at_ms: int, appended_ms: Iterable[int]) -> None:
        """Count a round; where it was taken, decisions appended at those times have become alerts."""
        self._deliveries.labels(alertmanager, delivery).inc()
        if delivery == "taken":
            self._delivered.labels(alertmanager).set(at_ms / 1000)
            for appended in appended_ms:
                self._append_to_alert.labels(alertmanager).observe(max(0, at_ms - appended) / 1000)
