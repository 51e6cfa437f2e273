"""What limits did, for Prometheus; without the name of any subject."""

from typing import Final, Literal, get_args

from prometheus_client import CollectorRegistry, Counter, disable_created_metrics

Source = Literal["redis", "lease", "local"]
"""Who answered: Redis just now, what it said or gave before, or this process by itself."""


class LimitCounters:
    """The metrics of limits, registered with `registry` when this is made; all start at zero.

    Raises ValueError when the registry has these names already.
    """

    __slots__ = ("_admitted", "_refused", "answers", "leased", "near", "unanswered")

    def __init__(self, registry: CollectorRegistry) -> None:
        disable_created_metrics()  # no rule reads them, as in agents.metrics
        self.answers: Final = Counter(
            "stillwatch_limit_answers",
            "Requests of throttled subjects, by what came of them and by who answered.",
            ["answer", "source"],
            registry=registry,
        )
        self.near: Final = Counter(
            "stillwatch_limit_near",
            "Admitted requests that left less than a fifth of a limit.",
            registry=registry,
        )
        self.leased: Final = Counter(
            "stillwatch_limit_leased_requests", "Requests that Redis gave ahead of being asked.", registry=registry
        )
        self.unanswered: Final = Counter(
            "stillwatch_limit_unanswered",
            "Questions that Redis answered too late (late) or not at all (failed).",
            ["outcome"],
            registry=registry,
        )
        for outcome in ("late", "failed"):
            self.unanswered.labels(outcome)
        self._admitted = {source: self.answers.labels("admitted", source) for source in get_args(Source)}
        self._refused = {source: self.answers.labels("refused", source) for source in get_args(Source)}

    def answered(self, source: Source, *, admitted: bool, is_near: bool) -> None:
        """Count one answer."""
        (self._admitted if admitted else self._refused)[source].inc()
        if admitted and is_near:
            self.near.inc()
