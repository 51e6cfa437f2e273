from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry

from agents.lane import Lane
from agents.progress import Progress
from agents.vitals import Vitals
from streams.stages.shape import StageName


class _Stage:
    def __init__(self, name: StageName) -> None:
        self.name = name


class _Lane:
    """As much of a lane as is looked at."""

    def __init__(self, name: StageName) -> None:
        self.stage = _Stage(name)
        self.unsent = 0


def test_what_prometheus_sees_is_how_the_worker_is_at_that_moment() -> None:
    now = 0.0
    observe, campaigns = _Lane("observe"), _Lane("campaigns")
    progress = Progress(stall_after_s=60, clock=lambda: now)
    registry = CollectorRegistry()
    registry.register(Vitals(progress, cast("list[Lane[Any]]", [observe, campaigns])))

    def seen() -> tuple[float | None, ...]:
        names = ("stillwatch_worker_ready", "stillwatch_stalled_partitions")
        outbox = registry.get_sample_value("stillwatch_outbox_records", {"stage": "observe"})
        return (*(registry.get_sample_value(name) for name in names), outbox)

    assert seen() == (0, 0, 0)
    progress.assigned([("requests", 0), ("requests", 1)])
    progress.ready()
    observe.unsent = 3
    assert seen() == (1, 0, 3)
    now = 61.0
    progress.advanced(("requests", 1), 5, 5)
    assert seen() == (1, 1, 3)
    progress.not_ready("Redis does not answer in time.")
    assert seen() == (0, 1, 3)
    assert registry.get_sample_value("stillwatch_outbox_records", {"stage": "campaigns"}) == 0


def test_the_names_are_taken_once_they_are_registered() -> None:
    registry = CollectorRegistry()
    registry.register(Vitals(Progress(), []))
    with pytest.raises(ValueError, match="Duplicated"):
        registry.register(Vitals(Progress(), []))
