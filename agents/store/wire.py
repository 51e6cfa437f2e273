"""Commands to the Redis that holds a key: a single server or a cluster, which it finds out by itself.

Nothing is tried twice here: whoever calls knows which command may be. Large commands are packed by hiredis and leave
in pieces, which takes a third of the processor time that redis-py's own packer takes.
"""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import hiredis
from redis.asyncio import Redis, RedisCluster
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoPermissionError

from agents.environment import SettingsError
from agents.redis_access import client_arguments
from agents.store import StoreError

TIMEOUT_SECONDS = 5.0
CONNECT_SECONDS = 1.0

PIECE_WORDS = 256
"""Words of a command that leave at once: few enough for the allocator to hand out the same memory again and again."""

Word = str | bytes


class _Packed(AbstractConnection):
    """A connection that packs with hiredis and sends a large command piece by piece."""

    def pack_command(self, *args: Any) -> Iterator[bytes]:  # type: ignore[override]  # noqa: ANN401
        """Words as Redis wants them, lazily; the first, which names the command, may hold two (`SCRIPT LOAD`)."""
        first = args[0] if isinstance(args[0], bytes) else str(args[0]).encode()
        words = (*first.split(), *args[1:])
        if len(words) <= PIECE_WORDS:
            yield hiredis.pack_command(words)
            return
        yield b"*%d\r\n" % len(words)
        for start in range(0, len(words), PIECE_WORDS):
            piece = hiredis.pack_command(words[start : start + PIECE_WORDS])
            yield piece[piece.index(b"\n") + 1 :]

    async def _send_packed_command(self, command: Iterable[bytes]) -> None:
        writer = self._writer
        if writer is None:
            raise RedisConnectionError("The connection was closed before the command left.")
        for piece in command:
            writer.write(piece)
            await writer.drain()


class Wire:
    """Connections to one Redis, single or cluster, made when they are first needed."""

    def __init__(self, url: str, *, timeout_seconds: float | None = None) -> None:
        """The timeout is for each answer and to connect.

        Raises StoreError if `url` is no address of a Redis, or is to be used with what cannot be read.
        """
        self._url = url
        try:
            self._arguments = _limits(timeout_seconds) | client_arguments(url)
            self._single: Redis = Redis.from_url(url, **self._arguments)
        except SettingsError as error:
            raise StoreError(str(error)) from error
        except ValueError as error:
            raise StoreError(f"REDIS_URL is not an address of a Redis: {error}") from error
        pool = self._single.connection_pool
        pool.connection_class = _packed(pool.connection_class)
        self._cluster: RedisCluster | None = None
        self._is_known = False

    async def send(self, key: str, *command: Word) -> Any:  # noqa: ANN401  each command has its own answer
        """The answer of the server that holds `key`. Raises what redis-py raises."""
        cluster = await self._find_out()
        if cluster is None:
            return await self._single.execute_command(*command)  # type: ignore[no-untyped-call]
        await cluster.initialize()
        # Naming the node spares the client to compute the slot of each key, and any trying again.
        return await cluster.execute_command(*command, target_nodes=cluster.get_node_from_key(key))

    async def send_all(self, commands: Sequence[tuple[str, Sequence[Word]]]) -> list[Any]:
        """The answers to commands, each with the key that it is about; an error of redis-py where one was refused.

        A single server gets them in one round trip. Raises what redis-py raises if that fails.
        """
        cluster = await self._find_out()
        if cluster is None:
            pipeline = self._single.pipeline(transaction=False)
            for _, command in commands:
                pipeline.execute_command(*command)
            return await pipeline.execute(raise_on_error=False)
        answers = (self.send(key, *command) for key, command in commands)
        return await asyncio.gather(*answers, return_exceptions=True)

    async def info(self, section: str) -> list[dict[str, Any]]:
        """What each server that can be written to says of itself."""
        cluster = await self._find_out()
        if cluster is None:
            return [await self._single.info(section)]
        await cluster.initialize()
        return [await cluster.info(section, target_nodes=node) for node in cluster.get_primaries()]

    async def close(self) -> None:
        """Close the connections."""
        await self._single.aclose()
        if self._cluster is not None:
            await self._cluster.aclose()

    async def _find_out(self) -> RedisCluster | None:
        """The client of the cluster; None if Redis is a single server."""
        if not self._is_known:
            try:
                told = await self._single.info("cluster")
            except NoPermissionError:  # who may not ask may still read a single server
                told = {}
            if told.get("cluster_enabled") and self._cluster is None:
                self._cluster = _cluster(self._url, self._arguments)
            self._is_known = True
        return self._cluster


def _limits(timeout_seconds: float | None) -> dict[str, Any]:
    return {
        "socket_timeout": TIMEOUT_SECONDS if timeout_seconds is None else timeout_seconds,
        "socket_connect_timeout": CONNECT_SECONDS if timeout_seconds is None else timeout_seconds,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
    }


def _cluster(url: str, arguments: dict[str, Any]) -> RedisCluster:
    """A client that reads the map of the cluster from the server at `url`."""
    cluster: RedisCluster = RedisCluster.from_url(url, **arguments)
    packed = _packed(cluster.connection_kwargs["connection_class"])
    cluster.connection_kwargs["connection_class"] = packed
    for node in cluster.startup_nodes:
        node.connection_class = packed
    return cluster


def _packed(plain: type[Any]) -> type[Any]:
    """`plain` (TCP, TLS or a Unix socket), packing with hiredis."""
    return type(f"Packed{plain.__name__}", (_Packed, plain), {})
