"""The reader of the feedback: what reviewers say is taken once, in its place among the requests."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError
from prometheus_client import CollectorRegistry

from agents import feedback as feedback_module
from agents import lane as lane_module
from agents.advance import Posted
from agents.feedback import FeedbackReader
from agents.inputs import read_events
from agents.lane import Lane
from agents.metrics import Metrics
from agents.progress import Progress
from agents.routing import key_partition
from agents.store import Place
from agents.topics import MAX_STAGE_RECORD_BYTES, MAX_VERDICT_BYTES, TopicError
from streams.batch import EventBatch
from streams.decisions import Decision
from streams.feedback import Feedback, PlacedVerdict, Reached, Verdict, Word
from streams.findings import Findings
from streams.stages import ObserveStage
from streams.stages.observe_shard import SHARD, ObserveShard
from tests.agents.test_lane import FaultyStore, Mailbox, Row
from tests.streams.stages.test_observe import NOON_MS, STRICT, greedy

PARTITIONS = 2
NUMBER = key_partition("a", PARTITIONS)
OTHER = 1 - NUMBER
TP = TopicPartition("test.feedback", NUMBER)
AFTER_MS = NOON_MS + 3_600_000
APPENDED_MS = AFTER_MS + 60_000


def said(word: Word, account: str = "a", at_ms: int = AFTER_MS, **more: Any) -> bytes:  # noqa: ANN401
    fields: dict[str, Any] = {"subject_kind": "account", "subject_id": account, "verdict": word, "decided_at_ms": at_ms}
    return msgspec.json.encode(fields | {"reviewer": "r"} | more)


def row(offset: int, value: bytes, key: str = "a", at_ms: int = APPENDED_MS) -> Row:
    return Row(offset, value, timestamp=at_ms, key=key.encode())


class Topic:
    """The feedback as aiokafka's consumer shows it: one partition, and where it is read."""

    def __init__(self) -> None:
        self.log: list[Row] = []
        self.beginning = 0
        self.id = "feedback-topic-id"
        self.positions: dict[TopicPartition, int] = {}
        self.stopped = False
        self.failures = 0

    def say(self, *rows: Row) -> None:
        self.log += rows

    async def start(self) -> None:
        if self.failures:
            self.failures -= 1
            raise KafkaConnectionError("no broker")

    async def stop(self) -> None:
        self.stopped = True

    def assign(self, partitions: Sequence[TopicPartition]) -> None:
        self.positions = dict.fromkeys(partitions, -1)

    def seek(self, partition: TopicPartition, offset: int) -> None:
        assert partition in self.positions
        self.positions[partition] = offset

    def highwater(self, partition: TopicPartition) -> int | None:
        return self._end if partition in self.positions else None

    async def end_offsets(self, partitions: Sequence[TopicPartition]) -> Mapping[TopicPartition, int]:
        return dict.fromkeys(partitions, self._end)

    async def beginning_offsets(self, partitions: Sequence[TopicPartition]) -> Mapping[TopicPartition, int]:
        return dict.fromkeys(partitions, self.beginning)

    async def getmany(self, *, timeout_ms: int) -> Mapping[TopicPartition, Sequence[Row]]:
        assert timeout_ms
        await asyncio.sleep(0)
        if TP not in self.positions:
            return {}
        assert self.positions[TP] >= 0
        if self.positions[TP] > self._end:  # auto_offset_reset
            self.positions[TP] = 0
        found = [it for it in self.log if it.offset >= self.positions[TP]]
        self.positions[TP] = self._end
        return {TP: found} if found else {}

    @property
    def _end(self) -> int:
        return self.log[-1].offset + 1 if self.log else self.beginning


class Bench:
    """One worker's requests and feedback, on a topic, a store and a mailbox that outlive it."""

    def __init__(self, before: "Bench | None" = None) -> None:
        self.store: FaultyStore = before.store if before else FaultyStore()
        self.mailbox: Mailbox = before.mailbox if before else Mailbox()
        self.topic: Topic = before.topic if before else Topic()
        self.registry = CollectorRegistry()
        self.end: int | None = before.end if before else 0
        self.reread = 0
        self.failed: list[BaseException] = []
        metrics = Metrics(self.registry)
        self.requests: Lane[EventBatch] = Lane(
            ObserveStage(STRICT, PARTITIONS, PARTITIONS),
            "test.requests",
            read_events,
            store=self.store,
            post=self.mailbox,
            metrics=metrics,
            progress=Progress(),
            read_again=self._read_again,
            fail=self.failed.append,
        )
        self.reader = FeedbackReader(
            self.requests,
            "test.feedback",
            self.topic,
            partitions=PARTITIONS,
            store=self.store,
            metrics=metrics,
            identify=lambda: self.topic.id,
            end_of=lambda _number: self.end,
        )

    def _read_again(self) -> None:
        self.reread += 1

    async def start(self) -> int:
        """The requests are assigned; where they are to be read from."""
        return await self.requests.resume(NUMBER, "requests-topic-id")

    async def ask(self, count: int = 10, start: int = 0, *, at_ms: int | None = None, end: int | None = None) -> None:
        """Requests of a greedy account, each appended when it happened, and where their log ends then."""
        rows = [
            Row(
                start + number,
                msgspec.json.encode(event),
                timestamp=event.occurred_at_ms if at_ms is None else at_ms,
                key=b"a",
            )
            for number, event in enumerate(greedy(count))
        ]
        self.end = start + count if end is None else end
        await asyncio.wait_for(self.requests.take(NUMBER, rows), 60)

    async def hear(self, *rows: Row) -> None:
        """Reviewers say something, or nothing, and the reader looks once."""
        self.topic.say(*rows)
        await asyncio.wait_for(self.reader.step(), 10)

    def decisions(self) -> list[str]:
        """What was decided, each decision once: what was sent last is sent again by the next worker."""
        found = [msgspec.json.decode(it.value or b"", type=Decision) for it in self._sent("enforcement")]
        return [f"{it.action} {it.sequence}" for it in {it.decision_id: it for it in found}.values()]

    def passed_on(self) -> list[Verdict]:
        records = [msgspec.json.decode(it.value or b"", type=Findings) for it in self._sent("findings")]
        return [verdict for record in records for verdict in record.verdicts]

    def letters(self) -> list[Any]:
        return self._sent("dlq")

    def _sent(self, topic: str) -> list[Any]:
        return [it for it in self.mailbox.sent if it.topic == topic]

    async def reached(self) -> Reached:
        loaded = await self.store.load(Place("observe", NUMBER), (SHARD,))
        return msgspec.msgpack.decode(loaded.values[0] or b"", type=ObserveShard).feedback

    def metric(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, labels)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lane_module, "FIRST_WAIT_S", 0.0)
    monkeypatch.setattr(feedback_module, "WAIT_MS", 1)
    monkeypatch.setattr(feedback_module, "TROUBLE_S", 0.0)


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
    assert await bench.reached() == Reached("feedback-topic-id", 0)
    assert bench.requests.offset(NUMBER) == 9
    assert bench.metric("stillwatch_verdicts_total", verdict="innocent", subject_kind="account") == 1
    assert bench.metric("stillwatch_lag_records", topic="test.feedback", partition=str(NUMBER)) == 0


async def test_requests_go_on_after_a_verdict(bench: Bench) -> None:
    await bench.ask()
    await bench.hear(row(0, said("innocent")))
    await bench.ask(120, start=10)
    assert bench.requests.offset(NUMBER) == 129
    assert bench.decisions() == ["throttle 1", "release 2"]
    assert bench.reread == 0


async def test_a_verdict_may_come_before_any_request(bench: Bench) -> None:
    await bench.hear(row(0, said("innocent")))
    assert bench.decisions() == ["release 1"]
    await bench.ask()
    assert bench.decisions() == ["release 1"]
    assert bench.requests.offset(NUMBER) == 9


async def test_a_verdict_waits_for_the_requests_that_were_appended_before_it(bench: Bench) -> None:
    """So it meets what is in force when all is built again from the logs."""
    bench.end = 20
    await bench.hear(row(0, said("confirmed")))
    await bench.ask(end=20)
    await bench.hear()
    assert bench.decisions() == ["throttle 1"]
    assert bench.metric("stillwatch_lag_records", topic="test.feedback", partition=str(NUMBER)) == 1
    await bench.ask(1, start=10, at_ms=APPENDED_MS, end=20)
    await bench.hear()
    assert bench.decisions() == ["throttle 1", "throttle 2"]


async def test_what_is_not_known_of_the_end_of_the_requests_is_waited_for(bench: Bench) -> None:
    bench.end = None
    await bench.hear(row(0, said("innocent")))
    assert bench.decisions() == []
    bench.end = 0
    await bench.hear()
    assert bench.decisions() == ["release 1"]


async def test_only_those_are_taken_whose_turn_it_is(bench: Bench) -> None:
    await bench.ask(end=20)
    await bench.hear(row(0, said("confirmed"), at_ms=NOON_MS + 60_000), row(1, said("innocent")))
    assert bench.decisions() == ["throttle 1", "throttle 2"]
    assert await bench.reached() == Reached("feedback-topic-id", 0)


async def test_no_more_is_read_while_much_is_held(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feedback_module, "MOST_HELD", 1)
    bench.end = None
    await bench.hear(row(0, said("innocent")))
    await bench.hear(row(1, said("confirmed", at_ms=AFTER_MS + 1)))
    assert bench.topic.positions == {TP: 1}
    bench.end = 0
    await bench.hear()
    await bench.hear()
    assert bench.decisions() == ["release 1", "observe 2"]


async def test_nothing_is_read_of_accounts_whose_requests_another_worker_has() -> None:
    bench = Bench()
    await bench.hear(row(0, said("innocent")))
    assert (bench.topic.positions, bench.decisions()) == ({}, [])
    await bench.start()
    await bench.hear()
    assert bench.decisions() == ["release 1"]
    bench.requests.revoke([NUMBER])
    await bench.hear(row(1, said("confirmed", at_ms=AFTER_MS + 1)))
    assert bench.decisions() == ["release 1"]
    assert bench.metric("stillwatch_lag_records", topic="test.feedback", partition=str(NUMBER)) is None


async def test_a_partition_that_is_lost_at_the_last_moment_takes_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert = bench.requests.insert

    async def lose(*arguments: Any) -> bool:  # noqa: ANN401
        bench.requests.revoke([NUMBER])
        return await insert(*arguments)

    monkeypatch.setattr(bench.requests, "insert", lose)
    await bench.hear(row(0, said("innocent")))
    assert bench.decisions() == []
    heir = Bench(bench)
    await heir.start()
    await heir.hear()
    assert heir.decisions() == ["release 1"]


async def test_the_next_worker_reads_on_where_the_last_one_took(bench: Bench) -> None:
    await bench.ask()
    await bench.hear(row(0, said("innocent")), row(1, said("confirmed", at_ms=AFTER_MS + 1)))
    heir = Bench(bench)
    await heir.start()
    passed_on = len(heir.passed_on())
    await heir.hear(row(2, said("innocent", at_ms=AFTER_MS + 2)))
    assert heir.decisions() == ["throttle 1", "release 2", "observe 3", "release 4"]
    assert len(heir.passed_on()) == passed_on + 1


async def test_what_was_held_is_read_again_by_the_next_worker(bench: Bench) -> None:
    bench.end = 10
    await bench.hear(row(0, said("confirmed")))
    heir = Bench(bench)
    await heir.start()
    await heir.ask()
    await heir.hear()
    assert heir.decisions() == ["throttle 1", "throttle 2"]


@pytest.mark.parametrize("fault", ["before", "after"])
async def test_a_verdict_is_taken_once_though_redis_fails(bench: Bench, fault: str) -> None:
    await bench.ask()
    bench.store.faults = [fault]
    await bench.hear(row(0, said("innocent")))
    await bench.hear()
    assert bench.decisions() == ["throttle 1", "release 2"]
    assert await bench.reached() == Reached("feedback-topic-id", 0)
    assert len({it.value for it in bench.mailbox.sent if it.topic == "findings"}) == 1


@pytest.mark.parametrize("opened_by", ["a verdict", "a request"])
async def test_a_verdict_is_taken_again_where_redis_lost_that_step_alone(bench: Bench, opened_by: str) -> None:
    """It moved no offset, so nothing else tells that it is missing, and the next one would be taken over the hole."""
    await bench.ask()
    before = bench.store.snapshot()
    await bench.hear(row(0, said("confirmed")))
    bench.store.restore(before)
    if opened_by == "a verdict":
        await bench.hear(row(1, said("innocent", at_ms=AFTER_MS + 1)))
        assert await bench.reached() == Reached()
    else:
        await bench.ask(1, start=10)
        bench.topic.say(row(1, said("innocent", at_ms=AFTER_MS + 1)))
    await bench.hear()
    assert await bench.reached() == Reached("feedback-topic-id", 1)
    assert bench.decisions() == ["throttle 1", "throttle 2", "release 3"]
    assert [it.verdict for it in bench.passed_on()] == ["confirmed", "confirmed", "innocent"]
    assert bench.reread == 0


async def test_what_was_chosen_before_the_partition_was_opened_anew_is_not_taken(bench: Bench) -> None:
    await bench.ask()
    before = bench.store.snapshot()
    await bench.hear(row(0, said("confirmed")))
    stale = bench.requests.owned[NUMBER]
    bench.store.restore(before)
    await bench.ask(1, start=10)
    assert not await bench.requests.insert(NUMBER, EventBatch(feedback=Feedback("feedback-topic-id", 7)), (), stale)
    assert await bench.reached() == Reached()


async def test_a_partition_that_was_moved_back_takes_verdicts_where_it_stands(bench: Bench) -> None:
    await bench.ask()
    await bench.requests.rebase(NUMBER, 4, is_cut_short=True)
    bench.end = 5
    await bench.hear(row(0, said("innocent")))
    assert await bench.reached() == Reached("feedback-topic-id", 0)
    assert (bench.requests.owned[NUMBER].offset, bench.requests.offset(NUMBER), bench.reread) == (4, 4, 0)


async def test_many_verdicts_are_taken_in_several_steps(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feedback_module, "MOST_AT_ONCE", 2)
    await bench.hear(*(row(number, said("innocent", at_ms=AFTER_MS + number)) for number in range(5)))
    reached = [(await bench.reached()).offset]
    for _ in range(3):
        await bench.hear()
        reached.append((await bench.reached()).offset)
    assert reached == [1, 3, 4, 4]
    assert [it.decided_at_ms - AFTER_MS for it in bench.passed_on()] == [0, 1, 2, 3, 4]


def test_what_one_step_passes_on_fits_a_record() -> None:
    """The longest verdicts there are, each character of them escaped; the note is not passed on."""
    verdict = msgspec.json.decode(
        said("confirmed", "\x01" * 128, reviewer="\x01" * 64, note="\x01" * 500), type=Verdict
    )
    assert len(msgspec.json.encode(verdict)) <= MAX_VERDICT_BYTES
    passed_on = [PlacedVerdict(0, verdict.decided_at_ms, verdict).clamped] * feedback_module.MOST_AT_ONCE
    record = msgspec.json.encode(Findings(0, "x" * 64, 0, 0, APPENDED_MS, [], passed_on))
    assert len(record) <= MAX_STAGE_RECORD_BYTES


async def test_a_verdict_waits_where_redis_lost_what_came_before_it(bench: Bench) -> None:
    """Taken at once it would be the first decision about its account, which gateways drop as old."""
    await bench.ask()
    bench.store.roll_back(Place("observe", NUMBER), -1, {})
    await bench.hear(row(0, said("innocent")))
    assert (bench.decisions(), bench.reread) == (["throttle 1"], 1)
    await bench.hear()
    assert (bench.decisions(), bench.reread) == (["throttle 1"], 1)
    assert await bench.start() == 0
    await bench.hear()
    assert bench.decisions() == ["throttle 1"]
    await bench.ask()
    await bench.hear()
    assert bench.decisions() == ["throttle 1", "release 2"]


async def test_a_decision_is_sent_again_until_kafka_has_it(bench: Bench) -> None:
    await bench.ask()
    bench.mailbox.failures = 3
    await bench.hear(row(0, said("innocent")))
    assert bench.decisions() == ["throttle 1", "release 2"]


async def test_a_log_that_was_made_again_is_read_from_its_beginning(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    await bench.hear(*(row(number, said("innocent", at_ms=AFTER_MS + number)) for number in range(3)))
    heir = Bench(bench)
    heir.topic.log, heir.topic.id = [row(0, said("confirmed", at_ms=AFTER_MS + 9))], "another"
    await heir.start()
    await heir.hear()
    assert [it.message for it in caplog.records if it.levelname == "ERROR"] == [
        f"test.feedback partition {NUMBER} was made again: it is read from offset 0."
    ]
    assert heir.decisions()[-1] == "observe 4"
    assert await heir.reached() == Reached("another", 0)


async def test_a_log_that_is_made_again_meanwhile_is_noticed_by_its_offsets(bench: Bench) -> None:
    await bench.hear(*(row(number, said("innocent", at_ms=AFTER_MS + number)) for number in range(3)))
    bench.topic.log, bench.topic.id = [row(0, said("confirmed", at_ms=AFTER_MS + 9))], "another"
    await bench.hear()
    await bench.hear()
    assert bench.decisions()[-1] == "observe 4"
    assert await bench.reached() == Reached("another", 0)


async def test_a_log_that_was_cut_short_goes_on_at_its_end(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    await bench.hear(*(row(number, said("innocent", at_ms=AFTER_MS + number)) for number in range(3)))
    heir = Bench(bench)
    del heir.topic.log[1:]
    await heir.start()
    await heir.hear()
    assert await heir.reached() == Reached("feedback-topic-id+1", 0)
    assert "was cut short: it is read on from its end, offset 1." in caplog.text
    await heir.hear(row(1, said("confirmed", at_ms=AFTER_MS + 9)))
    assert heir.decisions()[-1] == "observe 4"
    assert await heir.reached() == Reached("feedback-topic-id+1", 1)


async def test_what_retention_removed_is_passed_over(bench: Bench) -> None:
    await bench.hear(row(42, said("innocent")))
    assert bench.decisions() == ["release 1"]
    assert await bench.reached() == Reached("feedback-topic-id", 42)


async def test_verdicts_that_are_all_gone_when_redis_was_lost_are_no_lag_that_stands_for_ever(bench: Bench) -> None:
    bench.topic.beginning = 5
    await bench.hear()
    place = {"topic": "test.feedback", "partition": str(NUMBER)}
    assert bench.metric("stillwatch_lag_records", **place) == 0
    assert bench.metric("stillwatch_last_offset", **place) == 4
    await bench.hear(row(5, said("innocent")))
    assert bench.decisions() == ["release 1"]
    assert await bench.reached() == Reached("feedback-topic-id", 5)


@pytest.mark.parametrize("before", ["nothing was taken", "another log was taken"])
async def test_nothing_waits_in_a_log_of_which_retention_removed_all(before: str) -> None:
    """Where Redis was lost, the worker stands at no offset of it, and nobody will ever say where it ends again."""
    bench = Bench()
    if before == "another log was taken":
        await bench.start()
        await bench.hear(row(0, said("innocent")))
        bench = Bench(bench)
        bench.topic.id = "another"
    bench.topic.log, bench.topic.beginning = [], 5
    await bench.start()
    await bench.hear()
    assert bench.topic.positions == {TP: 5}
    assert bench.metric("stillwatch_lag_records", topic="test.feedback", partition=str(NUMBER)) == 0
    await bench.hear(row(5, said("confirmed", at_ms=AFTER_MS + 9)))
    assert (await bench.reached()).offset == 5


async def test_it_is_said_once_why_reviewers_are_not_heard_and_tried_again(
    bench: Bench, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    troubles = [TopicError("the topic is missing"), TopicError("the topic is missing"), KafkaConnectionError("gone")]
    identify = bench.reader._identify  # noqa: SLF001

    def ask() -> str:
        if troubles:
            raise troubles.pop(0)
        return identify()

    monkeypatch.setattr(bench.reader, "_identify", ask)
    bench.topic.failures = 1
    bench.topic.say(row(0, said("innocent")))
    sent, send = asyncio.Event(), bench.mailbox.send

    async def tell(posted: Iterable[Posted]) -> None:
        letters = list(posted)
        await send(letters)
        if letters:
            sent.set()

    monkeypatch.setattr(bench.mailbox, "send", tell)
    running = asyncio.create_task(bench.reader.run())
    await asyncio.wait_for(sent.wait(), 20)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert bench.topic.stopped
    assert [it.message.partition(": ")[0] for it in caplog.records] == ["Reviewers are not heard"] * 3
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
    (letter,) = bench.letters()
    headers = dict(letter.headers)
    assert (letter.key, letter.value, headers["stillwatch.reason"]) == (key.encode(), value, reason.encode())
    assert (headers["__connect.errors.topic"], headers["__connect.errors.offset"]) == (b"test.feedback", b"0")
    assert bench.decisions() == ["release 1"]
    assert bench.metric("stillwatch_dead_letters_total", reason=reason) == 1


async def test_a_verdict_must_be_where_the_requests_of_its_account_are(bench: Bench) -> None:
    stranger = next(name for name in map(str, range(9)) if key_partition(name, PARTITIONS) == OTHER)
    campaign = said("innocent", "c-1", subject_kind="campaign")
    await bench.hear(row(0, said("innocent", stranger), stranger), row(1, campaign, "c-1"))
    assert [dict(it.headers)["stillwatch.reason"] for it in bench.letters()] == [b"key_mismatch"]
    assert [it.subject_id for it in bench.passed_on()] == ["c-1"]
