from prometheus_client import CollectorRegistry

from agents.progress import Progress
from agents.vitals import Vitals


def test_what_prometheus_sees_is_how_the_worker_is_at_that_moment() -> None:
    now = 0.0
    unsent = {"observe": 0, "campaigns": 0}
    progress = Progress(stall_after_s=60, clock=lambda: now)
    registry = CollectorRegistry()
    registry.register(Vitals(progress, {"observe": lambda: unsent["observe"], "campaigns": lambda: 0}))

    def seen() -> tuple[float | None, ...]:
        names = ("stillwatch_worker_ready", "stillwatch_stalled_partitions")
        outbox = registry.get_sample_value("stillwatch_outbox_records", {"stage": "observe"})
        return (*(registry.get_sample_value(name) for name in names), outbox)

    assert seen() == (0, 0, 0)
    progress.assigned([("requests", 0), ("requests", 1)])
    progress.ready()
    unsent["observe"] = 3
    assert seen() == (1, 0, 3)
    now = 61.0
    progress.advanced(("requests", 1), 5, 5)
    assert seen() == (1, 1, 3)
    progress.not_ready("Redis does not answer in time.")
    assert seen() == (0, 1, 3)
    assert registry.get_sample_value("stillwatch_outbox_records", {"stage": "campaigns"}) == 0


def test_the_names_are_taken_once_they_are_registered() -> None:
    assert [it.name for it in Vitals(Progress(), {}).describe()] == [
        "stillwatch_worker_ready",
        "stillwatch_stalled_partitions",
        "stillwatch_outbox_records",
    ]
