"""Every metric that Stillwatch has, declared once.

Names follow Prometheus: base units in the name (`_seconds`), counters end in `_total`. A label is only ever one of
a short list of words, a topic or a partition: never an account, an address, a hash or a campaign, because each new
value is a new series, and because a metrics page has no right to know who somebody is.
"""

from collections.abc import Iterable, Mapping
from typing import Final, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, disable_created_metrics
from prometheus_client.metrics import MetricWrapperBase

from agents import built
from agents.deadletters import Reason
from agents.metric_labels import GateReason, LessonOutcome, UnmetReason, WindowStage
from agents.store import AnswerKind
from streams.decisions import Action, SubjectKind
from streams.drift import MEASURES
from streams.feedback import ReviewedKind, Word
from streams.stages.shape import Measure, Output, StageName

BATCH_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
DECISION_SECONDS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
LOSSES: Final = (0.01, 0.05, 0.1, 0.2, 0.4, 0.7, 1, 2, 4)
PROBABILITIES: Final = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1)
REDIS_SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)


class Metrics:
    """The metrics of one process, registered with `registry` when this is made.

    Every attribute is final, and each is a metric that prometheus-client makes safe to use from any thread. Counters
    whose labels are known beforehand start at zero, so that a first event is a rise and not a new series.
    Raises ValueError when the registry has these names already.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        # The `_created` series would double what Prometheus stores, and no rule reads them.
        disable_created_metrics()
        self.events_read: Final = Counter(
            "stillwatch_events_read", "Events read, by the stage that read them.", ["stage"], registry=registry
        )
        self.dead_letters: Final = Counter(
            "stillwatch_dead_letters",
            "Records sent to the dead-letter topic, by reason.",
            ["reason"],
            registry=registry,
        )
        self.batch_seconds: Final = Histogram(
            "stillwatch_batch_seconds",
            "Seconds from taking a batch to its acknowledgement, by stage.",
            ["stage"],
            buckets=BATCH_SECONDS,
            registry=registry,
        )
        self.append_to_decision_seconds: Final = Histogram(
            "stillwatch_append_to_decision_seconds",
            "Seconds from a request's append to the acknowledgement of the decision that it led to.",
            buckets=DECISION_SECONDS,
            registry=registry,
        )
        self.lag: Final = Gauge(
            "stillwatch_lag_records", "Records not yet processed.", ["topic", "partition"], registry=registry
        )
        self.last_offset: Final = Gauge(
            "stillwatch_last_offset", "The last offset processed.", ["topic", "partition"], registry=registry
        )
        self.windows_held: Final = Gauge(
            "stillwatch_windows_held",
            "Sliding windows held: of accounts by observe, of networks and other shared things by networks.",
            ["stage"],
            registry=registry,
        )
        self.decisions: Final = Counter(
            "stillwatch_decisions",
            "Decisions emitted, by action and kind of subject; shadow ones are not enforced.",
            ["action", "subject_kind", "shadow"],
            registry=registry,
        )
        self.alerts: Final = Counter(
            "stillwatch_alerts",
            "Alerts about campaigns that went out to on-call, by action.",
            ["action"],
            registry=registry,
        )
        self.named_members: Final = Counter(
            "stillwatch_named_members",
            "Accounts that decisions named as members of a campaign; again when another campaign takes it in.",
            ["shadow"],
            registry=registry,
        )
        self.learning_refusals: Final = Counter(
            "stillwatch_learning_refusals",
            "Windows that the gate kept away from the anomaly model, by stage and reason.",
            ["stage", "reason"],
            registry=registry,
        )
        self.late_events: Final = Counter(
            "stillwatch_late_events",
            "Events that came after one of a later minute of the same account or link, by stage.",
            ["stage"],
            registry=registry,
        )
        self.clamped_events: Final = Counter(
            "stillwatch_clamped_events", "Events ahead of their append time, moved back to it.", registry=registry
        )
        self.redis_seconds: Final = Histogram(
            "stillwatch_redis_seconds",
            "Seconds of one round trip to Redis, by operation.",
            ["operation"],
            buckets=REDIS_SECONDS,
            registry=registry,
        )
        self.redis_fence_answers: Final = Counter(
            "stillwatch_redis_fence_answers", "Answers of fenced Redis scripts, by kind.", ["answer"], registry=registry
        )
        self.rebuilt_partitions: Final = Counter(
            "stillwatch_rebuilt_partitions",
            "Partitions that were rebuilt from the log, because Redis had lost states or held older ones.",
            registry=registry,
        )
        self.refused_models: Final = Counter(
            "stillwatch_refused_models",
            "Models that Redis held without a good signature, by stage; each begins anew.",
            ["stage"],
            registry=registry,
        )
        self.removed_records: Final = Counter(
            "stillwatch_removed_records",
            "Records that the log no longer had when they were to be read.",
            registry=registry,
        )
        self.learned_windows: Final = Counter(
            "stillwatch_learned_windows",
            "Windows that taught the anomaly model, by stage.",
            ["stage"],
            registry=registry,
        )
        self.learned_at: Final = Gauge(
            "stillwatch_learned_timestamp_seconds",
            "When a window last taught the anomaly model here, by stage; until one does, when the process started.",
            ["stage"],
            registry=registry,
        )
        self.withheld_decisions: Final = Counter(
            "stillwatch_withheld_decisions",
            "Decisions that the cap on accounts per hour held back, by stage.",
            ["stage"],
            registry=registry,
        )
        self.duplicates: Final = Counter(
            "stillwatch_duplicates", "Records that a stage had taken before, by stage.", ["stage"], registry=registry
        )
        self.verdicts: Final = Counter(
            "stillwatch_verdicts",
            "Verdicts of reviewers that were taken, by what they say and of what.",
            ["verdict", "subject_kind"],
            registry=registry,
        )
        self.unmet_verdicts: Final = Counter(
            "stillwatch_unmet_verdicts",
            "Verdicts about a campaign that did nothing: nobody knows the campaign, or another one took it in.",
            ["reason"],
            registry=registry,
        )
        self.lessons: Final = Counter(
            "stillwatch_lessons",
            "Verdicts that taught the model of campaigns, and whether it had said so before; first it warms up.",
            ["verdict", "outcome"],
            registry=registry,
        )
        self.lesson_loss: Final = Histogram(
            "stillwatch_lesson_loss",
            "Log loss of what the model of campaigns said before each lesson, in nats; 0.69 is a coin.",
            buckets=LOSSES,
            registry=registry,
        )
        self.campaign_probability: Final = Histogram(
            "stillwatch_campaign_probability",
            "How likely a reviewer would confirm a campaign, by the model of campaigns, at each decision about one.",
            buckets=PROBABILITIES,
            registry=registry,
        )
        self.drifts: Final = Counter(
            "stillwatch_drifts",
            "Times that what share of the requests has a field, fails or opens a conversation has moved for good.",
            ["measure"],
            registry=registry,
        )
        self.traffic_share: Final = Gauge(
            "stillwatch_traffic_share_ratio",
            "What share of the requests has a field, fails or opens a conversation, in as long a time as it is steady.",
            ["measure"],
            registry=registry,
        )
        self._measured: Final[dict[Measure, Histogram]] = {
            "campaign_probability": self.campaign_probability,
            "lesson_loss": self.lesson_loss,
        }
        self.build: Final = Info(*built.METRIC, registry=registry)
        self.build.info(built.labels())
        self._tallied: Final = self._by_tally()
        self._start_at_zero()

    def count_decision(self, action: Action, subject_kind: SubjectKind, *, shadow: bool, members: int = 0) -> None:
        """Count one decision, and the accounts that it names as members of a campaign."""
        self.decisions.labels(action=action, subject_kind=subject_kind, shadow=_word(shadow)).inc()
        self.named_members.labels(shadow=_word(shadow)).inc(members)

    def count_output(self, stage: StageName, output: Output) -> None:
        """Count and measure what a fold said that it is worth it. Raises KeyError as `count_tally`."""
        self.count_tally(stage, output.tally)
        for name, value in output.measured:
            self._measured[name].observe(value)

    def count_tally(self, stage: StageName, tally: Mapping[str, int]) -> None:
        """Count what a fold tallied. Raises KeyError for a name that no metric stands for, which is a bug."""
        for name, count in tally.items():
            self._tallied[stage, name].inc(count)
        if tally.get("learned"):
            self.learned_at.labels(stage=stage).set_to_current_time()

    def place(self, topic: str, partition: int, *, position: int, end_offset: int) -> None:
        """Show how far a partition is: `position` is the next offset to process, `end_offset` the end of the log."""
        self.lag.labels(topic=topic, partition=partition).set(max(0, end_offset - position))
        self.last_offset.labels(topic=topic, partition=partition).set(position - 1)

    def forget(self, topic: str, partition: int) -> None:
        """Stop showing a partition that another worker has now; its last lag would stand here for ever."""
        self.lag.remove_by_labels({"topic": topic, "partition": str(partition)})
        self.last_offset.remove_by_labels({"topic": topic, "partition": str(partition)})

    def _by_tally(self) -> dict[tuple[str, str], Counter]:
        """The counter, by stage and by the name that folds tally it under; each starts at zero."""
        by_name = {
            "duplicate": self.duplicates,
            "late": self.late_events,
            "learned": self.learned_windows,
            "withheld": self.withheld_decisions,
        }
        counters: dict[tuple[str, str], Counter] = {}
        for stage in get_args(StageName):
            counters |= {(stage, name): counter.labels(stage=stage) for name, counter in by_name.items()}
            for reason in get_args(GateReason):
                counters[stage, f"gate_{reason}"] = self.learning_refusals.labels(stage=stage, reason=reason)
            counters[stage, "clamped"] = self.clamped_events
            for unmet in get_args(UnmetReason):
                counters[stage, f"verdict_{unmet}"] = self.unmet_verdicts.labels(reason=unmet)
        for word in get_args(Word):
            for outcome in get_args(LessonOutcome):
                counter = self.lessons.labels(verdict=word, outcome=outcome)
                counters["campaigns", f"lesson_{word}_{outcome}"] = counter
        return counters

    def _start_at_zero(self) -> None:
        by_one_word: tuple[tuple[MetricWrapperBase, Iterable[str]], ...] = (
            (self.events_read, get_args(StageName)),
            (self.batch_seconds, get_args(StageName)),
            (self.refused_models, get_args(StageName)),
            (self.windows_held, get_args(WindowStage)),
            (self.drifts, MEASURES),
            (self.dead_letters, [reason.value for reason in Reason]),
            (self.redis_fence_answers, get_args(AnswerKind)),
        )
        for metric, words in by_one_word:
            for word in words:
                metric.labels(word)
        for stage in get_args(WindowStage):
            self.learned_at.labels(stage=stage).set_to_current_time()
        for word in get_args(Word):
            for reviewed in get_args(ReviewedKind):
                self.verdicts.labels(verdict=word, subject_kind=reviewed)
        for action in get_args(Action):
            self.alerts.labels(action=action)
            for kind in get_args(SubjectKind):
                for shadow in (False, True):
                    self.named_members.labels(shadow=_word(shadow))
                    self.decisions.labels(action=action, subject_kind=kind, shadow=_word(shadow))


def _word(truth: bool) -> str:  # noqa: FBT001 - the one argument is what the function is about
    return "true" if truth else "false"
