"""A stock Faust app for the plain job, and how it is run to the end of the log."""

import asyncio
import tempfile

import faust
from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition

from tests.benchmarks.plain.told import Told

SESSION_S = 6.0


class Work:
    """Runs an app until each partition has been worked off to its end."""

    def __init__(self, app: faust.App, told: Told) -> None:
        self._app = app
        self._told = told
        self._left = {number: end for number, end in told.ends.items() if end}
        self._ended = asyncio.Event()

    def note(self, partition: int, offset: int) -> None:
        """The event at `offset` has been worked off."""
        if offset + 1 == self._left.get(partition):
            del self._left[partition]
            if not self._left:
                self._ended.set()

    def wait(self) -> None:
        """Start the app, and stop it when all is done."""
        asyncio.run(self._run())

    async def _run(self) -> None:
        for tp, offset in (await self._committed()).items():
            self.note(tp, offset - 1)
        self._app.finalize()
        await self._app.start()
        await self._ended.wait()
        await self._app.commit({self._told.topic})
        self._told.done()
        await self._app.stop()

    async def _committed(self) -> dict[int, int]:
        """What was committed before a kill: a partition that was done then brings no event any more."""
        async with AIOKafkaConsumer(
            bootstrap_servers=self._told.bootstrap_servers, group_id=self._told.prefix, enable_auto_commit=False
        ) as consumer:
            found = {
                number: await consumer.committed(TopicPartition(self._told.topic, number)) for number in self._left
            }
        return {number: offset for number, offset in found.items() if offset}


def application(told: Told) -> faust.App:
    """An app with Faust's defaults, but for what has nothing to do with this job."""
    return faust.App(
        told.prefix,
        broker=f"kafka://{told.bootstrap_servers}",
        store="memory://",
        datadir=tempfile.mkdtemp(prefix="faust-", dir=told.folder),
        autodiscover=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        table_standby_replicas=0,
        web_enabled=False,
        consumer_auto_offset_reset="earliest",
        broker_session_timeout=SESSION_S,
        broker_heartbeat_interval=SESSION_S / 10,
        stream_wait_empty=True,
    )


def work(app: faust.App, told: Told) -> Work:
    """The run to the end of the log."""
    return Work(app, told)
