"""What the Redis store does while a cluster moves slots or loses a server: it waits, and never does half a commit."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.embedded.processes import LOOPBACK, wait_until
from agents.store import Answer, Loaded, Place, StoreError
from tests.contracts.redis_cluster import RedisCluster, redis_cluster, slot_of
from tests.contracts.redis_server import RedisServer, bundled_program
from tests.contracts.redis_trial import OFFSET_KEY, Trial, begun, stranger

pytestmark = pytest.mark.redis


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[RedisCluster]:
    """A cluster that a test may take apart."""
    with redis_cluster(bundled_program(), tmp_path) as cluster:
        yield cluster


class Move:
    """The slot of a trial's place on its way from the server that holds it to another."""

    def __init__(self, cluster: RedisCluster, trial: Trial) -> None:
        self._key = f"{trial.prefix}:{OFFSET_KEY}"
        self._slot = slot_of(self._key)
        self._prefix = trial.prefix
        self._from = cluster.holder(self._key)
        self._to = next(it for it in cluster.servers if it is not self._from)
        self._ids = {it: _say(it, "CLUSTER MYID").decode() for it in (self._from, self._to)}

    def begin(self) -> None:
        _say(self._to, "CLUSTER SETSLOT", self._slot, "IMPORTING", self._ids[self._from])
        _say(self._from, "CLUSTER SETSLOT", self._slot, "MIGRATING", self._ids[self._to])

    def carry(self, *keys: str) -> None:
        """Carry some keys of the place; all that are left without `keys`."""
        with self._from.client() as client:
            names = [f"{self._prefix}:{{networks:0}}:{key}" for key in keys] or client.keys(f"{self._prefix}:*")
            client.migrate(LOOPBACK, self._to.port, names, destination_db=0, timeout=5_000)

    def end(self) -> None:
        for server in (self._to, self._from):
            _say(server, "CLUSTER SETSLOT", self._slot, "NODE", self._ids[self._to])


def _say(server: RedisServer, *words: object) -> bytes:
    with server.client() as client:
        return client.execute_command(*words)  # type: ignore[no-any-return]


async def test_a_place_is_followed_to_the_server_that_it_moved_to(cluster: RedisCluster) -> None:
    async with begun(cluster.url) as trial:
        move = Move(cluster, trial)
        move.begin()
        move.carry()
        move.end()
        assert await trial.advance() == Answer("applied", 1)
        await trial.assert_after()


async def test_a_place_whose_keys_are_half_moved_is_waited_for_and_not_written_to(cluster: RedisCluster) -> None:
    async with begun(cluster.url) as trial:
        move = Move(cluster, trial)
        move.begin()
        move.carry("offset", "a")
        with pytest.raises(StoreError, match=r"^The Redis Cluster moves this place to another server\.$"):
            await trial.advance()
        move.carry()
        move.end()
        assert await trial.load() == Loaded(0, (b"before", None))
        assert await trial.advance() == Answer("applied", 1)
        await trial.assert_after()


async def test_places_lie_on_all_servers(cluster: RedisCluster) -> None:
    async with begun(cluster.url) as trial:
        for number in range(60):
            await trial.store.open(Place("observe", number))
    for server in cluster.servers:
        with server.client() as client:
            assert client.dbsize() > 6


async def test_a_server_of_the_cluster_that_is_gone_is_one_sentence_and_is_found_again(cluster: RedisCluster) -> None:
    async with begun(cluster.url) as trial:
        holder = cluster.holder(f"{trial.prefix}:{OFFSET_KEY}")
        holder.kill()
        for work in (trial.load, trial.advance, trial.open):
            with pytest.raises(StoreError, match=r"^(Redis cannot be reached: |The Redis Cluster )"):
                await work()
        down = next(it for it in cluster.servers if it is not holder)
        assert wait_until(lambda: b"cluster_state:fail" in _raw_info(down), seconds=60)
        async with stranger(trial, down.url) as other:
            with pytest.raises(StoreError, match=r"^(Redis cannot be reached: |The Redis Cluster )"):
                await other.advance()
        holder.start()
        cluster.until_whole()
        assert await trial.advance() == Answer("applied", 1)
        await trial.assert_after()


async def test_a_user_who_may_not_ask_whether_it_is_a_cluster_is_one_sentence(cluster: RedisCluster) -> None:
    async with begun(cluster.url) as trial:
        holder = cluster.holder(f"{trial.prefix}:{OFFSET_KEY}")
        other = next(it for it in cluster.servers if it is not holder)
        with other.client() as client:
            client.acl_setuser("reader", enabled=True, passwords=["+secret"], keys=["*"], categories=["+@read"])
        async with stranger(trial, other.url.replace("//", "//reader:secret@")) as reader:
            with pytest.raises(StoreError, match=r"^Redis is a cluster, and the user in REDIS_URL may not ask"):
                await reader.load()


async def test_a_cluster_has_no_numbered_databases(cluster: RedisCluster) -> None:
    async with begun(cluster.url) as trial, stranger(trial, cluster.url.replace("/0", "/3")) as other:
        with pytest.raises(StoreError, match=r"^A Redis Cluster has only database 0: let REDIS_URL end with /0\.$"):
            await other.load()


def _raw_info(server: RedisServer) -> bytes:
    with server.client() as client:
        told = client.execute_command("CLUSTER INFO")
    return f"cluster_state:{told['cluster_state']}".encode()
