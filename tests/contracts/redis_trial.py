"""One place in Redis, whole before and after a commit, to be looked at whatever happened in between."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from agents.store import NOTHING, Answer, Loaded, Place
from agents.store.redis import RedisStore

PLACE = Place("networks", 0)
OFFSET_KEY = "{networks:0}:offset"


class Trial:
    """A store, and the place that it opened."""

    def __init__(self, url: str, prefix: str, owner: str = "") -> None:
        self.url, self.prefix, self.owner = url, prefix, owner
        self.store = RedisStore(url, prefix=prefix)

    async def open(self) -> tuple[int, bytes, str]:
        """Take the place over: its offset, outbox and log."""
        opened = await self.store.open(PLACE)
        self.owner = opened.owner
        return opened.offset, opened.outbox, opened.log

    async def begin(self) -> Answer:
        """Open the place and commit once."""
        await self.open()
        return await self._commit(NOTHING, {"a": b"before"}, b"before")

    async def advance(self) -> Answer:
        """Commit once more."""
        return await self._commit(0, {"a": b"after", "b": b"after"}, b"after")

    async def load(self) -> Loaded:
        return await self.store.load(PLACE, ("a", "b"))

    async def assert_before(self) -> None:
        """The place is as `begin` left it. Takes it over to see that."""
        await self._assert_whole(Loaded(0, (b"before", None)), b"before")

    async def assert_after(self) -> None:
        """The place is as `advance` left it. Takes it over to see that."""
        await self._assert_whole(Loaded(1, (b"after", b"after")), b"after")

    async def _assert_whole(self, loaded: Loaded, outbox: bytes) -> None:
        assert await self.load() == loaded
        assert await self.open() == (loaded.offset, outbox, "log")

    async def _commit(self, expected: int, values: dict[str, bytes], outbox: bytes) -> Answer:
        return await self.store.commit(
            PLACE,
            owner=self.owner,
            expected=expected,
            offset=expected + 1,
            values=values,
            outbox=outbox,
            log="log",
        )


@asynccontextmanager
async def begun(url: str) -> AsyncIterator[Trial]:
    """A place that nobody else has, begun."""
    trial = Trial(url, uuid.uuid4().hex)
    assert await trial.begin() == Answer("applied", 0)
    yield trial
    await trial.store.close()


@asynccontextmanager
async def stranger(trial: Trial, url: str = "") -> AsyncIterator[Trial]:
    """The same place and owner, by a store that has not connected yet."""
    other = Trial(url or trial.url, trial.prefix, trial.owner)
    yield other
    await other.store.close()
