"""The store of the worker: Redis 6.2 or newer, one script a commit, loaded by its digest."""

import secrets
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    ClusterDownError,
    ClusterError,
    MovedError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisClusterException,
    RedisError,
    ResponseError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from agents.store import (
    FORMAT,
    NO_APPENDS,
    NOTHING,
    OLDEST_FORMAT,
    Answer,
    Loaded,
    Opened,
    OtherFormatError,
    Place,
    StoreError,
)
from agents.store.script import Script
from agents.store.wire import Wire, Word

KEEP_SECONDS = 29 * 24 * 3600
"""A day longer than the widest window: a state nobody touched for so long says nothing any more."""

OLDEST_VERSION = (6, 2)
"""The oldest Redis that the scripts run on."""

FENCE = ("owner", "offset", "log", "outbox")
FORMAT_KEY = "format"
"""The keys of a place beside its states. They never expire."""

T = TypeVar("T")


class RedisStore:
    """A `Store` in Redis, single or cluster; the key layout is in `agents.store`."""

    def __init__(
        self, url: str, *, prefix: str = "stillwatch", observe_seconds: Callable[[str, float], None] | None = None
    ) -> None:
        """Connect lazily to `url`. `observe_seconds` is told (operation, seconds). Raises StoreError for a bad url."""
        self._wire = Wire(url)
        self._prefix = prefix
        self._observe_seconds = observe_seconds or (lambda _operation, _seconds: None)
        self._open = Script(__package__, "open.lua")
        self._commit = Script(__package__, "commit.lua")

    async def open(self, place: Place) -> Opened:
        """Take the place over, in one script. Raises OtherFormatError, and takes nothing over, as `check_format`."""
        owner = secrets.token_hex(8)
        at = self._at(place)
        names = [at + name for name in (*FENCE, FORMAT_KEY)]
        words: list[Word] = [owner, str(OLDEST_FORMAT), str(FORMAT)]
        offset, log, outbox, written = await self._ask("open", self._open.run(self._wire, names, words))
        _require_known(place, written)
        return Opened(owner, int(offset), outbox, log.decode())

    async def load(self, place: Place, keys: Sequence[str]) -> Loaded:
        """The offset and the states of `keys`, in one MGET."""
        at = self._at(place)
        first = at + "offset"
        offset, *values = await self._ask("load", self._wire.send(first, "MGET", first, *[at + key for key in keys]))
        return Loaded(NOTHING if offset is None else int(offset), tuple(value or None for value in values))

    async def commit(
        self,
        place: Place,
        *,
        owner: str,
        expected: int,
        offset: int,
        values: Mapping[str, bytes],
        outbox: bytes,
        log: str = "",
        appends: Mapping[str, bytes] = NO_APPENDS,
    ) -> Answer:
        """Move the place on in one script, which checks before it writes."""
        at = self._at(place)
        names = [at + name for name in (*FENCE, *values, *appends)]
        fence: list[Word] = [owner, str(expected), str(offset), log, outbox, str(KEEP_SECONDS), str(len(values))]
        words = [*fence, *values.values(), *appends.values()]
        kind, actual = await self._ask("commit", self._commit.run(self._wire, names, words))
        return Answer(kind.decode(), int(actual))

    async def check(self) -> None:
        """Ask whether the server can hold states at all. Raises StoreError with the sentence a person needs."""
        probe = f"{self._prefix}:check"
        await self._ask("check", self._wire.send(probe, "SET", probe, b"1", "EX", "1"))
        for told in await self._ask("check", self._wire.info("memory")):
            policy = told.get("maxmemory_policy", "noeviction")
            if policy != "noeviction":
                raise StoreError(f"Redis may drop states: its maxmemory-policy is {policy}; set it to noeviction.")

    async def check_format(self, places: Iterable[Place]) -> None:
        """Look whether the states of `places` can be read and written here. Raises OtherFormatError, StoreError."""
        for place in places:
            key = self._at(place) + FORMAT_KEY
            _require_known(place, await self._ask("check", self._wire.send(key, "GET", key)))

    async def close(self) -> None:
        """Close the connections."""
        await self._wire.close()

    def _at(self, place: Place) -> str:
        """What every key of a place begins with: its hash tag holds all of them in one slot."""
        return f"{self._prefix}:{{{place.stage}:{place.partition}}}:"

    async def _ask(self, operation: str, answer: Awaitable[T]) -> T:
        started = time.perf_counter()
        try:
            return await answer
        except (RedisError, RedisClusterException) as error:
            raise StoreError(redis_sentence(error)) from error
        finally:
            self._observe_seconds(operation, time.perf_counter() - started)


def _require_known(place: Place, written: bytes | None) -> None:
    """Raise OtherFormatError for states in a format that is not known here; where none is noted it is the first."""
    found = 1 if written is None else int(written)
    if OLDEST_FORMAT <= found <= FORMAT:
        return
    known = str(FORMAT) if OLDEST_FORMAT == FORMAT else f"{OLDEST_FORMAT} to {FORMAT}"
    raise OtherFormatError(
        f"Redis holds {place.stage}/{place.partition} in format {found}, and this Stillwatch knows format {known}: "
        f"run {'a newer' if found > FORMAT else 'an older'} one, or let this one build its states again from the log, "
        "under another prefix (deploy/operations.md, Upgrade)."
    )


def redis_sentence(error: RedisError | RedisClusterException) -> str:
    """What is wrong with Redis, for a person."""
    known: tuple[tuple[type[Exception], str], ...] = (
        (AuthenticationError, "Redis wants a user name and password, or refuses those in REDIS_URL."),
        (
            NoPermissionError,
            "The Redis user in REDIS_URL may not do what Stillwatch needs (read, write, EVALSHA, INFO).",
        ),
        (ReadOnlyError, "Redis is read-only (a replica?): point REDIS_URL at the primary."),
        (OutOfMemoryError, "Redis is at its maxmemory: give it more, or watch fewer accounts."),
        (BusyLoadingError, "Redis is still loading its data."),
        (ClusterDownError, "The Redis Cluster is down: some of its slots have no server."),
        (ClusterError, "The Redis Cluster moves this place to another server."),
        (MovedError, "Redis is a cluster, and the user in REDIS_URL may not ask for that (INFO): allow it."),
        (RedisClusterException, f"The Redis Cluster cannot be used: {error}"),
        (RedisTimeoutError, "Redis does not answer in time."),
        (RedisConnectionError, f"Redis cannot be reached: {error}"),
    )
    for kind, sentence in known:
        if isinstance(error, kind):
            return sentence
    text = str(error)
    if isinstance(error, ResponseError) and any(word in text for word in ("NOAUTH", "WRONGPASS", "unauthenticated")):
        return known[0][1]
    if "SELECT is not allowed in cluster mode" in text:
        return "A Redis Cluster has only database 0: let REDIS_URL end with /0."
    if "READONLY" in text:
        return known[2][1]
    if "OOM " in text:
        return known[3][1]
    return f"Redis refused: {text}"
