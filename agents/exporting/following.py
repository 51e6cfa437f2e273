"""The log of decisions as it grows: all that was there first, in the order in which it was made, and then each."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

from agents.ending import cancelled
from agents.enforcement.reading import Bookmark, Log, LogReader, patiently
from agents.exporting.intake import Intake
from agents.topics import LogOfDecisions
from agents.transport import Record
from streams.decisions import Decision

Task = asyncio.Task[Any]

TICK_S: Final = 1.0
"""How often it is told that nothing came, so that time may pass."""


class Follower:
    """Follows the decisions about campaigns. Where Kafka is away it says so once in the log, and goes on later."""

    def __init__(self, log: Log, intake: Intake) -> None:
        self._reader = LogReader(log)
        self._intake = intake
        self._bookmark = Bookmark()
        self._batch: list[Decision] = []
        self._has_all = asyncio.Event()
        self._came = asyncio.Event()

    async def batches(self, stop: asyncio.Event) -> AsyncIterator[list[Decision]]:
        """The decisions that came since the last batch, which may be none; the first has all that the log held.

        Until `stop` is set.
        """
        reading = asyncio.create_task(patiently("The log of decisions is not heard", self._read))
        stopping = asyncio.create_task(stop.wait())
        try:
            await self._until(self._has_all, stopping, reading)
            while not stop.is_set():
                self._came.clear()
                batch, self._batch = self._batch, []
                yield batch
                await self._until(self._came, stopping, reading, TICK_S)
        finally:
            await cancelled((reading, stopping))

    def begin_anew(self) -> None:
        """Read all of it again, soon: what was refused before may be good by other keys."""
        self._bookmark.begin_anew()

    async def _read(self) -> None:
        await self._reader.read(self._bookmark.start, self._take, self._turn)

    async def _take(self, _log: LogOfDecisions, partition: int, records: Sequence[Record]) -> None:
        for record in records:
            decision = self._intake.decision(record.key, record.value, record.headers)
            if decision is not None:
                self._batch.append(decision)
        self._bookmark.took(partition, records)
        self._came.set()

    async def _turn(self, is_read: bool) -> bool:  # noqa: FBT001  the reader's callback
        if is_read:
            self._has_all.set()
        return self._bookmark.is_anew

    async def _until(self, event: asyncio.Event, stopping: Task, reading: Task, seconds: float | None = None) -> None:
        """Wait for the event, for the end, or for so long. Raises what ended the reading, which is a bug."""
        waiting = asyncio.create_task(event.wait())
        await asyncio.wait({waiting, stopping, reading}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if reading.done():
            reading.result()
