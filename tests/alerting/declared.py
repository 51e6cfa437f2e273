"""What our processes have on their metrics pages, with every label that is known before anything happens."""

from functools import cache
from types import SimpleNamespace
from typing import Any

from prometheus_client import CollectorRegistry, ProcessCollector

from agents.enforcement.envoy.counting import Counted
from agents.enforcement.limiting import LimitCounters
from agents.enforcement.metrics import EnforcementMetrics
from agents.metrics import Metrics
from agents.notifying.metrics import NotifierMetrics
from agents.progress import Progress
from agents.vitals import Vitals

Labels = dict[str, str]


@cache
def declared() -> dict[str, list[Labels]]:
    """The labels of every series there is, by the name of its samples; those that come with work once each."""
    worker, enforcer, notifier = CollectorRegistry(), CollectorRegistry(), CollectorRegistry()
    working = Metrics(worker)
    working.place("stillwatch.requests", 0, position=1, end_offset=2)
    working.traffic_share.labels(measure="payment").set(0.5)
    working.redis_seconds.labels(operation="apply").observe(0.1)
    lane: Any = SimpleNamespace(stage=SimpleNamespace(name="observe"), unsent=0)
    worker.register(Vitals(Progress(), [lane]))
    ProcessCollector(registry=worker)
    enforcing = EnforcementMetrics(enforcer)
    for source in ("log", "mirror"):
        enforcing.heard_seconds.labels(source).set(1)
    LimitCounters(enforcer)
    Counted(enforcer)
    NotifierMetrics(notifier, ["127.0.0.1:9093"])
    found: dict[str, list[Labels]] = {}
    for registry in (worker, enforcer, notifier):
        for family in registry.collect():
            for sample in family.samples:
                found.setdefault(sample.name, []).append(sample.labels)
    return found
