"""The bench itself: the shared arithmetic against the slow reference, and the whole harness on a few thousand events.

Exactness is asserted, never speed.
"""

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.benchmarks.plain import report
from tests.benchmarks.plain.arena import Result
from tests.benchmarks.plain.environments import REQUIREMENTS
from tests.benchmarks.plain.field import FIELD, chosen
from tests.benchmarks.plain.in_redis import Held
from tests.benchmarks.plain.job import (
    Alert,
    Wanted,
    Windows,
    decode,
    decode_account,
    decode_alert,
    decode_network,
)
from tests.benchmarks.plain.reference import Reference, Truth
from tests.benchmarks.plain.report import Outcome
from tests.benchmarks.plain.traffic import Traffic
from tests.benchmarks.plain.verdict import Verdict, judge
from tests.benchmarks.plain.watching import Measured

REPOSITORY = Path(__file__).parents[3]
SECONDS = 600

wanted = st.builds(
    Wanted,
    event_id=st.uuids().map(str),
    occurred_at_ms=st.integers(0, 200 * 60_000),
    account_id=st.sampled_from("ab"),
    network_hash=st.sampled_from("xy"),
    output_tokens=st.integers(0, 60),
)


def folded(batches: list[list[Wanted]], limit: int) -> tuple[Windows, list[Alert]]:
    """What `Held` comes to, with everything let go of and loaded again between two batches."""
    stored: dict[str, bytes] = {}
    alerts: list[Alert] = []
    for batch in batches:
        held = Held("p", limit)
        accounts, networks, keys = held.missing(3, batch)
        held.hold(3, accounts, networks, [stored.get(key) for key in keys])
        alerts += [decode_alert(value) for _, value in held.fold(3, batch)]
        stored |= held.changed()
    windows = Windows()
    for key, value in stored.items():
        if key.startswith("p:account:"):
            windows.add_account(key.removeprefix("p:account:"), decode_account(value).buckets)
        else:
            windows.add_network(key.removeprefix("p:network:3:"), decode_network(value).buckets)
    return windows, alerts


@given(st.lists(wanted, max_size=60, unique_by=lambda it: it.event_id), st.lists(st.integers(0, 60), max_size=5))
def test_the_fold_comes_to_the_reference_however_the_log_is_cut(events: list[Wanted], cuts: list[int]) -> None:
    limit = 100
    reference = Reference(limit)
    reference.see(map(msgspec.json.encode, events))
    edges = sorted({0, len(events), *(it for it in cuts if it < len(events))})
    windows, alerts = folded([events[first:last] for first, last in pairwise(edges)], limit)
    assert judge(reference.truth(), windows, alerts).exact


def test_the_traffic_is_the_same_again_and_makes_hundreds_of_alerts_and_buckets_expire() -> None:
    traffic = Traffic(6_000)
    records = list(traffic.records())
    assert records == list(traffic.records())
    events = [decode(value) for _, value in records]
    assert all(key == event.account_id for (key, _), event in zip(records, events, strict=True))
    assert max(it.occurred_at_ms for it in events) - min(it.occurred_at_ms for it in events) > 140 * 60_000
    assert 0.3 < sum(it.account_id == "acct-00000000" for it in events) / len(events) < 0.37
    reference = Reference(traffic.limit)
    reference.see(value for _, value in records)
    truth = reference.truth()
    assert len(truth.alerts) > 100
    assert sum(sum(it[0] for it in buckets.values()) for buckets in truth.windows.accounts.values()) < len(events)


def test_a_verdict_counts_what_is_lost_what_is_counted_twice_and_each_wrong_alert() -> None:
    due = {Alert("a", "1", 5, 9), Alert("a", "2", 6, 9)}
    truth = Truth(Windows({"a": {1: [2, 9], 2: [1, 4]}}, {"n": {1: 3}}), frozenset(due), frozenset())
    found = Windows({"a": {1: [3, 10]}}, {"n": {1: 3}})
    sent = [Alert("a", "1", 5, 9), Alert("a", "1", 5, 9), Alert("b", "3", 5, 9)]
    assert judge(truth, found, sent) == Verdict(
        lost=1, twice=1, wrong_tokens=5, due=2, sent=3, repeated=1, missing=1, false=1
    )


def test_the_tables_fit_a_hundred_columns() -> None:
    outcomes = [Outcome(it, result(199_999), [result(199_999)]) for it in FIELD]
    outcomes[1] = Outcome(FIELD[1], skipped="its packages cannot be installed: " + "because " * 20)
    lines = report.speeds(outcomes) + report.kills(outcomes) + report.scanned({10**6: result(199_999)})
    assert max(map(len, lines)) <= 100


def test_each_bar_that_is_missed_gets_a_sentence() -> None:
    inexact = msgspec.structs.replace(result(150_000), verdict=Verdict(due=3, sent=4, repeated=1))
    ours, other = chosen("stillwatch")[0], chosen("bytewax_plain")[0]
    assert (
        report.missed([Outcome(ours, result(150_000), [result(1)]), Outcome(other, result(149_000))], killed=True) == []
    )
    missed = report.missed([Outcome(ours, result(100_000), [inexact]), Outcome(other, result(149_000))], killed=True)
    assert missed[:2] == [
        "bytewax, no recovery did 149,000 events/s, Stillwatch 100,000.",
        "Stillwatch did 100,000 events/s, and the bar is 120,000.",
    ]
    assert missed[2].startswith("After kill -9 Stillwatch was not exact")
    assert report.missed([Outcome(ours, skipped="it ended")], killed=True) == [
        "Stillwatch did not do the job: it ended"
    ]


def test_every_requirement_of_a_contestant_is_pinned_with_hashes_and_names_no_index() -> None:
    for contestant in FIELD:
        if contestant.environment is not None:
            lines = (REQUIREMENTS / f"{contestant.environment}.txt").read_text(encoding="utf-8").splitlines()
            starts = [line for line in lines if line[:1].isalnum()]
            assert starts
            assert all("==" in line and line.endswith("\\") for line in starts)
            assert not [line for line in lines if "://" in line]


def result(rate: int) -> Result:
    """A result of so many events a second, exact."""
    return Result(
        4_000_000, Measured(4_000_000 / rate, 9_999.0, 999.0, 999.0, 9_999 * 2**20), Verdict(due=300, sent=300)
    )


@pytest.mark.kafka
@pytest.mark.redis
@pytest.mark.slow
@pytest.mark.timeout(SECONDS + 10)
def test_the_whole_bench_finds_stillwatch_exact_also_after_kill_9_and_stock_faust_exact_when_left_alone(
    tmp_path: Path,
) -> None:
    done = subprocess.run(  # noqa: S603  our own program
        [
            *(sys.executable, "-m", "tests.benchmarks.plain", "--events", "6000", "--slow-events", "1500"),
            *("--only", "stillwatch,faust_take", "--no-bars", "--json", str(tmp_path / "out.json")),
        ],
        cwd=REPOSITORY,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4_000:]
    outcomes: dict[str, Any] = {
        it["contestant"]["name"]: it for it in msgspec.json.decode((tmp_path / "out.json").read_bytes())["outcomes"]
    }
    exact = {"lost": 0, "twice": 0, "wrong_tokens": 0, "repeated": 0, "missing": 0, "false": 0}
    (killed,) = outcomes["stillwatch"]["killed"]
    for run in (outcomes["stillwatch"]["whole"], killed, outcomes["faust_take"]["whole"]):
        verdict = run["verdict"]
        assert {word: verdict[word] for word in exact} == exact, done.stderr[-4_000:]
        assert verdict["due"] == verdict["sent"] > 30
