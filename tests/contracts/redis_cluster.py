"""Three servers that share the slots of one Redis Cluster, on loopback, for as long as a test needs them."""

import os
import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from redis.crc import key_slot

from agents.embedded.processes import LOOPBACK, is_free, wait_until
from tests.contracts.redis_server import READY_SECONDS, RedisServer

SLOTS = 16_384
NODES = 3
BUS = 10_000
"""How far above a server's port the servers talk to each other; Redis 6.2 knows no other number."""


class RedisCluster:
    """What a `RedisServer` is to a test, of three."""

    def __init__(self, servers: tuple[RedisServer, ...]) -> None:
        self.servers = servers

    @property
    def url(self) -> str:
        """One of the servers: whoever connects learns of the others."""
        return self.servers[0].url

    @contextmanager
    def configured(self, name: str, value: str) -> Iterator[None]:
        """Change one setting of every server for the block."""
        with ExitStack() as changed:
            for server in self.servers:
                changed.enter_context(server.configured(name, value))
            yield

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Let every server accept connections and answer nothing for the block."""
        with ExitStack() as held:
            for server in self.servers:
                held.enter_context(server.frozen())
            yield

    def holder(self, key: str) -> RedisServer:
        """The server that holds a key, for as long as no slot has moved."""
        return next(it for number, it in enumerate(self.servers) if slot_of(key) in _share(number))

    def form(self) -> None:
        """Give each server its third of the slots and wait until all agree on that."""
        for number, server in enumerate(self.servers):
            with server.client() as client:
                client.execute_command("CLUSTER ADDSLOTS", *_share(number))
                client.execute_command("CLUSTER SET-CONFIG-EPOCH", number + 1)
        with self.servers[0].client() as client:
            for server in self.servers[1:]:
                client.execute_command("CLUSTER MEET", LOOPBACK, server.port)
        self.until_whole()

    def until_whole(self) -> None:
        """Wait until every server knows a server for every slot."""
        assert wait_until(self._is_whole, seconds=3 * READY_SECONDS), "the servers do not become a cluster"

    def _is_whole(self) -> bool:
        for server in self.servers:
            with server.client() as client:
                told = client.execute_command("CLUSTER INFO")
                slots = client.execute_command("CLUSTER SLOTS")
            if told["cluster_state"] != "ok" or int(told["cluster_known_nodes"]) != NODES or not slots:
                return False
        return True


@contextmanager
def redis_cluster(program: str, folder: Path) -> Iterator[RedisCluster]:
    """A running cluster for the block."""
    with ExitStack() as running:
        servers = []
        for number, port in enumerate(_ports()):
            place = folder / str(number)
            place.mkdir()
            server = RedisServer(program, place, port=port)
            running.callback(server.kill)
            server.start(*"--cluster-enabled yes --cluster-node-timeout 5000".split())
            servers.append(server)
        cluster = RedisCluster(tuple(servers))
        cluster.form()
        yield cluster


def _ports() -> list[int]:
    """Ports that are free, and so is the one of the bus above each."""
    drawn = random.Random(os.getpid()).sample(range(10_000, 12_000), 200)
    free = (port for port in drawn if is_free(port) and is_free(port + BUS))
    return [next(free) for _ in range(NODES)]


def _share(number: int) -> range:
    """The slots of one server."""
    return range(number * SLOTS // NODES, (number + 1) * SLOTS // NODES)


def slot_of(key: str) -> int:
    """The slot of a key, as Redis counts."""
    return key_slot(key.encode())
