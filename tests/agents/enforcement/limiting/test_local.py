"""Limits that one process counts by itself."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from agents.enforcement.limiting import LimitCounters, LocalLimiter
from streams.decisions import Limits
from streams.enforcement.asking import Room

HOUR = Limits(requests=30, tokens=60_000, window_ms=3_600_000)


@given(st.integers(1, 60), st.lists(st.integers(0, 400_000_000), max_size=80))
def test_no_more_than_the_limits_are_admitted(requests: int, pasts: list[int]) -> None:
    now_us = 0
    limits = Limits(requests, 10_000, 3_600_000)
    limiter = LocalLimiter(clock=lambda: now_us)
    admitted = 0
    for past_us in pasts:
        now_us += past_us
        admitted += sum(limiter.take_now("a", limits, 0).admitted for _ in range(5))
    assert admitted * 3_600_000_000 <= requests * (3_600_000_000 + now_us)


def test_what_others_admitted_is_noted_and_keeps_nobody_waiting_for_longer_than_a_window() -> None:
    now_us = 0
    limiter = LocalLimiter(clock=lambda: now_us)
    for _ in range(90):
        limiter.note("a", HOUR, 5_000)
    assert limiter.take_now("a", HOUR, 0) == Room(admitted=False, remaining=0, retry_after_ms=120_000, is_local=True)
    now_us = 3_600_000_000
    assert [limiter.take_now("a", HOUR, 0).remaining for _ in range(2)] == [29, 28]


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


def test_no_subjects_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        LocalLimiter(subjects=0)


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
