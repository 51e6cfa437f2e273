"""Partitions that are kept together: what is due and what waits, without Kafka and by a clock of the test."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from random import Random

from faust.types import TP
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from agents.transport import Record
from agents.transport.pace import Pace

TOPIC = "stillwatch.requests"
A, B, C = (TP(TOPIC, number) for number in range(3))
WITHIN_MS = 100


class Row(Struct):
    """A record that tells when what it says happened."""

    offset: int
    timestamp: int
    timestamp_type: int = 1
    key: bytes | None = None
    value: bytes | None = None
    headers: Sequence[tuple[str, bytes | None]] = ()


class Clock:
    """Seconds, as a test says."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Topic:
    """A log of partitions, each given by the times of its records, that a `Pace` reads."""

    def __init__(self, times: Mapping[TP, Sequence[int]], clock: Clock, *, patience_s: float = math.inf) -> None:
        self.times = times
        self.pace = Pace(TOPIC, _time_of, within_ms=WITHIN_MS, patience_s=patience_s, clock=clock)
        self.pace.begin(dict.fromkeys(times, 0), {tp: len(of) for tp, of in times.items()})
        self.fetched: defaultdict[TP, int] = defaultdict(int)

    def fetch(self, tp: TP, count: int = 1_000) -> None:
        start = self.fetched[tp]
        rows: list[Record] = [Row(start + number, at) for number, at in enumerate(self.times[tp][start:][:count])]
        self.fetched[tp] += len(rows)
        if rows:
            self.pace.add(tp, rows)

    def take(self) -> dict[TP, list[int]]:
        """The times of what is due."""
        return {tp: [it.timestamp for it in batch] for tp, batch in self.pace.take(lambda tp: len(self.times[tp]))}


def _time_of(record: Record) -> int:
    return record.timestamp


def test_what_is_near_the_end_of_the_log_is_due_at_once() -> None:
    topic = Topic({A: [10, 20, 30], B: [25, 110]}, Clock())
    topic.fetch(A)
    topic.fetch(B)
    assert topic.take() == {A: [10, 20, 30], B: [25, 110]}
    assert (topic.take(), [*topic.pace.held]) == ({}, [])


def test_a_partition_waits_for_another_that_has_earlier_records_and_none_of_them_here() -> None:
    topic = Topic({A: [0, 50, 900], B: [40, 950]}, Clock())
    topic.fetch(A)
    assert (topic.take(), [*topic.pace.held]) == ({}, [A])
    topic.fetch(B)
    assert topic.take() == {A: [0, 50], B: [40]}
    assert topic.take() == {A: [900], B: [950]}


def test_a_partition_at_its_end_is_waited_for_by_nobody() -> None:
    topic = Topic({A: [0, 50, 900, 2_000], B: []}, Clock())
    topic.fetch(A)
    assert [topic.take() for _ in range(4)] == [{A: [0, 50]}, {A: [900]}, {A: [2_000]}, {}]


def test_a_partition_that_has_come_far_and_has_more_is_waited_for_only_by_what_is_later() -> None:
    topic = Topic({A: [0, 450, 560], B: [0, 400, 520]}, Clock())
    topic.fetch(A)
    topic.fetch(B, 2)
    assert [topic.take() for _ in range(3)] == [{A: [0], B: [0]}, {A: [450], B: [400]}, {}]
    topic.fetch(B)
    assert topic.take() == {A: [560], B: [520]}


def test_a_partition_that_brings_nothing_is_waited_for_no_longer_than_patience_lasts_until_it_grows() -> None:
    clock = Clock()
    topic = Topic({A: [0, 50, 900, 2_000], B: [10]}, clock, patience_s=2)
    topic.fetch(A, 3)
    assert topic.take() == {}
    clock.now = 1.9
    assert topic.take() == {}
    clock.now = 2.0
    assert [topic.take() for _ in range(3)] == [{A: [0, 50]}, {A: [900]}, {}]
    topic.times = {**topic.times, B: [10, 20]}
    topic.fetch(A)
    assert topic.take() == {}
    topic.fetch(B)
    assert [topic.take() for _ in range(3)] == [{B: [10, 20]}, {A: [2_000]}, {}]


def test_a_partition_that_is_slow_delays_another_no_longer_than_patience_lasts_each_time() -> None:
    clock = Clock()
    topic = Topic({A: [1_000, 1_050, 2_000], B: [0, 200, 400, 600]}, clock, patience_s=2)
    topic.fetch(A)
    topic.fetch(B)
    assert topic.take() == {B: [0]}
    clock.now = 2.0
    assert topic.take() == {A: [1_000, 1_050], B: [200]}
    assert topic.take() == {B: [400]}


def test_who_has_waited_does_so_again_only_once_it_has_come_further_by_as_much_as_it_may_be_ahead() -> None:
    clock = Clock()
    topic = Topic({A: [1_000, 1_050, 1_100, 1_101], B: [0, 500, 600]}, clock, patience_s=2)
    topic.fetch(A, 1)
    topic.fetch(B)
    assert topic.take() == {B: [0]}
    clock.now = 2.0
    assert topic.take() == {A: [1_000], B: [500, 600]}
    topic.times = {**topic.times, B: [*topic.times[B], 700, 800]}
    topic.fetch(A, 1)
    topic.fetch(B)
    assert topic.take() == {A: [1_050], B: [700, 800]}
    topic.times = {**topic.times, B: [*topic.times[B], 801, 950]}
    topic.fetch(A)
    topic.fetch(B)
    assert topic.take() == {A: [1_100], B: [801]}
    assert topic.take() == {B: [950]}
    assert topic.take() == {A: [1_101]}


def test_what_is_dated_long_ago_holds_nothing_up_but_until_it_is_taken() -> None:
    topic = Topic({A: [5_000, 1, 5_010], B: [5_005, 5_006]}, Clock())
    topic.fetch(A)
    topic.fetch(B)
    assert topic.take() == {A: [5_000, 1, 5_010], B: [5_005, 5_006]}
    assert topic.take() == {}


def test_partitions_that_are_forgotten_or_read_anew_leave_nothing_behind() -> None:
    topic = Topic({A: [0, 900], B: [0, 900], C: [0]}, Clock())
    topic.fetch(A)
    topic.pace.forget([A, C])
    assert (topic.take(), [*topic.pace.held]) == ({}, [])
    topic.fetch(B)
    assert topic.take() == {B: [0]}
    topic.pace.begin({A: 1, B: 1, TP("another", 0): 7}, {A: 2, B: 2, TP("another", 0): 9})
    assert (topic.take(), [*topic.pace.held]) == ({}, [])
    topic.pace.add(A, [Row(1, 900)])
    assert topic.take() == {}, "B has more"
    topic.pace.add(B, [Row(1, 900)])
    assert topic.take() == {A: [900], B: [900]}


_times = st.lists(st.integers(0, 1_000), max_size=30).map(sorted)


@given(st.lists(_times, min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_everything_comes_once_in_order_and_nothing_long_before_what_is_earlier(
    lists: list[list[int]], random: Random
) -> None:
    topic = Topic({TP(TOPIC, number): of for number, of in enumerate(lists)}, Clock())
    came: dict[TP, list[int]] = {tp: [] for tp in topic.times}
    for _ in range(10 * sum(map(len, lists)) + 10):
        waiting = [tp for tp in topic.times if tp not in topic.pace.held and topic.fetched[tp] < len(topic.times[tp])]
        if waiting:
            topic.fetch(random.choice(waiting), random.randint(1, 12))
        before = {tp: len(of) for tp, of in came.items()}
        for tp, times in topic.take().items():
            earliest = min(of[before[it]] for it, of in topic.times.items() if before[it] < len(of))
            assert times[-1] <= earliest + WITHIN_MS
            came[tp] += times
    assert came == topic.times


@given(st.lists(st.integers(0, 1_000), min_size=1, max_size=30), st.integers(1, 30))
def test_a_partition_alone_is_read_to_its_end_whatever_its_records_say(times: list[int], first: int) -> None:
    topic = Topic({A: times}, Clock())
    topic.fetch(A, first)
    topic.fetch(A)
    came: list[int] = []
    while taken := topic.take():
        came += taken[A]
    assert came == times
