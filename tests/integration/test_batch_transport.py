"""The batch transport against a real broker: what arrives, what is committed, and what a rebalance does to both."""

import asyncio
import json
import math
import signal
import sys
import tempfile
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import Any

import faust
import mode.utils.locks
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from faust.types import TP, StreamT

from agents.embedded.processes import wait_until
from agents.transport import OutsideLog, Record, batches, resume_with
from agents.transport.pace import Pace

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(400)]

WORKER = Path(__file__).with_name("batch_worker.py")
PATIENCE_SECONDS = 90
SHUTDOWN_SECONDS = 60


def application(servers: str, group: str | None = None, **settings: Any) -> faust.App:  # noqa: ANN401 - Faust's own
    return faust.App(
        group or f"group-{uuid.uuid4().hex[:12]}",
        broker=f"stillwatch://{servers}",
        store="memory://",
        datadir=tempfile.gettempdir(),
        autodiscover=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        table_standby_replicas=0,
        web_enabled=False,
        **settings,
    )


class Reader:
    """An agent that keeps what it reads. While `gate` is closed it holds the batch it has in hand."""

    def __init__(self, app: faust.App, topic: str, **declaration: int) -> None:
        self.batches: list[tuple[TP, list[Record]]] = []
        self.taken: list[tuple[TP, int]] = []
        self.waiting: list[int] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self._changed = asyncio.Condition()

        @app.agent(batches(app, topic, **declaration), name=f"reader-{topic}")
        async def observe(stream: StreamT[Any]) -> None:
            async for event in stream.events():
                self.waiting.append(sum(each.queue.qsize() for each in app.topics))
                await self._note(self.taken, (event.message.tp, event.message.offset))
                await self.gate.wait()
                await self._note(self.batches, (event.message.tp, event.value))

    async def _note(self, notes: list[Any], entry: object) -> None:
        async with self._changed:
            notes.append(entry)
            self._changed.notify_all()

    async def until(self, condition: Callable[["Reader"], bool]) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS), self._changed:
            await self._changed.wait_for(lambda: condition(self))

    @property
    def records(self) -> list[Record]:
        return [record for _, batch in self.batches for record in batch]

    def offsets(self) -> dict[int, list[int]]:
        found: dict[int, list[int]] = defaultdict(list)
        for tp, batch in self.batches:
            found[tp.partition].extend(record.offset for record in batch)
        return found


@asynccontextmanager
async def running(app: faust.App) -> AsyncIterator[None]:
    app.finalize()
    await app.start()
    try:
        yield
    finally:
        await asyncio.wait_for(app.stop(), SHUTDOWN_SECONDS)


@asynccontextmanager
async def admin_of(servers: str) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


async def new_topic(servers: str, partitions: int) -> str:
    topic = f"requests-{uuid.uuid4().hex[:12]}"
    async with admin_of(servers) as admin:
        await admin.create_topics([NewTopic(topic, partitions, 1)])
    return topic


async def produce(servers: str, topic: str, partition: int, values: Iterable[bytes]) -> None:
    async with AIOKafkaProducer(bootstrap_servers=servers, linger_ms=5, max_batch_size=128 * 1024) as producer:
        for value in values:
            await producer.send(topic, value, partition=partition)


async def committed(servers: str, group: str, topic: str, partitions: int) -> list[int | None]:
    async with admin_of(servers) as admin:
        found = await admin.list_consumer_group_offsets(group)
    offsets = {tp.partition: entry.offset for tp, entry in found.items() if tp.topic == topic}
    return [offsets.get(partition) for partition in range(partitions)]


def numbers(amount: int, start: int = 0) -> list[bytes]:
    return [b"%d" % number for number in range(start, start + amount)]


async def test_every_event_of_eight_partitions_arrives_once_and_in_order(kafka_bootstrap: str) -> None:
    topic = await new_topic(kafka_bootstrap, partitions=8)
    await asyncio.gather(*(produce(kafka_bootstrap, topic, each, numbers(12_500)) for each in range(8)))
    app = application(kafka_bootstrap)
    reader = Reader(app, topic)
    async with running(app):
        await reader.until(lambda it: len(it.records) >= 100_000)
    assert reader.offsets() == {partition: list(range(12_500)) for partition in range(8)}
    assert all(int(record.value or b"") == record.offset for record in reader.records)
    assert len(reader.batches) < 1_000
    assert await committed(kafka_bootstrap, app.conf.id, topic, 8) == [12_500] * 8


async def test_partitions_that_are_kept_together_are_read_in_the_order_of_what_they_tell(kafka_bootstrap: str) -> None:
    topic = await new_topic(kafka_bootstrap, partitions=4)
    app = application(kafka_bootstrap, broker_max_poll_records=700)
    transport: Any = app.transport
    transport.pace = Pace(topic, lambda record: int(record.value or b""), within_ms=10, patience_s=math.inf)
    reader = Reader(app, topic)
    await asyncio.gather(*(produce(kafka_bootstrap, topic, each, numbers(1_000, 500 * each)) for each in range(4)))
    async with running(app):
        await reader.until(lambda it: len(it.records) >= 4_000)
    assert reader.offsets() == {partition: list(range(1_000)) for partition in range(4)}
    times = [[int(record.value or b"") for record in batch] for _, batch in reader.batches]
    assert all(batch[-1] - batch[0] <= 10 for batch in times)
    latest = list(accumulate((batch[-1] for batch in times), max))
    assert all(batch[0] >= came_to - 2 * 10 for batch, came_to in zip(times, latest, strict=True))
    assert await committed(kafka_bootstrap, app.conf.id, topic, 4) == [1_000] * 4


async def test_a_message_carries_one_partition_and_the_offset_of_its_last_record(kafka_bootstrap: str) -> None:
    topic = await new_topic(kafka_bootstrap, partitions=3)
    await asyncio.gather(*(produce(kafka_bootstrap, topic, each, numbers(100)) for each in range(3)))
    app = application(kafka_bootstrap, broker_max_poll_records=40)
    reader = Reader(app, topic)
    async with running(app):
        await reader.until(lambda it: len(it.records) >= 300)
    assert {tp for tp, _ in reader.batches} == {TP(topic, partition) for partition in range(3)}
    assert reader.offsets() == {partition: list(range(100)) for partition in range(3)}
    assert reader.taken == [(tp, batch[-1].offset) for tp, batch in reader.batches]
    assert max(len(batch) for _, batch in reader.batches) <= 40


async def test_null_and_empty_values_headers_and_control_bytes_arrive_as_written(kafka_bootstrap: str) -> None:
    topic = await new_topic(kafka_bootstrap, partitions=1)
    written: list[tuple[bytes | None, bytes | None, tuple[tuple[str, bytes | None], ...]]] = [
        (b"tombstone", None, ()),
        (None, b"no key", ()),
        (b"", b"", (("empty", b""), ("null", None))),
        (b"\x00\x1f\xff", b"\x00\x01\x1b[31m\x7f\xc3\x28", (("Faust-Ag-ReplyTo", b"elsewhere"), ("twice", b"1"))),
        (b"account-1", b"not json", (("twice", b"1"), ("twice", b"2"))),
    ]
    async with AIOKafkaProducer(bootstrap_servers=kafka_bootstrap) as producer:
        for key, value, headers in written:
            await producer.send(topic, value, key=key, partition=0, headers=list(headers))
    app = application(kafka_bootstrap)
    reader = Reader(app, topic)
    async with running(app):
        await reader.until(lambda it: len(it.records) >= len(written))
    assert [(record.key, record.value, tuple(record.headers)) for record in reader.records] == written
    assert all(record.timestamp > 0 for record in reader.records)


async def test_a_batch_half_way_is_not_committed_nor_what_waits_behind_it(kafka_bootstrap: str) -> None:
    topic = await new_topic(kafka_bootstrap, partitions=1)
    app = application(kafka_bootstrap)
    reader = Reader(app, topic)
    async with running(app):
        await produce(kafka_bootstrap, topic, 0, numbers(10))
        await reader.until(lambda it: len(it.records) == 10)
        reader.gate.clear()
        await produce(kafka_bootstrap, topic, 0, numbers(10, start=10))
        await reader.until(lambda it: it.taken[-1][1] > 9)
        await produce(kafka_bootstrap, topic, 0, numbers(10, start=20))
        await app.consumer.commit()
        assert await committed(kafka_bootstrap, app.conf.id, topic, 1) == [10]
        reader.gate.set()
        await reader.until(lambda it: len(it.records) == 30)
    assert reader.offsets() == {0: list(range(30))}
    assert await committed(kafka_bootstrap, app.conf.id, topic, 1) == [30]


async def test_stopping_waits_for_the_batch_in_hand_and_commits_it(kafka_bootstrap: str) -> None:
    topic = await new_topic(kafka_bootstrap, partitions=1)
    app = application(kafka_bootstrap)
    reader = Reader(app, topic)
    reader.gate.clear()
    async with running(app):
        await produce(kafka_bootstrap, topic, 0, numbers(50))
        await reader.until(lambda it: len(it.taken) == 1)
        asyncio.get_running_loop().call_later(1, reader.gate.set)
    done = len(reader.records)
    assert done > 0
    assert await committed(kafka_bootstrap, app.conf.id, topic, 1) == [done]


async def test_a_store_that_cannot_answer_ends_the_worker_before_anything_is_read(kafka_bootstrap: str) -> None:
    topic = await new_topic(kafka_bootstrap, partitions=1)
    await produce(kafka_bootstrap, topic, 0, numbers(10))

    async def resume(starts: Mapping[TP, int]) -> Mapping[TP, int]:
        raise ConnectionError(f"no answer about {len(starts)} partitions")

    app = application(kafka_bootstrap)
    resume_with(app, offsets=resume)
    reader = Reader(app, topic)
    async with running(app):
        assert await app.wait_for_stopped(mode.utils.locks.Event(), timeout=PATIENCE_SECONDS)
    assert isinstance(app.crash_reason, ConnectionError)
    assert not reader.taken


async def test_the_next_worker_of_the_group_goes_on_where_the_last_one_stopped(kafka_bootstrap: str) -> None:
    topic = await new_topic(kafka_bootstrap, partitions=2)
    group = f"group-{uuid.uuid4().hex[:12]}"
    for start in (0, 20):
        await asyncio.gather(*(produce(kafka_bootstrap, topic, each, numbers(20, start)) for each in range(2)))
        app = application(kafka_bootstrap, group)
        reader = Reader(app, topic)
        async with running(app):
            await reader.until(lambda it: len(it.records) == 40)
        assert reader.offsets() == {partition: list(range(start, start + 20)) for partition in range(2)}


async def test_reading_starts_exactly_where_the_store_says(kafka_bootstrap: str) -> None:
    topic = await new_topic(kafka_bootstrap, partitions=3)
    await asyncio.gather(*(produce(kafka_bootstrap, topic, each, numbers(100)) for each in range(3)))
    group = f"group-{uuid.uuid4().hex[:12]}"
    app = application(kafka_bootstrap, group)
    reader = Reader(app, topic)
    async with running(app):
        await reader.until(lambda it: len(it.records) == 300)

    asked: list[Mapping[TP, int]] = []

    async def resume(starts: Mapping[TP, int]) -> Mapping[TP, int]:
        asked.append(dict(starts))
        return {TP(topic, 0): 0, TP(topic, 1): 37, TP("somebody-elses", 1): 5}

    app = application(kafka_bootstrap, group)
    resume_with(app, offsets=resume)
    reader = Reader(app, topic)
    async with running(app):
        await reader.until(lambda it: len(it.records) == 163)
    assert asked == [{TP(topic, partition): 100 for partition in range(3)}]
    assert reader.offsets() == {0: list(range(100)), 1: list(range(37, 100))}
    assert await committed(kafka_bootstrap, group, topic, 3) == [100] * 3


async def test_an_offset_outside_the_log_is_reported_and_reading_starts_at_its_nearer_end(kafka_bootstrap: str) -> None:
    topic = await new_topic(kafka_bootstrap, partitions=3)
    await asyncio.gather(*(produce(kafka_bootstrap, topic, each, numbers(20)) for each in range(3)))
    async with admin_of(kafka_bootstrap) as admin:
        await admin.delete_records({TopicPartition(topic, 1): RecordsToDelete(before_offset=10)})

    async def resume(starts: Mapping[TP, int]) -> Mapping[TP, int]:
        return dict.fromkeys(starts, 20) | {TP(topic, 0): 21, TP(topic, 1): 5}

    reported: list[OutsideLog] = []

    async def report(outside: OutsideLog) -> None:
        reported.append(outside)

    app = application(kafka_bootstrap)
    resume_with(app, offsets=resume, outside_log=report)
    reader = Reader(app, topic)
    async with running(app):
        await reader.until(lambda it: len(it.records) == 10)
    assert sorted(reported, key=lambda it: it.tp) == [
        OutsideLog(TP(topic, 0), asked=21, beginning=0, end=20),
        OutsideLog(TP(topic, 1), asked=5, beginning=10, end=20),
    ]
    assert reader.offsets() == {1: list(range(10, 20))}


@asynccontextmanager
async def another_member(servers: str, group: str, topic: str) -> AsyncIterator[AIOKafkaConsumer]:
    """A second member of the group that reads nothing, so that what it is given stays unread."""
    member = AIOKafkaConsumer(
        topic,
        bootstrap_servers=servers,
        group_id=group,
        enable_auto_commit=False,
        partition_assignment_strategy=[RoundRobinPartitionAssignor],
    )
    await member.start()
    try:
        yield member
    finally:
        await member.stop()


async def test_what_is_read_after_a_rebalance_is_not_dropped(kafka_bootstrap: str) -> None:
    topic = await new_topic(kafka_bootstrap, partitions=4)
    app = application(kafka_bootstrap)
    reader = Reader(app, topic)

    async def produce_everywhere(start: int) -> None:
        await asyncio.gather(*(produce(kafka_bootstrap, topic, each, numbers(10, start)) for each in range(4)))

    async with running(app):
        await produce_everywhere(0)
        await reader.until(lambda it: len(it.records) == 40)
        first = app.consumer_generation_id
        async with another_member(kafka_bootstrap, app.conf.id, topic) as member:
            others = {tp.partition for tp in member.assignment()}
            assert len(others) == 2
            before = len(reader.batches)
            await produce_everywhere(10)
            await reader.until(lambda it: len(it.records) == 60)
            assert app.consumer_generation_id > first
            assert {tp.partition for tp, _ in reader.batches[before:]} == set(range(4)) - others
        await reader.until(lambda it: len(it.records) == 80)
    assert reader.offsets() == {partition: list(range(20)) for partition in range(4)}
    assert await committed(kafka_bootstrap, app.conf.id, topic, 4) == [20] * 4


async def test_a_rebalance_waits_for_the_batch_in_hand_and_commits_it(kafka_bootstrap: str) -> None:
    topic = await new_topic(kafka_bootstrap, partitions=1)
    await produce(kafka_bootstrap, topic, 0, numbers(10))
    app = application(kafka_bootstrap)
    reader = Reader(app, topic)
    reader.gate.clear()
    async with running(app):
        await reader.until(lambda it: len(it.taken) == 1)
        await produce(kafka_bootstrap, topic, 0, numbers(10, start=10))
        rebalanced = asyncio.create_task(_join_and_leave(kafka_bootstrap, app.conf.id, topic))
        consumer: Any = app.consumer
        has_begun = partial(wait_until, lambda: not consumer.flow_active, seconds=PATIENCE_SECONDS)
        assert await asyncio.to_thread(has_begun)
        reader.gate.set()
        before = await rebalanced
        await reader.until(lambda it: len(it.records) == 20)
    assert before == [10]
    assert reader.offsets() == {0: list(range(20))}
    assert await committed(kafka_bootstrap, app.conf.id, topic, 1) == [20]


async def _join_and_leave(servers: str, group: str, topic: str) -> list[int | None]:
    async with another_member(servers, group, topic):
        return await committed(servers, group, topic, 1)


async def test_two_workers_that_come_and_go_read_everything_between_them(kafka_bootstrap: str) -> None:
    topic = await new_topic(kafka_bootstrap, partitions=8)
    group = f"group-{uuid.uuid4().hex[:12]}"

    async def produce_everywhere(start: int) -> None:
        await asyncio.gather(*(produce(kafka_bootstrap, topic, each, numbers(1_000, start)) for each in range(8)))

    await produce_everywhere(0)
    async with worker(kafka_bootstrap, group, topic) as first:
        await first.until(lambda rows: len(rows) > 3)
        async with worker(kafka_bootstrap, group, topic) as second:
            rounds = 1
            while not second.rows:
                await produce_everywhere(rounds * 1_000)
                rounds += 1
            await produce_everywhere(rounds * 1_000)
        each = (rounds + 1) * 1_000
        everything = {(partition, offset) for partition in range(8) for offset in range(each)}
        await first.until(lambda rows: _covered(rows) | _covered(second.rows) == everything)
    assert not _covered(first.rows) & _covered(second.rows)
    assert sum(row[3] for row in first.rows + second.rows) == 8 * each
    assert await committed(kafka_bootstrap, group, topic, 8) == [each] * 8


class Worker:
    """The rows that a worker process has printed so far."""

    def __init__(self) -> None:
        self.rows: list[list[int]] = []
        self._changed = asyncio.Condition()

    async def follow(self, lines: AsyncIterator[bytes]) -> None:
        async for line in lines:
            async with self._changed:
                self.rows.append(json.loads(line))
                self._changed.notify_all()

    async def until(self, condition: Callable[[list[list[int]]], bool]) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS), self._changed:
            await self._changed.wait_for(lambda: condition(self.rows))


@asynccontextmanager
async def worker(servers: str, group: str, topic: str) -> AsyncIterator[Worker]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(WORKER), servers, group, topic, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    known = Worker()
    following = asyncio.create_task(known.follow(aiter(process.stdout)))
    try:
        yield known
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), SHUTDOWN_SECONDS) == 0
        await following
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def _covered(rows: Sequence[Sequence[int]]) -> set[tuple[int, int]]:
    return {(partition, offset) for partition, first, last, _ in rows for offset in range(first, last + 1)}


async def test_each_of_two_agents_gets_the_batches_of_its_own_topic(kafka_bootstrap: str) -> None:
    one, other = await new_topic(kafka_bootstrap, partitions=2), await new_topic(kafka_bootstrap, partitions=2)
    app = application(kafka_bootstrap)
    readers = {topic: Reader(app, topic) for topic in (one, other)}
    readers[other].gate.clear()
    async with running(app):
        for partition in range(2):
            await produce(kafka_bootstrap, one, partition, numbers(10))
            await produce(kafka_bootstrap, other, partition, numbers(10))
        await readers[one].until(lambda it: len(it.records) == 20)
        readers[other].gate.set()
        await readers[other].until(lambda it: len(it.records) == 20)
    assert {tp.topic for tp, _ in readers[one].batches} == {one}
    assert {tp.topic for tp, _ in readers[other].batches} == {other}


async def test_no_more_batches_wait_for_a_slow_agent_than_declared(kafka_bootstrap: str) -> None:
    topic = await new_topic(kafka_bootstrap, partitions=4)
    await asyncio.gather(*(produce(kafka_bootstrap, topic, each, numbers(500)) for each in range(4)))
    app = application(kafka_bootstrap, broker_max_poll_records=10)
    pressure = Pressure()
    app.sensors.add(pressure)
    reader = Reader(app, topic, waiting=4)
    reader.gate.clear()
    async with running(app):
        await asyncio.wait_for(pressure.felt.wait(), PATIENCE_SECONDS)
        reader.gate.set()
        await reader.until(lambda it: len(it.records) == 2_000)
    assert 1 <= max(reader.waiting) <= 4
    assert reader.offsets() == {partition: list(range(500)) for partition in range(4)}


class Pressure(faust.Sensor):
    """Notices that a buffer is nearly full."""

    def __init__(self) -> None:
        self.felt = asyncio.Event()
        super().__init__()

    def on_topic_buffer_full(self, tp: TP) -> None:  # noqa: ARG002 - Faust's call
        self.felt.set()


async def test_the_producer_of_the_scheme_writes(kafka_bootstrap: str) -> None:
    topic = await new_topic(kafka_bootstrap, partitions=1)
    app = application(kafka_bootstrap)
    reader = Reader(app, topic)
    async with running(app):
        sent: Awaitable[Any] = await app.producer.send(topic, b"key", b"value", 0, None, {"name": b"header"})
        acknowledged = await sent
        await reader.until(lambda it: len(it.records) == 1)
    assert acknowledged.offset == 0
    assert [(it.key, it.value, tuple(it.headers)) for it in reader.records] == [
        (b"key", b"value", (("name", b"header"),))
    ]
