"""The lane of the feedback: what reviewers say is taken once, in its place among the requests, whatever goes wrong."""

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from agents import lane as lane_module
from agents.feedback import FeedbackLane
from agents.inputs import read_events
from agents.lane import Lane
from agents.metrics import Metrics
from agents.progress import Progress
from agents.routing import key_partition
from agents.store import Place
from streams.batch import EventBatch
from streams.decisions import Decision
from streams.feedback import Reached, Verdict, Word
from streams.findings import Findings
from streams.stages import ObserveStage
from streams.stages.observe_shard import SHARD, ObserveShard
from tests.agents.test_lane import FaultyStore, Mailbox, Row
from tests.streams.stages.test_observe import NOON_MS, STRICT, greedy

PARTITIONS = 2
NUMBER = key_partition("a", PARTITIONS)
OTHER = 1 - NUMBER
AFTER_MS = NOON_MS + 3_600_000
APPENDED_MS = AFTER_MS + 60_000
LOG = "feedback-topic-id"


def said(word: Word, account: str = "a", at_ms: int = AFTER_MS, **more: Any) -> bytes:  # noqa: ANN401
    fields: dict[str, Any] = {"subject_kind": "account", "subject_id": account, "verdict": word, "decided_at_ms": at_ms}
    return msgspec.json.encode(fields | {"reviewer": "r"} | more)


def row(offset: int, value: bytes, key: str = "a", at_ms: int = APPENDED_MS) -> Row:
    return Row(offset, value, timestamp=at_ms, key=key.encode())


class Bench:
    """Requests and feedback of one worker, on a store and a mailbox that outlive it."""

    def __init__(self, before: "Bench | None" = None) -> None:
        self.store: FaultyStore = before.store if before else FaultyStore()
        self.mailbox: Mailbox = before.mailbox if before else Mailbox()
        self.registry = CollectorRegistry()
        self.ends: dict[int, int | None] = {0: 0, 1: 0}
        self.reread = 0
        self.failed: list[BaseException] = []
        metrics = Metrics(self.registry)
        stage = ObserveStage(STRICT, PARTITIONS, PARTITIONS)
        self.requests: Lane[EventBatch] = Lane(
            stage,
            "test.requests",
            read_events,
            store=self.store,
            post=self.mailbox,
            metrics=metrics,
            progress=Progress(),
            read_again=self._read_again,
            fail=self.failed.append,
        )
        self.feedback = FeedbackLane(
            self.requests,
            "test.feedback",
            partitions=PARTITIONS,
            metrics=metrics,
            read_again=self._read_again,
            end_of=lambda number: self.ends[number],
            fail=self.failed.append,
        )

    def _read_again(self) -> None:
        self.reread += 1

    async def start(self, log: str = LOG) -> int:
        """Both are assigned; where the feedback is to be read from."""
        await self.requests.resume(NUMBER, "requests-topic-id")
        return await self.feedback.resume(NUMBER, log)

    async def ask(self, count: int = 10, start: int = 0, at_ms: int | None = None) -> None:
        """Requests of a greedy account, each appended when it happened, and the end of the log behind them."""
        rows = [
            Row(
                start + number,
                msgspec.json.encode(event),
                timestamp=event.occurred_at_ms if at_ms is None else at_ms,
                key=b"a",
            )
            for number, event in enumerate(greedy(count))
        ]
        self.ends[NUMBER] = start + count
        await asyncio.wait_for(self.requests.take(NUMBER, rows), 60)

    async def hear(self, *rows: Row, number: int = NUMBER) -> None:
        await asyncio.wait_for(self.feedback.take(number, rows), 10)

    def decisions(self) -> list[str]:
        found = [msgspec.json.decode(it.value or b"", type=Decision) for it in self._sent("enforcement")]
        return [f"{it.action} {it.sequence}" for it in found]

    def passed_on(self) -> list[Verdict]:
        records = [msgspec.json.decode(it.value or b"", type=Findings) for it in self._sent("findings")]
        return [verdict for record in records for verdict in record.verdicts]

    def _sent(self, topic: str) -> list[Any]:
        return [it for it in self.mailbox.sent if it.topic == topic]

    async def reached(self) -> Reached:
        loaded = await self.store.load(Place("observe", NUMBER), (SHARD,))
        return msgspec.msgpack.decode(loaded.values[0] or b"", type=ObserveShard).feedback

    def metric(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(name, labels) or 0.0


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lane_module, "FIRST_WAIT_S", 0.0)


@pytest.fixture
async def bench() -> Bench:
    bench = Bench()
    assert await bench.start() == 0
    return bench


async def test_a_verdict_is_taken_at_once_where_no_request_is_left(bench: Bench) -> None:
    await bench.ask()
    await bench.hear(row(0, said("innocent")))
    assert bench.decisions() == ["throttle 1", "release 2"]
    assert [(it.subject_id, it.verdict) for it in bench.passed_on()] == [("a", "innocent")]
    assert await bench.reached() == Reached(LOG, 0)
    assert bench.requests.offset(NUMBER) == 9
    assert bench.metric("stillwatch_verdicts_total", verdict="innocent", subject_kind="account") == 1


async def test_requests_go_on_after_a_verdict(bench: Bench) -> None:
    await bench.ask()
    await bench.hear(row(0, said("innocent")))
    await bench.ask(120, start=10)
    assert bench.requests.offset(NUMBER) == 129
    assert bench.decisions() == ["throttle 1", "release 2"]
    assert (bench.failed, bench.reread) == ([], 0)


async def test_a_verdict_may_come_before_any_request(bench: Bench) -> None:
    await bench.hear(row(0, said("innocent")))
    assert bench.decisions() == ["release 1"]
    await bench.ask()
    assert bench.decisions() == ["release 1"]
    assert bench.requests.offset(NUMBER) == 9


async def test_a_verdict_waits_for_the_requests_that_were_appended_before_it(bench: Bench) -> None:
    """So it meets what is in force when all is built again from the logs."""
    bench.ends[NUMBER] = 20
    await bench.hear(row(0, said("confirmed")))
    await bench.feedback.settle()
    assert bench.decisions() == []
    assert bench.feedback.offset(NUMBER) == 0
    await bench.ask()
    bench.ends[NUMBER] = 20
    await bench.feedback.settle()
    assert bench.decisions() == ["throttle 1"]
    await bench.ask(1, start=10, at_ms=APPENDED_MS)
    bench.ends[NUMBER] = 20
    await bench.feedback.settle()
    assert bench.decisions() == ["throttle 1", "throttle 2"]


async def test_what_is_not_known_of_the_end_of_the_requests_is_waited_for(bench: Bench) -> None:
    bench.ends[NUMBER] = None
    await bench.hear(row(0, said("innocent")))
    assert bench.decisions() == []
    bench.ends[NUMBER] = 0
    await bench.feedback.settle()
    assert bench.decisions() == ["release 1"]


async def test_only_those_are_taken_whose_turn_it_is(bench: Bench) -> None:
    await bench.ask()
    bench.ends[NUMBER] = 20
    await bench.hear(row(0, said("confirmed"), at_ms=NOON_MS + 60_000), row(1, said("innocent")))
    assert bench.decisions() == ["throttle 1", "throttle 2"]
    assert await bench.reached() == Reached(LOG, 0)


async def test_a_verdict_about_accounts_that_another_worker_has_is_held_until_they_come() -> None:
    bench = Bench()
    assert await bench.feedback.resume(NUMBER, LOG) == 0
    await bench.hear(row(0, said("innocent")))
    await bench.feedback.settle()
    assert bench.decisions() == []
    await bench.requests.resume(NUMBER, "requests-topic-id")
    await bench.feedback.settle()
    assert bench.decisions() == ["release 1"]


async def test_a_partition_that_was_revoked_is_left_to_whoever_has_it_now(bench: Bench) -> None:
    bench.ends[NUMBER] = None
    await bench.hear(row(0, said("innocent")))
    bench.requests.revoke([NUMBER])
    bench.ends[NUMBER] = 0
    await bench.feedback.settle()
    bench.feedback.revoke([NUMBER])
    await bench.hear(row(1, said("innocent", at_ms=AFTER_MS + 1)))
    await bench.feedback.settle()
    assert bench.decisions() == []
    heir = Bench(bench)
    assert await heir.start() == 0


async def test_the_next_worker_reads_on_where_the_last_one_took(bench: Bench) -> None:
    await bench.ask()
    await bench.hear(row(0, said("innocent")), row(1, said("confirmed", at_ms=AFTER_MS + 1)))
    heir = Bench(bench)
    heir.ends = bench.ends
    assert await heir.start() == 2
    await heir.hear(row(2, said("innocent", at_ms=AFTER_MS + 2)))
    sent = heir.decisions()  # what the first worker sent last is sent again: nobody knows whether it arrived
    assert sent == ["throttle 1", "release 2", "observe 3", "release 2", "observe 3", "release 4"]


async def test_what_was_held_is_read_again_by_the_next_worker(bench: Bench) -> None:
    bench.ends[NUMBER] = 10
    await bench.hear(row(0, said("confirmed")))
    heir = Bench(bench)
    assert await heir.start() == 0
    await heir.ask()
    await heir.hear(row(0, said("confirmed")))
    assert heir.decisions() == ["throttle 1", "throttle 2"]


@pytest.mark.parametrize("fault", ["before", "after"])
async def test_a_verdict_is_taken_once_though_redis_fails(bench: Bench, fault: str) -> None:
    await bench.ask()
    bench.store.faults = [fault]
    await bench.hear(row(0, said("innocent")))
    assert list(dict.fromkeys(bench.decisions())) == ["throttle 1", "release 2"]
    assert len({it.value for it in bench.mailbox.sent if it.topic == "enforcement"}) == 2
    assert bench.metric("stillwatch_verdicts_total", verdict="innocent", subject_kind="account") == 1


async def test_a_decision_is_sent_again_until_kafka_has_it(bench: Bench) -> None:
    await bench.ask()
    bench.mailbox.failures = 3
    await bench.hear(row(0, said("innocent")))
    assert bench.decisions() == ["throttle 1", "release 2"]


async def test_a_batch_that_comes_again_or_in_part_changes_nothing(bench: Bench) -> None:
    await bench.ask()
    rows = [row(0, said("innocent")), row(1, said("confirmed", at_ms=AFTER_MS + 1))]
    await bench.hear(*rows)
    before = list(bench.mailbox.sent)
    await bench.hear(*rows)
    await bench.hear(rows[1])
    assert bench.mailbox.sent == before


async def test_records_that_are_missing_are_read_first_unless_the_log_has_none(bench: Bench) -> None:
    await bench.hear(row(0, said("innocent")))
    await bench.hear(row(5, said("confirmed", at_ms=AFTER_MS + 1)))
    assert (bench.reread, bench.decisions()) == (1, ["release 1"])
    await bench.hear(row(5, said("confirmed", at_ms=AFTER_MS + 1)))
    assert bench.decisions() == ["release 1", "observe 2"]


async def test_a_log_that_was_made_again_is_read_from_its_beginning(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    await bench.hear(*(row(number, said("innocent", at_ms=AFTER_MS + number)) for number in range(3)))
    heir = Bench(bench)
    assert await heir.start(log="another") == 0
    assert [it.message for it in caplog.records if it.levelname == "ERROR"] == [
        f"test.feedback partition {NUMBER} was made again: it is read from offset 0."
    ]
    await heir.hear(row(0, said("confirmed", at_ms=AFTER_MS + 9)))
    assert heir.decisions()[-1] == "observe 4"
    assert await heir.reached() == Reached("another", 0)


async def test_a_log_that_was_cut_short_goes_on_at_its_end(bench: Bench) -> None:
    await bench.hear(*(row(number, said("innocent", at_ms=AFTER_MS + number)) for number in range(3)))
    await bench.feedback.rebase(NUMBER, 0, is_cut_short=True)
    assert await bench.reached() == Reached(f"{LOG}+1", 0)
    await bench.hear(row(1, said("confirmed", at_ms=AFTER_MS + 9)))
    assert bench.decisions()[-1] == "observe 4"
    heir = Bench(bench)
    assert await heir.start() == 2


async def test_what_retention_removed_is_passed_over(bench: Bench) -> None:
    await bench.feedback.rebase(NUMBER, 41)
    assert await bench.reached() == Reached(LOG, 41)
    await bench.hear(row(42, said("innocent")))
    assert bench.decisions() == ["release 1"]


BAD: dict[str, tuple[str, str, bytes]] = {
    "no JSON": ("not_json", "a", b"an innocent, honestly"),
    "another word": ("out_of_range", "a", said("innocent").replace(b"innocent", b"guilty")),
    "a network": ("out_of_range", "a", said("innocent", subject_kind="network")),
    "no reviewer": ("missing_field", "a", said("innocent").replace(b"reviewer", b"reader")),
    "a long note": ("out_of_range", "a", said("innocent", note="x" * 501)),
    "another key": ("key_mismatch", "b", said("innocent")),
    "a time to come": ("in_the_future", "a", said("innocent", at_ms=AFTER_MS + 2 * 86_400_000)),
}


@pytest.mark.parametrize("case", BAD)
async def test_what_is_no_verdict_is_a_dead_letter_byte_for_byte_and_the_rest_is_taken(bench: Bench, case: str) -> None:
    reason, key, value = BAD[case]
    await bench.hear(row(0, value, key), row(1, said("innocent")))
    (letter,) = [it for it in bench.mailbox.sent if it.topic == "dlq"]
    headers = dict(letter.headers)
    assert (letter.key, letter.value, headers["stillwatch.reason"]) == (key.encode(), value, reason.encode())
    assert (headers["__connect.errors.topic"], headers["__connect.errors.offset"]) == (b"test.feedback", b"0")
    assert bench.decisions() == ["release 1"]
    assert bench.metric("stillwatch_dead_letters_total", reason=reason) == 1


async def test_a_verdict_must_be_where_the_requests_of_its_account_are(bench: Bench) -> None:
    stranger = next(name for name in map(str, range(9)) if key_partition(name, PARTITIONS) == OTHER)
    campaign = said("innocent", "c-1", subject_kind="campaign")
    await bench.hear(row(0, said("innocent", stranger), stranger), row(1, campaign, "c-1"))
    letters: Sequence[Any] = [it for it in bench.mailbox.sent if it.topic == "dlq"]
    assert [dict(it.headers)["stillwatch.reason"] for it in letters] == [b"key_mismatch"]
    assert [it.subject_id for it in bench.passed_on()] == ["c-1"]


async def test_a_bug_ends_the_process_and_nothing_is_taken(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def fold(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(bench.requests.stage, "fold", fold)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(bench.feedback.take(NUMBER, [row(0, said("innocent"))]), 0.5)
    assert [type(error) for error in bench.failed] == [ZeroDivisionError]
    assert bench.decisions() == []
