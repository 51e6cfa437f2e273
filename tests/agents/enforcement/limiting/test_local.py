"""Limits that one process counts by itself."""

import itertools
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from agents.enforcement.limiting import LimitCounters, LocalLimiter
from streams.decisions import Limits
from streams.enforcement.asking import Room

HOUR = Limits(requests=30, tokens=60_000, window_ms=3_600_000)


@given(st.integers(1, 8), st.integers(1, 60), st.lists(st.integers(0, 400_000_000), max_size=80))
def test_replicas_together_admit_no_more_than_the_limits_but_for_one_each(
    replicas: int, requests: int, pasts: list[int]
) -> None:
    now_us = 0
    limits = Limits(requests, 10_000, 3_600_000)
    limiters = [LocalLimiter(replicas=replicas, clock=lambda: now_us) for _ in range(replicas)]
    admitted = 0
    for past_us, limiter in zip(pasts, itertools.cycle(limiters), strict=False):
        now_us += past_us
        admitted += sum(limiter.take_now("a", limits, 0).admitted for _ in range(5))
    burst = max(requests, replicas)
    assert admitted * 3_600_000_000 <= burst * 3_600_000_000 + requests * now_us


def test_a_share_below_one_request_lets_one_pass_at_the_rate_of_the_share() -> None:
    now_us = 0
    limiter = LocalLimiter(replicas=4, clock=lambda: now_us)
    two = Limits(2, 1_000, 3_600_000)
    assert limiter.take_now("a", two, 0) == Room(admitted=True, remaining=0, is_local=True)
    assert limiter.take_now("a", two, 0).retry_after_ms == 2 * 3_600_000  # half a request in an hour
    now_us = 2 * 3_600_000_000
    assert limiter.take_now("a", two, 0).admitted


def test_what_others_admitted_is_noted_and_keeps_nobody_waiting_for_longer_than_a_window() -> None:
    now_us = 0
    limiter = LocalLimiter(replicas=3, clock=lambda: now_us)
    for _ in range(30):
        limiter.note("a", HOUR, 5_000)
    assert limiter.take_now("a", HOUR, 0) == Room(admitted=False, remaining=0, retry_after_ms=360_000, is_local=True)
    now_us = 3_600_000_000
    assert [limiter.take_now("a", HOUR, 0).remaining for _ in range(2)] == [9, 8]


def test_a_debt_is_not_forgiven_by_what_others_admit() -> None:
    limiter = LocalLimiter(clock=lambda: 0)
    assert limiter.take_now("a", HOUR, 180_000).admitted
    limiter.note("a", HOUR, 10)
    assert limiter.take_now("a", HOUR, 0).retry_after_ms == 2 * 3_600_000


def test_the_subject_that_asked_longest_ago_is_forgotten_first() -> None:
    limiter = LocalLimiter(subjects=2, clock=lambda: 0)
    for key in "abac":
        limiter.take_now(key, HOUR, 0)
    assert limiter.take_now("a", HOUR, 0).remaining == 27
    assert limiter.take_now("b", HOUR, 0).remaining == 29


def test_a_subject_takes_less_than_a_kilobyte() -> None:
    limiter = LocalLimiter(clock=lambda: 10**15)
    limiter.take_now("a", HOUR, 100)
    counted = limiter._counted["a"]  # noqa: SLF001
    meter = counted.meter
    held = (counted, meter, meter.at_us, meter.requests, meter.tokens)
    assert sum(sys.getsizeof(it) for it in held) < 1_000


@pytest.mark.parametrize(("replicas", "subjects"), [(0, 1), (1, 0), (-1, 1)])
def test_no_replicas_or_no_subjects_are_refused(replicas: int, subjects: int) -> None:
    with pytest.raises(ValueError, match="at least one"):
        LocalLimiter(replicas=replicas, subjects=subjects)


def test_near_the_limit_is_less_than_a_fifth_left_of_requests_or_of_tokens() -> None:
    registry = CollectorRegistry()
    limiter = LocalLimiter(clock=lambda: 0, counters=LimitCounters(registry))

    def near() -> float | None:
        return registry.get_sample_value("stillwatch_limit_near_total")

    for _ in range(24):
        limiter.take_now("a", HOUR, 0)
    assert near() == 0
    limiter.take_now("a", HOUR, 0)
    assert near() == 1
    limiter.take_now("b", HOUR, 48_000)
    assert near() == 1
    limiter.take_now("b", HOUR, 1)
    assert near() == 2
    limiter.take_now("b", HOUR, 60_000)  # refused
    assert near() == 2


def test_counters_name_nobody() -> None:
    registry = CollectorRegistry()
    LimitCounters(registry)
    labels = {label for metric in registry.collect() for sample in metric.samples for label in sample.labels}
    assert labels == {"answer", "source", "outcome"}
    assert all(sample.value == 0 for metric in registry.collect() for sample in metric.samples)
