"""The worker's metrics page, read as anyone's Prometheus would read it."""

from collections import Counter
from collections.abc import Iterable
from http.client import HTTPConnection, HTTPException
from itertools import groupby

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from agents.demo.snapshot import Work
from streams.decisions import LADDER

TIMEOUT_S = 2.0


def fetch(host: str, port: int) -> Work | None:
    """Ask the worker at `host`:`port`; None if it does not answer (yet). Blocks for two seconds at most."""
    connection = HTTPConnection(host, port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", "/metrics")
        return read(connection.getresponse().read().decode())
    except (OSError, HTTPException):
        return None
    finally:
        connection.close()


def read(text: str) -> Work:
    """The figures of a metrics page."""
    families = {family.name: family for family in text_string_to_metric_families(text)}
    events = _by_label(families, "stillwatch_events_read", "_total", "stage")
    windows = _by_label(families, "stillwatch_windows_held", "", "stage")
    decisions = _by_label(families, "stillwatch_decisions", "_total", "action")
    return Work(
        events=events["observe"],
        stage_records=events["networks"] + events["campaigns"],
        lag=_by_label(families, "stillwatch_lag_records", "", "topic").total(),
        accounts=windows["observe"],
        links=windows["networks"],
        dead_letters=_by_label(families, "stillwatch_dead_letters", "_total", "reason").total(),
        decisions=tuple((action, decisions[action]) for action in (*LADDER[1:], LADDER[0])),
        decision_seconds=_buckets(_samples(families, "stillwatch_append_to_decision_seconds", "_bucket")),
    )


def _samples(families: dict[str, Metric], name: str, suffix: str) -> list[Sample]:
    family = families.get(name)
    return [] if family is None else [sample for sample in family.samples if sample.name == name + suffix]


def _by_label(families: dict[str, Metric], name: str, suffix: str, label: str) -> Counter[str]:
    """The sums of a metric by one of its labels."""
    sums: Counter[str] = Counter()
    for sample in _samples(families, name, suffix):
        sums[sample.labels[label]] += int(sample.value)
    return sums


def _buckets(samples: Iterable[Sample]) -> tuple[tuple[float, int], ...]:
    """A histogram's (upper bound, observations up to it), smallest bound first."""
    bounds = sorted((float(sample.labels["le"]), int(sample.value)) for sample in samples)
    return tuple((bound, sum(count for _, count in same)) for bound, same in groupby(bounds, key=lambda pair: pair[0]))
