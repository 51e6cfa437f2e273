"""The metrics of what Envoy asks: by service and answer, never by account."""

from typing import Final, Literal, get_args

from prometheus_client import CollectorRegistry, Counter

from streams.enforcement import Answer

Service = Literal["authorization", "rate_limit"]
Unasked = Literal["no_account", "other_domain"]
"""Why a request passes that nobody was asked about."""


class Counted:
    """Counters, each of which starts at zero. Raises ValueError when the registry has them already."""

    __slots__ = ("_answers", "_late")

    def __init__(self, registry: CollectorRegistry) -> None:
        answers = Counter(
            "stillwatch_envoy_answers",
            "Answers to Envoy, by service; no_account and other_domain pass without a check.",
            ["service", "answer"],
            registry=registry,
        )
        late = Counter(
            "stillwatch_envoy_late_checks",
            "Checks that Envoy's own deadline cut short; local state answered.",
            ["service"],
            registry=registry,
        )
        words = (*get_args(Answer), *get_args(Unasked))
        self._answers: Final = {
            (service, word): answers.labels(service=service, answer=word)
            for service in get_args(Service)
            for word in words
        }
        self._late: Final = {service: late.labels(service=service) for service in get_args(Service)}

    def answered(self, service: Service, answer: Answer | Unasked) -> None:
        """One more of that answer."""
        self._answers[service, answer].inc()

    def late(self, service: Service) -> None:
        """One more check that there was no time for."""
        self._late[service].inc()
