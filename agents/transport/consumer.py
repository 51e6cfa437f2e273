"""The consumer, the producer and the transport: Faust's aiokafka driver, with a partition batch for a message."""

from collections import OrderedDict, defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from typing import Any, ClassVar, cast

from aiokafka.consumer.fetcher import FetchResult, PartitionRecords
from faust.exceptions import ImproperlyConfigured
from faust.transport.consumer import ensure_TP
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, AppT, ConsumerMessage
from faust.types.transports import ConsumerT, ProducerT, TPorTopicSet
from faust.types.tuples import ack_lock

from agents.transport.batches import Batch, BatchSchema, message_of
from agents.transport.offsets import Delivered, OutsideLog, ReportOutsideLog, ResumeOffsets, as_committed
from agents.transport.pace import Pace, TimeOf

HELD_FETCH_S = 0.01
"""How long a fetch waits while records are here already that wait for the records of others."""

LONGEST_FETCH_MS = 200
"""How long a broker may hold a fetch that finds nothing.

A partition whose records still waited for their agent is left out of the next fetch, and aiokafka has one fetch at a
time under way per broker: with Faust's 1,500 ms a busy partition can wait that long for the idle ones."""


class _ParsedRecords(PartitionRecords):  # type: ignore[misc]  # aiokafka is untyped
    """What one fetch brought of one partition: records as the parser makes them.

    aiokafka copies each into a `ConsumerRecord`, which names topic and partition again: a third of what it takes to
    read a record.
    """

    def __iter__(self) -> Iterator[Any]:
        return cast("Iterator[Any]", self._records_iterator)

    def _consumer_record(self, _tp: object, record: object) -> object:
        return record


class _Fetched(OrderedDict[TP, Any]):
    """What aiokafka fetched and nobody has taken yet, by partition."""

    def __setitem__(self, tp: TP, result: Any) -> None:  # noqa: ANN401 - aiokafka is untyped
        if isinstance(result, FetchResult):
            result._partition_records.__class__ = _ParsedRecords  # noqa: SLF001 - nobody has asked it for any yet
        super().__setitem__(tp, result)


class BatchConsumerThread(driver.AIOKafkaConsumerThread):
    """Faust's thread around aiokafka, with a shorter wait for records."""

    def _create_worker_consumer(self, transport: driver.Transport) -> Any:  # noqa: ANN401 - aiokafka is untyped
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = LONGEST_FETCH_MS  # noqa: SLF001 - Faust has no setting for it
        return consumer

    async def _fetch_records(self, consumer: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - Faust's
        """Fetch as Faust does, but hand out records as they were parsed."""
        fetcher = consumer._fetcher  # noqa: SLF001 - so does Faust
        if not isinstance(fetcher._records, _Fetched):  # noqa: SLF001
            fetcher._records = _Fetched(fetcher._records)  # noqa: SLF001
        return await super()._fetch_records(consumer, *args, **kwargs)


class BatchConsumer(driver.Consumer):
    """Faust's aiokafka consumer, with a message per partition batch and a start that a store can decide."""

    transport: "Transport"

    def __init__(self, *args: object, **kwargs: object) -> None:
        """Begin with nothing handed out; the arguments are Faust's."""
        super().__init__(*args, **kwargs)
        self._delivered: defaultdict[TP, Delivered] = defaultdict(Delivered)
        self._position_lost = False

    def _new_consumer_thread(self) -> BatchConsumerThread:
        """Make the thread that aiokafka runs in."""
        return BatchConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def subscribe(self, topics: Iterable[str]) -> None:
        """Subscribe, after checking that whoever listens expects batches.

        Raises `ImproperlyConfigured` for a topic that was not declared with `batches`: its decoder would fail on every
        batch, and Faust acknowledges what fails to decode.
        """
        strangers = {
            name for topic in self.app.topics if not isinstance(topic.schema, BatchSchema) for name in topic.topics
        }
        if strangers:
            raise ImproperlyConfigured(f"Declare with agents.transport.batches: {', '.join(sorted(strangers))}.")
        await super().subscribe(topics)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:  # noqa: ASYNC109 - Faust's
        """Fetch once, for at most `timeout` seconds, and yield one message per partition that has records due."""
        if self._position_lost:
            await self._find_position()
        if self._position_lost:
            return
        records, active = await self._wait_next_records(timeout)
        was_stopped = not self.flow_active
        if self.should_stop or was_stopped:
            if records:
                self._position_lost = True
            return
        generation = self.app.consumer_generation_id
        for tp, batch in self._due(records or {}):
            moved_on = not self.flow_active or self.app.consumer_generation_id != generation
            if moved_on or (active is not None and tp not in active):
                # aiokafka has moved past these records and nobody will see them: ask again where to read.
                self._position_lost = True
                return
            self.app.monitor.track_tp_end_offset(tp, self.highwater(tp))
            self._delivered[tp].add(batch[-1].offset)
            yield tp, message_of(ensure_TP(tp), batch, generation)

    async def _getmany(self, active_partitions: Any, timeout: float) -> Any:  # noqa: ANN401, ASYNC109 - Faust's
        """Fetch as Faust does, but nothing of a partition that has records here, and then hardly for any time."""
        pace = self.transport.pace
        if pace is None or not pace.held:
            return await super()._getmany(active_partitions, timeout)
        wanted = active_partitions.difference(pace.held)
        return await super()._getmany(wanted, min(timeout, HELD_FETCH_S)) if wanted else {}

    def _due(self, records: Mapping[TP, Batch]) -> Iterator[tuple[TP, Batch]]:
        """What was fetched, of the topic that is kept together what is due of all that was."""
        pace = self.transport.pace
        for tp, batch in records.items():
            if pace is None or tp.topic != pace.topic:
                yield tp, batch
            else:
                pace.add(tp, batch)
        if pace is not None:
            assigned = self.assignment()
            yield from pace.take(lambda tp: self.highwater(tp) if tp in assigned else None)

    async def _find_position(self) -> None:
        """Seek again, once the flow is back: records were dropped when it stopped, or `read_again` was called."""
        if not self.flow_active:
            await self.wait(self.can_resume_flow)  # type: ignore[arg-type]  # mode waits for asyncio's events as well
        if self.should_stop:
            return
        self._position_lost = False  # before the seek: whoever asks while it is under way is not overheard
        try:
            await self.perform_seek()
        except Exception:
            if self.flow_active:
                raise
            self._position_lost = True  # another rebalance began meanwhile

    def on_buffer_full(self, tp: TP) -> None:
        """Do nothing: fetching waits by itself for an agent whose buffer is full.

        Faust leaves the partition out of every fetch until that buffer has run empty. Measured with an agent that takes
        5 ms a batch, 240 records a second: 99% within 1.1 s that way, within .1 s this way.
        """

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Start each assigned partition where the app's `ResumeOffsets` says, and answer where that is.

        An offset outside the log is reported, and the partition starts at the end of the log that is nearer.
        """
        assigned = self.assignment()
        if not assigned:
            return {}
        committed = await super().seek_to_committed()
        beginnings = await self.earliest_offsets(*assigned)
        ends = await self.highwaters(*assigned)
        unread = beginnings if self.app.conf.consumer_auto_offset_reset == "earliest" else ends
        starts = {tp: unread[tp] if committed.get(tp) is None else committed[tp] for tp in assigned}
        starts |= {tp: at for tp, at in (await self.transport.resume_offsets(starts)).items() if tp in assigned}
        for tp, at in starts.items():
            self._delivered.pop(tp, None)
            if not beginnings[tp] <= at <= ends[tp]:
                outside = OutsideLog(tp, at, beginnings[tp], ends[tp])
                await self._report(outside)
                starts[tp] = outside.resumed
        if self.transport.pace is not None:
            self.transport.pace.begin(starts, ends)
        await self.seek_wait(starts)
        return starts

    async def _report(self, outside: OutsideLog) -> None:
        """Log the sentence and tell whoever registered."""
        self.log.error(outside.sentence)
        if self.transport.report_outside_log is not None:
            await self.transport.report_outside_log(outside)

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Wait for the batch each agent has in hand, commit what is done, and forget the partitions."""
        for tp in revoked:
            self._new_offset(tp)  # Faust is about to forget what was acknowledged since the last commit
        await super().on_partitions_revoked(revoked)
        for tp in revoked:
            self._delivered.pop(tp, None)
        if self.transport.pace is not None:
            self.transport.pace.forget(revoked)

    def read_again(self) -> None:
        """Ask `ResumeOffsets` anew, before the next fetch, where to read each partition.

        Faust's own `seek` will not do: the message it is handing out just then moves its position on again.
        """
        self._position_lost = True

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Do nothing: between the last offsets of two batches there is no gap, there is a batch."""

    def _filter_tps_with_pending_acks(self, topics: TPorTopicSet | None = None) -> Iterator[TP]:
        """Yield the partitions that batches were handed out of."""
        return (tp for tp in list(self._delivered) if topics is None or tp in topics or tp.topic in topics)

    def _new_offset(self, tp: TP) -> int | None:
        """Return the offset that is safe to commit, None where no batch is done.

        Faust's own counts consecutive offsets and fills the gaps between them. Between batches everything looks like a
        gap, and it would commit past a batch that is still in hand.
        """
        with ack_lock:
            done = set(self._acked_index.pop(tp, ()))
            self._acked.pop(tp, None)
        delivered = self._delivered[tp]
        delivered.acknowledge(done)
        return delivered.committable


class IdempotentProducer(driver.Producer):
    """Faust's producer, whose retries neither repeat nor reorder records. Faust has no setting for that."""

    def _settings_extra(self) -> Mapping[str, Any]:
        return {**super()._settings_extra(), "acks": "all", "enable_idempotence": True}


class Transport(driver.Transport):
    """`stillwatch://`: Faust's aiokafka transport with batches for messages and a producer that is idempotent."""

    Consumer: ClassVar[type[ConsumerT]] = BatchConsumer
    Producer: ClassVar[type[ProducerT]] = IdempotentProducer
    resume_offsets: ResumeOffsets = staticmethod(as_committed)
    report_outside_log: ReportOutsideLog | None = None
    pace: Pace | None = None


def resume_with(app: AppT, *, offsets: ResumeOffsets, outside_log: ReportOutsideLog | None = None) -> None:
    """Register, before the app starts, who knows where to resume. Both are awaited in the app's event loop.

    Raises `ImproperlyConfigured` when the app's broker URL is not a stillwatch:// one.
    """
    transport = _transport_of(app)
    transport.resume_offsets = offsets
    transport.report_outside_log = outside_log


def keep_together(app: AppT, topic: str, time_of: TimeOf) -> None:
    """Have the partitions of one topic keep pace with each other, by what `time_of` says of a record.

    Before the app starts. Raises `ImproperlyConfigured` when the app's broker URL is not a stillwatch:// one.
    """
    _transport_of(app).pace = Pace(topic, time_of)


def read_again(app: AppT) -> None:
    """Read every partition again from where the app's `ResumeOffsets` says, before anything else is fetched.

    For an agent that misses records before those it was handed, because its store lost its newest data. Batches that
    wait for it already are handed to it first. Raises `ImproperlyConfigured` when the app's broker URL is not a
    stillwatch:// one.
    """
    consumer = app.consumer
    if not isinstance(consumer, BatchConsumer):
        raise ImproperlyConfigured(f"The broker URL of the app {app.conf.id} must be stillwatch://.")
    consumer.read_again()


def _transport_of(app: AppT) -> Transport:
    transport = app.transport
    if not isinstance(transport, Transport):
        raise ImproperlyConfigured(f"The broker URL of the app {app.conf.id} must be stillwatch://.")
    return transport
