"""How the log of decisions is read: all of it, whatever happens to Kafka meanwhile."""

import asyncio
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final, TypeVar

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from msgspec import Struct

from agents.store import StoreError
from agents.topics import LARGEST_BATCH_BYTES, LogOfDecisions, TopicError
from agents.transport import Record

logger = logging.getLogger(__name__)

T = TypeVar("T")

POLL_MS: Final = 500
TROUBLE_S: Final = 1.0
LOOK_S: Final = 10.0
"""How often it looks whether the topic has more partitions, or is another."""


class Log(Struct, frozen=True):
    """Where the log of decisions is.

    `describe` asks Kafka what it is, blocking; it raises TopicError where it cannot be asked. `connect` is what a
    client is made with.
    """

    describe: Callable[[], LogOfDecisions]
    connect: Mapping[str, Any]


class LogReader:
    """Reads every partition of the log of decisions in no group, anew whenever it is another log or has more of them.

    `heard` is called whenever Kafka has said something.
    """

    def __init__(self, log: Log, heard: Callable[[], None] = lambda: None) -> None:
        self._log = log
        self._heard = heard

    async def read(
        self,
        start: Callable[[LogOfDecisions], Awaitable[Mapping[int, int]]],
        take: Callable[[LogOfDecisions, int, Sequence[Record]], Awaitable[None]],
        turn: Callable[[bool], Awaitable[bool]],
    ) -> None:
        """Read until the log changes, or `turn`, told whether all was read that was there at first, says to begin anew.

        `start` says from which offset on each partition is read (what it leaves out: from the beginning).
        Raises TopicError, KafkaError, and what these three raise.
        """
        log = await beside(self._log.describe)
        consumer = AIOKafkaConsumer(
            **self._log.connect,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_bytes=LARGEST_BATCH_BYTES,
            max_partition_fetch_bytes=LARGEST_BATCH_BYTES,
        )
        await consumer.start()
        look: asyncio.Future[LogOfDecisions] | None = None
        try:
            places = [TopicPartition(log.topic, number) for number in range(log.partitions)]
            consumer.assign(places)
            ends = await consumer.end_offsets(places)
            begins, wanted = await consumer.beginning_offsets(places), await start(log)
            for place in places:
                consumer.seek(place, max(begins[place], wanted.get(place.partition, 0)))
            looked = time.monotonic()
            while True:
                for place, records in (await consumer.getmany(timeout_ms=POLL_MS)).items():
                    self._heard()
                    await take(log, place.partition, records)
                positions = [await consumer.position(place) >= end for place, end in ends.items()]
                if await turn(all(positions)):
                    return
                if look is None and time.monotonic() - looked > LOOK_S:
                    look = asyncio.ensure_future(beside(self._log.describe))
                if look is not None and look.done():
                    looked, looking, look = time.monotonic(), look, None
                    with suppress(TopicError):  # who cannot be asked may still be read
                        if looking.result() != log:
                            return
                        self._heard()
        finally:
            if look is not None:
                look.cancel()
                await asyncio.gather(look, return_exceptions=True)  # nobody asks any more what it came to
            await consumer.stop()


class Bookmark:
    """How far somebody has read a log, partition by partition: from there it goes on when it has to connect anew."""

    def __init__(self) -> None:
        self.is_anew = False
        """Whether all of it is to be read again."""
        self._log_id = ""
        self._next: dict[int, int] = {}

    def begin_anew(self) -> None:
        """Read all of it again, soon: what was refused before may be good by other keys."""
        self._next, self.is_anew = {}, True

    async def start(self, log: LogOfDecisions) -> Mapping[int, int]:
        """Where to begin on each partition of `log`: from the beginning if it is another than before."""
        if log.log_id != self._log_id:
            self._log_id, self._next = log.log_id, {}
        self.is_anew = False
        return self._next

    def took(self, partition: int, records: Sequence[Record]) -> None:
        """Note that these were taken; not once all is to be read again, for they were read before that."""
        if not self.is_anew:
            self._next[partition] = records[-1].offset + 1


async def beside(work: Callable[[], T]) -> T:
    """What `work`, which blocks, comes to; on a thread that the end of the process does not wait for."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[T] = loop.create_future()

    def tell(outcome: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(lambda: None if answer.done() else outcome())

    def run() -> None:
        try:
            done = work()
        except Exception as error:  # noqa: BLE001  it is raised where it is waited for
            tell(partial(answer.set_exception, error))
        else:
            tell(partial(answer.set_result, done))

    threading.Thread(target=run, name="beside", daemon=True).start()
    return await answer


async def patiently(what: str, work: Callable[[], Any]) -> None:
    """Do it again and again until cancelled; where a server is away say so once, wait and try again."""
    said = ""
    while True:
        try:
            await work()
            said = ""
        except (KafkaError, StoreError, TopicError, OSError, ValueError) as trouble:
            sentence = str(trouble) or type(trouble).__name__
            if sentence != said:
                logger.warning("%s: %s", what, sentence)
            said = sentence
            await asyncio.sleep(TROUBLE_S)
