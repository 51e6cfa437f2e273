"""A lane turns every batch into one step, exactly once, whatever Redis, Kafka and other workers do meanwhile."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from typing import Any

import msgspec
import pytest
from aiokafka.errors import KafkaConnectionError
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct
from prometheus_client import CollectorRegistry

from agents import lane as lane_module
from agents.advance import Posted
from agents.deadletters import Reason, Refusal
from agents.inputs import one_by_one
from agents.lane import Lane
from agents.metrics import Metrics
from agents.post import Post
from agents.progress import Progress
from agents.store import NOTHING, Answer, Place, StoreError
from agents.store.memory import MemoryStore
from streams.findings import Findings
from streams.stages import Outgoing, Output, Source
from streams.stages.shape import StageName
from streams.states import States

TOPIC = "test.links"
PLACE = Place("networks", 0)


class Row(Struct):
    """A record as aiokafka has it."""

    offset: int
    value: bytes | None
    timestamp: int = 1_791_158_400_000
    timestamp_type: int = 1
    key: bytes | None = b"key"
    headers: Sequence[tuple[str, bytes | None]] = ()


class Item(Struct, frozen=True):
    """What a row is read as."""

    offset: int
    number: int


class Sum(Struct):
    """What the stage keeps: the sum of all numbers, and whether it left something for later."""

    total: int = 0
    open: bool = False
    offset: int = -1


class SummingStage:
    """Adds numbers up; says so at each batch, and once more when nothing came for a while."""

    name: StageName = "networks"

    @property
    def nothing(self) -> Sequence[Item]:
        return ()

    def needs(self, _items: Sequence[Item], _states: States) -> set[str]:
        return {"sum"}

    def decode(self, _key: str, stored: bytes | None) -> object:
        return Sum() if stored is None else msgspec.msgpack.decode(stored, type=Sum)

    def encode(self, _key: str, state: object) -> bytes:
        return msgspec.msgpack.encode(state)

    def fold(self, source: Source, items: Sequence[Item], states: States) -> Output:
        state = states.change("sum", Sum)
        output = Output()
        for item in items:
            if item.number == 13:
                raise ZeroDivisionError
            state.total += item.number
            state.offset = item.offset
        if items or state.open:
            said = Findings(source.partition, source.log, state.offset, 0 if items else 1, 0, [])
            output.records.append(Outgoing("findings", said, 0, partition=0))
        state.open = bool(items)
        return output


def read(row: object) -> Item | Refusal:
    assert isinstance(row, Row)
    try:
        return Item(row.offset, int(row.value or b""))
    except ValueError:
        return Refusal(Reason.NOT_JSON, "No number.", "ValueError")


class FaultyStore(MemoryStore):
    """Fails as it is told to: `before` commits are refused, `after` ones are applied and then not answered.

    Each takes `commit_s` seconds.
    """

    def __init__(self) -> None:
        super().__init__()
        self.faults: list[str] = []
        self.commit_s = 0.0

    async def commit(self, place: Place, **step: Any) -> Answer:  # noqa: ANN401  handed on as it is
        await asyncio.sleep(self.commit_s)
        fault = self.faults.pop(0) if self.faults else ""
        if fault == "before":
            raise StoreError("Redis cannot be reached.")
        answer = await super().commit(place, **step)
        if fault == "after":
            raise StoreError("Redis does not answer in time.")
        return answer

    def roll_back(self, place: Place, offset: int, values: Mapping[str, bytes]) -> None:
        """Hold what an old snapshot held."""
        held = self._places[place]
        held.offset, held.values, held.outbox = offset, dict(values), b""

    def snapshot(self) -> object:
        """All that is held, owners too: what a replica has that hears nothing more."""
        return deepcopy(self._places)

    def restore(self, snapshot: object) -> None:
        """Hold what the replica held."""
        assert isinstance(snapshot, dict)
        self._places = snapshot


class Mailbox(Post):
    """Keeps what is posted; refuses `failures` times first."""

    def __init__(self) -> None:
        self.sent: list[Posted] = []
        self.failures = 0

    async def send(self, posted: Iterable[Posted]) -> None:
        if self.failures:
            self.failures -= 1
            raise KafkaConnectionError("no broker")
        self.sent.extend(posted)

    @property
    def said(self) -> list[tuple[int, int]]:
        """(source offset, part) of every record of findings, in the order sent."""
        found = [msgspec.json.decode(it.value or b"", type=Findings) for it in self.sent if it.topic == "findings"]
        return [(it.source_offset, it.part) for it in found]


class Bench:
    """A lane on a store, a mailbox and a log that are at hand."""

    def __init__(self, store: FaultyStore | None = None) -> None:
        self.store = store or FaultyStore()
        self.mailbox = Mailbox()
        self.progress = Progress()
        self.progress.assigned([(TOPIC, 0)])
        self.registry = CollectorRegistry()
        self.reread = 0
        self.failed: list[BaseException] = []
        self.lane: Lane[Sequence[Item]] = Lane(
            SummingStage(),
            TOPIC,
            one_by_one(read),
            store=self.store,
            post=self.mailbox,
            metrics=Metrics(self.registry),
            progress=self.progress,
            read_again=self._read_again,
            fail=self.failed.append,
        )

    def _read_again(self) -> None:
        self.reread += 1

    async def take(self, numbers: Sequence[int | bytes | None], start: int = 0) -> None:
        """Hand the lane a batch of numbers that begins at offset `start`."""
        values = [str(number).encode() if isinstance(number, int) else number for number in numbers]
        rows = [Row(offset, value) for offset, value in enumerate(values, start)]
        await asyncio.wait_for(self.lane.take(0, rows), 10)

    async def stored(self) -> tuple[int, int]:
        """The offset and the sum that the store holds."""
        loaded = await self.store.load(PLACE, ("sum",))
        value = loaded.values[0]
        return loaded.offset, 0 if value is None else msgspec.msgpack.decode(value, type=Sum).total

    def metric(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(name, labels) or 0.0


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lane_module, "FIRST_WAIT_S", 0.0)


async def test_a_batch_is_committed_and_what_it_says_is_sent(bench: Bench) -> None:
    await bench.take([1, 2, 3])
    assert await bench.stored() == (2, 6)
    assert bench.mailbox.said == [(2, 0)]
    assert bench.lane.offset(0) == 2
    assert bench.metric("stillwatch_events_read_total", stage="networks") == 3


async def test_nothing_is_sent_that_is_not_committed(bench: Bench) -> None:
    committed_when_sent: list[int] = []
    send = bench.mailbox.send

    async def watch(posted: Iterable[Posted]) -> None:
        committed_when_sent.append((await bench.stored())[0])
        await send(posted)

    bench.mailbox.send = watch  # type: ignore[method-assign]
    await bench.take([1, 2])
    assert committed_when_sent[-1] == 1


async def test_the_end_of_trouble_is_logged_once_as_its_beginning_was(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "agents.lane")
    bench.store.faults = ["before"]
    await bench.take([1])
    await bench.take([2], start=1)
    assert caplog.messages == ["networks stands still: Redis cannot be reached.", "networks goes on."]


async def test_a_batch_that_was_taken_before_changes_nothing(bench: Bench) -> None:
    await bench.take([1, 2, 3])
    await bench.take([1, 2, 3])
    assert await bench.stored() == (2, 6)
    assert bench.metric("stillwatch_redis_fence_answers_total", answer="duplicate") == 1


async def test_of_a_batch_that_was_taken_in_part_only_the_rest_counts(bench: Bench) -> None:
    await bench.take([1, 2, 3])
    await bench.take([3, 4], start=2)
    assert await bench.stored() == (3, 10)


async def test_a_bad_record_is_a_dead_letter_and_the_rest_counts(bench: Bench) -> None:
    await bench.take([1, b"many", 2, None])
    assert await bench.stored() == (3, 3)
    assert [(it.key, it.value) for it in bench.mailbox.sent if it.topic == "dlq"] == [(b"key", b"many"), (b"key", None)]
    assert bench.metric("stillwatch_dead_letters_total", reason="not_json") == 2


async def test_a_batch_of_bad_records_only_moves_the_offset(bench: Bench) -> None:
    await bench.take([b"many", b"more"])
    assert (await bench.stored())[0] == 1


async def test_trouble_with_the_store_is_waited_out(bench: Bench) -> None:
    bench.store.faults = ["before"] * 3
    await bench.take([1, 2, 3])
    assert await bench.stored() == (2, 6)
    assert bench.mailbox.said == [(2, 0)]


async def test_a_lane_that_waits_says_why_and_is_ready_again_when_it_goes_on(bench: Bench) -> None:
    seen: list[str | None] = []
    load = bench.store.load

    async def watch(place: Place, keys: Sequence[str]) -> object:
        seen.append(bench.progress.unready())
        return await load(place, keys)

    bench.progress.ready()
    bench.store.load = watch  # type: ignore[method-assign, assignment]
    bench.store.faults = ["before"]
    await bench.take([1])
    assert "Redis cannot be reached." in seen
    assert bench.progress.unready() is None


async def test_a_commit_that_was_applied_but_not_answered_counts_once_and_says_what_it_had_to(bench: Bench) -> None:
    bench.store.faults = ["after"]
    await bench.take([1, 2, 3])
    await bench.take([4], start=3)
    assert await bench.stored() == (3, 10)
    assert list(dict.fromkeys(bench.mailbox.said)) == [(2, 0), (3, 0)]


async def test_what_was_left_for_later_is_said_once_nothing_more_comes(bench: Bench) -> None:
    await bench.take([1, 2])
    await bench.lane.settle(0.0)
    await bench.lane.settle(0.0)
    assert bench.mailbox.said == [(1, 0), (1, 1)]


async def test_a_partition_that_is_not_idle_for_long_enough_is_left_alone(bench: Bench) -> None:
    await bench.take([1, 2])
    await bench.lane.settle(3600.0)
    assert bench.mailbox.said == [(1, 0)]


@pytest.mark.parametrize("fault", ["before", "after"])
async def test_what_was_left_for_later_is_said_although_the_store_failed(bench: Bench, fault: str) -> None:
    await bench.take([1, 2])
    bench.store.faults = [fault]
    await asyncio.wait_for(bench.lane.settle(0.0), 10)
    await bench.take([3], start=2)
    assert list(dict.fromkeys(bench.mailbox.said)) == [(1, 0), (1, 1), (2, 0)]
    assert await bench.stored() == (2, 6)


async def test_a_broker_that_takes_nothing_is_waited_for_and_nothing_is_folded_again(bench: Bench) -> None:
    bench.mailbox.failures = 3
    await bench.take([1, 2, 3])
    assert await bench.stored() == (2, 6)
    assert bench.mailbox.said == [(2, 0)]


async def test_what_kafka_has_yet_to_acknowledge_is_counted(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    unsent: list[int] = []
    send = bench.mailbox.send

    async def look(posted: Iterable[Posted]) -> None:
        unsent.append(bench.lane.unsent)
        await send(posted)

    await bench.take([1, 2])
    monkeypatch.setattr(bench.mailbox, "send", look)
    bench.mailbox.failures = 1
    await bench.take([3, 4], start=2)
    assert (unsent, bench.lane.unsent) == ([1, 1], 0)


async def test_another_worker_that_moved_the_partition_on_wins(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    await bench.take([1, 2])
    other = Bench(bench.store)
    await other.lane.resume(0)
    await other.take([3, 4], start=2)
    with caplog.at_level("WARNING", "agents.lane"):
        await bench.take([3, 4, 5], start=2)
    assert caplog.messages == ["networks/0 stands at offset 3: another worker opened it, or Redis lost it."]
    assert await bench.stored() == (4, 15)
    assert bench.metric("stillwatch_redis_fence_answers_total", answer="refused") == 1


async def test_two_workers_whose_steps_take_long_do_not_take_the_place_from_each_other_for_ever(bench: Bench) -> None:
    bench.store.commit_s = 0.2
    taking = asyncio.create_task(bench.take([1, 2, 3]))
    await asyncio.sleep(0.1)  # each opens the place in the middle of the other's step, if it tries again at once
    await Bench(bench.store).take([1, 2, 3])
    await taking
    assert await bench.stored() == (2, 6)


@pytest.mark.parametrize("revoked", [False, True])
async def test_settling_a_partition_that_another_worker_moved_on_does_no_harm(bench: Bench, *, revoked: bool) -> None:
    await bench.take([1, 2])
    other = Bench(bench.store)
    await other.take([1, 2, 3])
    if revoked:
        bench.lane.revoke([0])
    await asyncio.wait_for(bench.lane.settle(0.0), 10)
    assert await bench.stored() == (2, 6)


async def test_records_missing_before_a_batch_are_read_first(bench: Bench) -> None:
    await bench.take([1, 2])
    await bench.take([5, 6], start=4)
    assert bench.reread == 1
    assert await bench.lane.resume(0) == 2
    assert await bench.stored() == (1, 3)
    await bench.take([3, 4, 5, 6], start=2)
    assert await bench.stored() == (5, 21)


async def test_records_that_the_log_does_not_have_are_passed_over(bench: Bench) -> None:
    await bench.take([1, 2])
    await bench.take([5, 6], start=4)
    await bench.take([5, 6], start=4)
    assert await bench.stored() == (5, 14)


async def test_batches_behind_a_gap_do_not_pass_for_its_end(bench: Bench) -> None:
    await bench.take([1, 2])
    await bench.take([5, 6], start=4)
    await bench.take([7, 8], start=6)  # was already waiting when the lane asked for what is missing
    assert (await bench.stored())[0] == 1
    await bench.take([3, 4], start=2)
    await bench.take([5, 6], start=4)
    await bench.take([7, 8], start=6)
    assert await bench.stored() == (7, 36)


async def test_a_second_gap_at_the_same_place_is_looked_into_again(bench: Bench) -> None:
    await bench.take([1, 2])
    await bench.take([5], start=4)
    await bench.take([3, 4, 5], start=2)
    bench.store.roll_back(PLACE, 1, {"sum": msgspec.msgpack.encode(Sum(3))})
    await bench.take([6], start=5)
    assert bench.metric("stillwatch_redis_fence_answers_total", answer="gap") == 1
    assert (await bench.stored())[0] == 1
    await bench.take([5, 6], start=4)
    assert (await bench.stored())[0] == 1
    await bench.take([3, 4, 5, 6], start=2)
    assert await bench.stored() == (5, 21)


async def test_a_bug_is_reported_and_the_batch_neither_committed_nor_finished(bench: Bench) -> None:
    await bench.take([1, 2])
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(bench.lane.take(0, [Row(2, b"13")]), 0.2)
    assert [type(error) for error in bench.failed] == [ZeroDivisionError]
    assert await bench.stored() == (1, 3)


async def test_a_cancelled_batch_is_no_bug(bench: Bench) -> None:
    bench.store.faults = ["before"] * 1_000_000
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(bench.lane.take(0, [Row(0, b"1")]), 0.05)
    assert bench.failed == []


async def test_a_partition_resumes_where_the_store_stands_and_sends_what_was_left(bench: Bench) -> None:
    assert await bench.lane.resume(0) == 0
    await bench.take([1, 2])
    successor = Bench(bench.store)
    assert await successor.lane.resume(0) == 2
    assert successor.mailbox.said == [(1, 0)]
    await successor.take([3], start=2)
    assert await bench.stored() == (2, 6)


async def test_a_revoked_partition_is_forgotten(bench: Bench) -> None:
    await bench.take([1, 2])
    bench.lane.revoke([0])
    assert bench.lane.offset(0) == NOTHING
    assert bench.lane.subjects_held == 0


async def test_a_partition_whose_log_was_cut_goes_on_with_its_states(bench: Bench) -> None:
    await bench.take([1, 2])
    await bench.lane.rebase(0, 9)
    await bench.take([3], start=10)
    assert await bench.stored() == (10, 6)
    assert bench.reread == 0


@settings(max_examples=60, deadline=None)
@given(
    numbers=st.lists(st.integers(0, 12), min_size=1, max_size=30),
    cuts=st.lists(st.tuples(st.integers(0, 30), st.integers(1, 10)), max_size=12),
    faults=st.lists(st.sampled_from(["", "before", "after"]), max_size=20),
    settles=st.sets(st.integers(0, 12)),
)
def test_whatever_is_delivered_again_and_whatever_fails_each_record_counts_once(
    numbers: list[int], cuts: list[tuple[int, int]], faults: list[str], settles: set[int]
) -> None:
    async def deliver() -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(lane_module, "FIRST_WAIT_S", 0.0)
            bench = Bench()
            bench.store.faults = list(faults)
            for index, (start, size) in enumerate(cuts):
                begin = min(start, (await bench.stored())[0] + 1)
                if numbers[begin : begin + size]:
                    await bench.take(numbers[begin : begin + size], start=begin)
                if index in settles:
                    await bench.lane.settle(0.0)
            done = (await bench.stored())[0] + 1
            assert await bench.stored() == (done - 1, sum(numbers[:done]))
            await bench.take(numbers)
            assert await bench.stored() == (len(numbers) - 1, sum(numbers))
            assert bench.mailbox.said[-1][0] == len(numbers) - 1
            assert bench.failed == []

    asyncio.run(deliver())
