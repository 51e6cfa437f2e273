"""The store of the worker: Redis 6.2 or newer, one script a commit, loaded by its digest."""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from importlib.resources import files
from typing import TypeVar

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from agents.store import NOTHING, FenceLostError, Loaded, Place, StoreError

KEEP_SECONDS = 29 * 24 * 3600
"""A day longer than the widest window: a state nobody touched for so long says nothing any more."""

TIMEOUT_SECONDS = 5.0
T = TypeVar("T")


class RedisStore:
    """A `Store` in Redis; the key layout is in `agents.store`."""

    def __init__(
        self, url: str, *, prefix: str = "stillwatch", observe_seconds: Callable[[str, float], None] | None = None
    ) -> None:
        """Connect lazily to `url`. `observe_seconds` is told (operation, seconds). Raises StoreError for a bad url."""
        try:
            self._redis = Redis.from_url(
                url,
                socket_timeout=TIMEOUT_SECONDS,
                socket_connect_timeout=1.0,
                retry=Retry(NoBackoff(), 0),
                protocol=2,
            )
        except ValueError as error:
            message = f"REDIS_URL is not an address of a Redis: {error}"
            raise StoreError(message) from error
        self._prefix = prefix
        self._observe_seconds = observe_seconds or (lambda _operation, _seconds: None)
        self._commit = self._redis.register_script(files(__package__).joinpath("commit.lua").read_text())

    async def load(self, place: Place, keys: Sequence[str]) -> Loaded:
        """The offset and the states of `keys`, in one MGET."""
        offset, *values = await self._ask(
            "load", self._redis.mget([self._key(place, "offset"), *(self._key(place, key) for key in keys)])
        )
        return Loaded(NOTHING if offset is None else int(offset), tuple(_bytes(value) for value in values))

    async def commit(
        self, place: Place, *, expected: int, offset: int, values: Mapping[str, bytes], outbox: bytes
    ) -> None:
        """Move the place on in one script, which checks before it writes. Raises FenceLostError."""
        names = [self._key(place, key) for key in ("offset", "outbox", *values)]
        arguments: list[str | bytes] = [str(expected), str(offset), outbox, str(KEEP_SECONDS), *values.values()]
        applied, actual = await self._ask("commit", self._commit(keys=names, args=arguments))
        if not applied:
            raise FenceLostError(place, expected, int(actual))

    async def outbox(self, place: Place) -> bytes:
        """What the last commit left to be sent."""
        return _bytes(await self._ask("outbox", self._redis.get(self._key(place, "outbox")))) or b""

    async def check(self) -> None:
        """Ask whether the server can hold states at all. Raises StoreError with the sentence a person needs."""
        probe = f"{self._prefix}:check"
        await self._ask("check", self._redis.set(probe, b"1", ex=1))
        settings = await self._ask("check", self._redis.info("memory"))
        policy = settings.get("maxmemory_policy", "noeviction")
        if policy != "noeviction":
            message = f"Redis may drop states: its maxmemory-policy is {policy}; set it to noeviction."
            raise StoreError(message)

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()

    def _key(self, place: Place, key: str) -> str:
        return f"{self._prefix}:{{{place.stage}:{place.partition}}}:{key}"

    async def _ask(self, operation: str, answer: Awaitable[T]) -> T:
        started = time.perf_counter()
        try:
            return await answer
        except RedisError as error:
            raise StoreError(_sentence(error)) from error
        finally:
            self._observe_seconds(operation, time.perf_counter() - started)


def _bytes(value: bytes | str | None) -> bytes | None:
    """What Redis answered; it answers bytes, though its types allow for text."""
    return value.encode() if isinstance(value, str) else value


def _sentence(error: RedisError) -> str:
    """What is wrong with Redis, for a person."""
    known: tuple[tuple[type[RedisError], str], ...] = (
        (AuthenticationError, "Redis wants a user name and password, or refuses those in REDIS_URL."),
        (NoPermissionError, "The Redis user in REDIS_URL may not do what Stillwatch needs (read, write, EVALSHA)."),
        (ReadOnlyError, "Redis is read-only (a replica?): point REDIS_URL at the primary."),
        (OutOfMemoryError, "Redis is at its maxmemory: give it more, or watch fewer accounts."),
        (BusyLoadingError, "Redis is still loading its data."),
        (RedisTimeoutError, "Redis does not answer in time."),
        (RedisConnectionError, f"Redis cannot be reached: {error}"),
    )
    for kind, sentence in known:
        if isinstance(error, kind):
            return sentence
    text = str(error)
    if isinstance(error, ResponseError) and any(word in text for word in ("NOAUTH", "WRONGPASS", "unauthenticated")):
        return known[0][1]
    if "READONLY" in text:
        return known[2][1]
    if "OOM " in text:
        return known[3][1]
    return f"Redis refused: {text}"
