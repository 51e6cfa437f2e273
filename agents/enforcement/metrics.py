"""The metrics of an enforcer. As everywhere no label names anybody."""

from typing import Final, Literal, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info

from agents import built
from agents.signing import RefusedFor
from streams.decisions import LIMITING, SubjectKind
from streams.enforcement import Age, Verdict

Taken = Literal[Age, RefusedFor, "overlong"]
"""What became of a record of decisions: how old it is (a fresh one counts), or why it is not taken.

overlong: it would be in force for longer than any of ours, or about accounts opened longer before for how they pay.
"""

Source = Literal["log", "mirror"]
"""Where a record was read."""

CHECK_SECONDS: Final = (0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05)
IN_FORCE_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60)


class EnforcementMetrics:
    """The metrics of one enforcer, registered with `registry`. Raises ValueError if it has these names already."""

    def __init__(self, registry: CollectorRegistry) -> None:
        Info(*built.METRIC, registry=registry).info(built.labels())
        self.check_seconds = Histogram(
            "stillwatch_check_seconds",
            "From a gateway's question to the answer.",
            buckets=CHECK_SECONDS,
            registry=registry,
        )
        self.in_force_seconds = Histogram(
            "stillwatch_decision_in_force_seconds",
            "From a decision's append to the log to its being in force here; not of those read at the start.",
            buckets=IN_FORCE_SECONDS,
            registry=registry,
        )
        self._checks = Counter(
            "stillwatch_checks",
            "Requests by what became of them, and by what kind of decision: none, or the operator's word for unknown.",
            ("answer", "by"),
            registry=registry,
        )
        self._would = Counter(
            "stillwatch_would_refuse",
            "Requests that pass, and are under a decision in shadow; within a throttle some would pass.",
            ("answer",),
            registry=registry,
        )
        self._records = Counter(
            "stillwatch_decision_records",
            "Records of decisions by what they are among those of their source, the log or its mirror.",
            ("outcome", "source"),
            registry=registry,
        )
        self.held = Gauge(
            "stillwatch_held_by_breaker",
            "Subjects that decisions limit and the breaker keeps from being enforced for now.",
            ("kind",),
            registry=registry,
        )
        self.ready = Gauge(
            "stillwatch_enforcer_ready", "1 once all decisions up to the start are known.", registry=registry
        )
        self.heard_seconds = Gauge(
            "stillwatch_enforcer_heard_timestamp_seconds",
            "When a source of decisions, the log or its mirror, answered last, whether it had any or not.",
            ("source",),
            registry=registry,
        )
        for outcome in (*get_args(Age), *get_args(RefusedFor), "overlong"):
            for source in get_args(Source):
                self._records.labels(outcome, source)
        self.held.labels("account")
        self.held.labels("network")
        for answer in sorted(LIMITING):
            self._would.labels(answer)
            for kind in get_args(SubjectKind):
                self._checks.labels(answer, kind)
        for by in ("none", "unknown", *get_args(SubjectKind)):
            self._checks.labels("pass", by)
        self._pass_by_none = self._checks.labels("pass", "none")

    def count(self, verdict: Verdict) -> None:
        """Count an answer."""
        if verdict.subject_kind is None:
            if verdict.is_static:
                self._checks.labels(verdict.answer, "unknown").inc()
            else:
                self._pass_by_none.inc()
            return
        self._checks.labels(verdict.answer, verdict.subject_kind).inc()

    def count_shadow(self, answer: str) -> None:
        """Count a request that would have been answered so if shadow were lifted."""
        self._would.labels(answer).inc()

    def count_record(self, outcome: Taken, source: Source) -> None:
        """Count a record of decisions."""
        self._records.labels(outcome, source).inc()
