"""The metrics page of a worker, read from outside."""

from prometheus_client import CollectorRegistry, generate_latest

from agents.demo import page
from agents.demo.snapshot import Work, quantile
from agents.health import HealthServer
from agents.metrics import Metrics
from agents.progress import Progress


def test_what_a_worker_counts_is_what_is_read() -> None:
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    metrics.events_read.labels(stage="observe").inc(70)
    metrics.events_read.labels(stage="networks").inc(4)
    metrics.place("stillwatch.requests", 0, position=10, end_offset=13)
    metrics.place("stillwatch.requests", 1, position=10, end_offset=14)
    metrics.windows_held.labels(stage="observe").set(12)
    metrics.windows_held.labels(stage="networks").set(34)
    metrics.dead_letters.labels(reason="not_json").inc(2)
    metrics.count_decision("throttle", "campaign", shadow=False)
    metrics.count_decision("throttle", "account", shadow=False)
    metrics.append_to_decision_seconds.observe(0.3)

    work = page.read(generate_latest(registry).decode())

    assert (work.events, work.stage_records, work.lag, work.accounts, work.links) == (70, 4, 7, 12, 34)
    assert work.dead_letters == 2
    assert dict(work.decisions)["throttle"] == 2
    assert quantile(work.decision_seconds, 0.99) == 0.5


def test_an_empty_page_is_no_work_at_all() -> None:
    work = page.read("")

    assert (work.events, work.lag, quantile(work.decision_seconds, 0.5)) == (0, 0, None)


def test_a_page_is_fetched_from_the_health_server_and_nothing_from_where_none_is() -> None:
    registry = CollectorRegistry()
    Metrics(registry).events_read.labels(stage="observe").inc(3)
    with HealthServer(Progress(), registry) as server:
        found = page.fetch("127.0.0.1", server.port)
        port = server.port

    assert isinstance(found, Work)
    assert found.events == 3
    assert page.fetch("127.0.0.1", port) is None


def test_a_quantile_is_the_bound_of_the_bucket_in_which_it_lies() -> None:
    buckets = ((0.1, 1), (1.0, 99), (10.0, 100), (float("inf"), 100))

    assert [quantile(buckets, share) for share in (0.01, 0.5, 0.99, 0.999)] == [0.1, 1.0, 1.0, 10.0]
