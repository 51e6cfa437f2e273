"""`stillwatch plan`: its arithmetic against cases worked out by hand, and against deploy/benchmarks.md."""

from pathlib import Path

import msgspec
import pytest

from agents.advance import Partition
from agents.cli import main
from agents.planning import (
    CHECKS_IN_PROCESS,
    KAFKA_US,
    LINKS_BYTES,
    PROCESS_EVENTS,
    REDIS_US,
    REQUEST_BYTES,
    WORKER_US,
    Asked,
    plan,
)
from agents.replay import Replay
from agents.sizing import need
from streams.policy import DEFAULT_POLICY
from tests.benchmarks.traffic import events

BENCHMARKS = Path(__file__).parents[2] / "deploy" / "benchmarks.md"
README = Path(__file__).parents[2] / "README.md"


def test_a_thousand_requests_a_second_by_hand() -> None:
    found = plan(Asked(requests_a_second=1_000, accounts=864_000, record_bytes=965, replication=2, outage_hours=2))
    # 1,000 bytes a record; 1,000 requests/s are 86.4 million a day; two copies.
    assert found.disk == pytest.approx({
        "requests": 86.4e6 * 29 * 1_000 * 2,
        "links": 86.4e6 * 29 * 330 * 2,
        "findings": 86.4e6 * 29 * 10 * 2,
        "feedback": 86.4e6 * 29 * 1 * 2,
        "enforcement": 86.4e6 * 90 * 10 * 2,
        "alerts": 86.4e6 * 90 * 1 * 2,
        "dlq": 86.4e6 * 90 * 10 * 2,
    })  # fmt: skip
    assert found.disk_total == pytest.approx(7_046_611_200_000)
    assert found.disk_needed == pytest.approx(10_569_916_800_000)
    assert (found.written, found.copied, found.read) == pytest.approx((1_362_000, 1_362_000, 1_362_000))
    # 29 ms of worker a second, so one process would do; two, so that one can be lost.
    assert (found.processes, found.partitions, found.kafka_cores, found.redis_shards) == (2, 8, 1, 1)
    assert found.redis == need(864_000, 100, 8)
    assert found.backlog == 7_200_000
    assert found.catch_up_hours == pytest.approx(7_200_000 / 49_000 / 3_600)
    assert found.gate_cores == pytest.approx(1_000 / 44_900 * 1.5)
    assert found.services == 2


def test_a_million_requests_a_second_are_what_the_page_of_benchmarks_works_out() -> None:
    found = plan(Asked(requests_a_second=1_000_000, accounts=1_000_000))
    assert (found.processes, found.redis_shards, found.kafka_cores, found.partitions) == (44, 8, 5, 176)
    assert found.catch_up_hours == pytest.approx(10.0)
    text = " ".join(BENCHMARKS.read_text(encoding="utf-8").split())
    assert "44 processes, 8 Redis shards (a shard is one core) and 5 cores of brokers" in text
    assert "176 leave four to move at a time" in text


def test_the_measured_figures_are_those_that_are_written_down() -> None:
    text = BENCHMARKS.read_text(encoding="utf-8")
    assert f"| 4 | 1 | 51,921 to 54,611 | 28 to {WORKER_US:g} | 3.2 to {KAFKA_US:g} | {REDIS_US:g} | 543 each |" in text
    assert f"at {PROCESS_EVENTS:,} events/s a process" in " ".join(text.split())
    assert f"with template and sketch {CHECKS_IN_PROCESS:,}/s" in README.read_text(encoding="utf-8")


async def test_an_event_is_as_large_as_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    count, linked = 10_000, 0
    happened = list(events(count, 5_000))
    size = sum(len(msgspec.json.encode(event)) for event in happened) / count
    assert size == pytest.approx(REQUEST_BYTES, rel=0.02)
    advance = Partition.advance

    async def counted(self: Partition, *arguments: object) -> object:  # type: ignore[type-arg]
        nonlocal linked
        advanced = await advance(self, *arguments)  # type: ignore[arg-type]
        linked += sum(len(it.value or b"") for it in advanced.posted if it.topic == "links")
        return advanced

    monkeypatch.setattr(Partition, "advance", counted)
    replay = Replay(DEFAULT_POLICY)
    list(await replay.run(happened))
    await replay.finish()
    assert linked / count == pytest.approx(LINKS_BYTES, rel=0.2)


@pytest.mark.parametrize("rate", [0.01, 10, 25_000, 50_001, 3_000_000])
def test_so_many_processes_are_never_outrun_and_fewer_are(rate: float) -> None:
    asked = Asked(requests_a_second=rate, accounts=1_000)
    found = plan(asked)
    assert found.catch_up_hours is not None
    assert found.partitions >= 4 * found.processes
    few = plan(msgspec.structs.replace(asked, processes=max(1, int(rate // PROCESS_EVENTS))))
    assert (few.catch_up_hours is None) is (rate >= PROCESS_EVENTS)
    assert plan(msgspec.structs.replace(asked, outage_hours=0)).catch_up_hours == 0


def test_the_command_says_what_it_takes_and_where_that_is_from(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main("plan --requests-a-second 20000 --accounts 1000000 --outage-hours 3".split())
    out, err = capfd.readouterr()
    assert (ended.value.code, err) == (0, "")
    assert out.startswith("20,000 requests/s of 1,000,000 accounts, 1,728.0 a day each.\n")
    assert "\n  after 3 h away it has caught up in 2.0 hours, for 216,000,000 events that wait\n" in out
    assert "\nMeasured, on two cores (deploy/benchmarks.md): 29, 5.1 and 3.3 us of worker," in out
    assert "\nAssumed: the rate goes on" in out
    assert max(map(len, out.splitlines())) <= 120


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("--accounts 5", "Missing option '--requests-a-second'"),
        ("--requests-a-second 5", "Missing option '--accounts'"),
        ("--requests-a-second 0 --accounts 1", "0.0 is not in the range"),
        ("--requests-a-second nan --accounts 1", "nan is not a finite number"),
        ("--requests-a-second inf --accounts 1", "inf is not a finite number"),
        ("--requests-a-second 1 --accounts 1 --outage-hours inf", "inf is not a finite number"),
        ("--requests-a-second 1e308 --accounts 1", "That is more than can be worked out"),
        (f"--requests-a-second 1 --accounts {10**400}", "That is more than can be worked out"),
        ("--requests-a-second 1 --accounts 1 --retention-days 28", "28 is not in the range x>=29"),
        ("--requests-a-second 1 --accounts 1 --replication 0", "0 is not in the range"),
    ],
)
def test_wrong_usage_is_one_sentence_and_2(arguments: str, words: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["plan", *arguments.split()])
    out, err = capfd.readouterr()
    assert (ended.value.code, out, err.count("\n")) == (2, "", 1)
    assert words in err
