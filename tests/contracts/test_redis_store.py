"""What the Redis store does when Redis restarts, refuses or is gone: one sentence, and never half a commit."""

import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from agents.embedded.processes import LOOPBACK, wait_until
from agents.store import FORMAT, NOTHING, OLDEST_FORMAT, Answer, Loaded, OtherFormatError, StoreError, wire
from agents.store.redis import KEEP_SECONDS, RedisStore
from tests.contracts.conftest import PROGRAMS, SERVERS, RedisOf, Servers
from tests.contracts.redis_server import RedisServer, redis_server
from tests.contracts.redis_trial import OFFSET_KEY, PLACE, Trial, begun, stranger

pytestmark = pytest.mark.redis

WANTS_LOGIN = r"^Redis wants a user name and password, or refuses those in REDIS_URL\.$"


@pytest.fixture(params=SERVERS)
def servers(request: pytest.FixtureRequest, redis_of: RedisOf) -> Servers:
    """Each server that the contract runs on, and the cluster; tests share them."""
    return redis_of(request.param)


@pytest.fixture(params=PROGRAMS)
def server(request: pytest.FixtureRequest, redis_of: RedisOf) -> RedisServer:
    """Each single server; tests share them."""
    server = redis_of(request.param)
    assert isinstance(server, RedisServer)
    return server


@pytest.fixture(params=PROGRAMS)
def own_server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RedisServer]:
    """A server that a test may end."""
    with redis_server(PROGRAMS[request.param](), tmp_path) as server:
        yield server


@pytest.fixture(params=PROGRAMS)
def forgetful_server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RedisServer]:
    """A server of a test's own that holds nothing but snapshots."""
    with redis_server(PROGRAMS[request.param](), tmp_path, "--appendonly", "no") as server:
        yield server


@pytest.fixture
async def trial(servers: Servers) -> AsyncIterator[Trial]:
    """A place of this test on the shared servers."""
    async with begun(servers.url) as trial:
        yield trial


async def test_states_outlive_a_kill_of_the_server(own_server: RedisServer) -> None:
    async with begun(own_server.url) as trial:
        own_server.kill()
        own_server.start()
        async with stranger(trial) as other:
            assert await other.advance() == Answer("applied", 1)
            await other.assert_after()


async def test_flushall_refuses_the_owner_and_the_place_opens_empty(own_server: RedisServer) -> None:
    async with begun(own_server.url) as trial:
        with own_server.client() as client:
            client.flushall()
            assert await trial.advance() == Answer("refused", NOTHING)
            assert client.dbsize() == 0
        assert await trial.open() == (NOTHING, b"", "")
        assert await trial.advance() == Answer("gap", NOTHING)


async def test_an_old_snapshot_is_a_gap_for_its_owner_and_nothing_is_written(forgetful_server: RedisServer) -> None:
    async with begun(forgetful_server.url) as trial:
        snapshot = forgetful_server.snapshot()
        assert await trial.advance() == Answer("applied", 1)
        forgetful_server.restore(snapshot)
        async with stranger(trial) as other:
            answer = await other.store.commit(
                PLACE, owner=other.owner, expected=1, offset=2, values={"a": b"lost"}, outbox=b"lost"
            )
            assert answer == Answer("gap", 0)
            await other.assert_before()
            assert await other.advance() == Answer("applied", 1)


async def test_a_snapshot_from_before_the_place_was_opened_refuses_its_owner(forgetful_server: RedisServer) -> None:
    async with begun(forgetful_server.url) as trial:
        snapshot = forgetful_server.snapshot()
        await trial.open()
        forgetful_server.restore(snapshot)
        async with stranger(trial) as other:
            assert await other.advance() == Answer("refused", 0)
            await other.assert_before()


async def test_a_flushed_script_is_loaded_again(trial: Trial, servers: Servers) -> None:
    for server in servers.servers:
        with server.client() as client:
            client.script_flush()
    assert await trial.advance() == Answer("applied", 1)
    for server in servers.servers:
        with server.client() as client:
            client.script_flush()
    await trial.assert_after()


async def test_states_expire_a_day_after_the_widest_window_and_the_fence_never(trial: Trial, servers: Servers) -> None:
    await trial.advance()
    with servers.holder(f"{trial.prefix}:{OFFSET_KEY}").client() as client:
        left = {key.rpartition(b"}:")[2].decode(): client.ttl(key) for key in client.keys(f"{trial.prefix}:*")}
    assert left.keys() == {"owner", "offset", "log", "outbox", "format", "a", "b"}
    assert all(left[key] == -1 for key in ("owner", "offset", "log", "outbox", "format"))
    assert all(KEEP_SECONDS - 60 < left[key] <= KEEP_SECONDS for key in ("a", "b"))


async def test_a_state_that_is_only_appended_to_expires_as_late_as_one_that_is_written(
    trial: Trial, servers: Servers
) -> None:
    key = f"{trial.prefix}:{OFFSET_KEY.replace('offset', 'a')}"
    with servers.holder(key).client() as client:
        client.expire(key, 100)
        await trial.store.commit(
            PLACE, owner=trial.owner, expected=0, offset=1, values={}, outbox=b"", log="log", appends={"a": b"+"}
        )
        assert KEEP_SECONDS - 60 < client.ttl(key) <= KEEP_SECONDS
        assert client.get(key) == b"before+"


async def test_a_password_that_is_missing_is_one_sentence(trial: Trial, servers: Servers) -> None:
    async with stranger(trial) as other:
        with servers.configured("requirepass", "secret"):
            for work in (other.store.check(), other.load(), other.open(), other.advance()):
                with pytest.raises(StoreError, match=WANTS_LOGIN):
                    await work
        await other.assert_before()


async def test_a_password_that_is_wrong_is_one_sentence_which_does_not_repeat_it(
    trial: Trial, servers: Servers
) -> None:
    async with stranger(trial, servers.url.replace("//", "//:hunter2@")) as other:
        with servers.configured("requirepass", "secret"), pytest.raises(StoreError, match=WANTS_LOGIN) as caught:
            await other.advance()
    assert "hunter2" not in str(caught.value)
    await trial.assert_before()


async def test_a_user_who_may_only_read_is_one_sentence(server: RedisServer) -> None:
    async with begun(server.url) as trial:
        with server.client() as client:
            client.acl_setuser("reader", enabled=True, passwords=["+secret"], keys=["*"], categories=["+@read"])
        async with stranger(trial, server.url.replace("//", "//reader:secret@")) as reader:
            assert await reader.load() == Loaded(0, (b"before", None))
            for work in (reader.store.check(), reader.open(), reader.advance()):
                with pytest.raises(StoreError, match=r"^The Redis user in REDIS_URL may not do what Stillwatch needs"):
                    await work
        await trial.assert_before()


async def test_a_replica_is_one_sentence(server: RedisServer, tmp_path: Path) -> None:
    async with begun(server.url) as trial:
        with redis_server(server.program, tmp_path, "--replicaof", LOOPBACK, str(server.port)) as replica:
            with replica.client() as client:
                assert wait_until(lambda: client.info("replication")["master_link_status"] == "up", seconds=20)
            async with stranger(trial, replica.url) as other:
                assert await other.load() == Loaded(0, (b"before", None))
                for work in (other.store.check(), other.open(), other.advance()):
                    with pytest.raises(
                        StoreError, match=r"^Redis is read-only \(a replica\?\): point REDIS_URL at the primary"
                    ):
                        await work
        await trial.assert_before()


async def test_a_full_redis_is_one_sentence_writes_nothing_and_takes_the_commit_once_there_is_room(
    trial: Trial, servers: Servers
) -> None:
    with servers.configured("maxmemory", "1mb"):
        with pytest.raises(StoreError, match=r"^Redis is at its maxmemory: give it more"):
            await trial.advance()
        assert await trial.load() == Loaded(0, (b"before", None))
        async with stranger(trial) as other:
            with pytest.raises(StoreError, match=r"^Redis is at its maxmemory: give it more"):
                await other.open()
    assert await trial.advance() == Answer("applied", 1)
    await trial.assert_after()


async def test_a_redis_that_fills_up_within_a_commit_holds_all_of_it(trial: Trial, servers: Servers) -> None:
    values = {f"account:{number}": b"x" * 100_000 for number in range(50)}
    with servers.holder(f"{trial.prefix}:{OFFSET_KEY}").client() as client:
        room = int(client.info("memory")["used_memory"]) + 1_500_000
    expected = Loaded(1, tuple(values.values()))
    with servers.configured("maxmemory", str(room)):
        try:
            await trial.store.commit(PLACE, owner=trial.owner, expected=0, offset=1, values=values, outbox=b"after")
        except StoreError:
            expected = Loaded(0, (None,) * len(values))
    assert await trial.store.load(PLACE, tuple(values)) == expected
    assert (await trial.open())[:2] == ((1, b"after") if expected.offset else (0, b"before"))


async def test_a_redis_that_may_drop_states_is_refused_at_the_start(trial: Trial, servers: Servers) -> None:
    await trial.store.check()
    refused = pytest.raises(StoreError, match="Redis may drop states: its maxmemory-policy is allkeys-lru")
    with servers.servers[-1].configured("maxmemory-policy", "allkeys-lru"), refused:
        await trial.store.check()


async def test_a_server_that_is_gone_is_one_sentence_and_is_found_again(own_server: RedisServer) -> None:
    async with begun(own_server.url) as trial:
        own_server.kill()
        for work in (trial.store.check(), trial.load(), trial.advance(), trial.open()):
            with pytest.raises(StoreError, match=r"^Redis cannot be reached: "):
                await work
        own_server.start()
        assert await trial.advance() == Answer("applied", 1)
        await trial.assert_after()


async def test_a_frozen_server_is_one_sentence_and_a_commit_it_took_after_all_is_not_applied_twice(
    servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "TIMEOUT_SECONDS", 1.0)
    async with begun(servers.url) as trial:
        with servers.frozen(), pytest.raises(StoreError, match=r"^Redis does not answer in time\.$"):
            await trial.advance()
        for server in servers.servers:
            with server.client() as client:
                client.ping()  # whatever was sent before the freeze has been taken by now
        stands = (await trial.load()).offset
        assert await trial.advance() == (Answer("duplicate", 1) if stands == 1 else Answer("applied", 1))
        await trial.assert_after()


@pytest.mark.parametrize("url", ["http://127.0.0.1/", "nonsense", "redis://127.0.0.1:port/0"])
def test_what_is_no_address_of_a_redis_is_one_sentence(url: str) -> None:
    with pytest.raises(StoreError, match=r"^REDIS_URL is not an address of a Redis: "):
        RedisStore(url)


async def test_seconds_are_observed_by_operation(servers: Servers) -> None:
    observed: list[tuple[str, float]] = []
    store = RedisStore(
        servers.url, prefix=uuid.uuid4().hex, observe_seconds=lambda name, seconds: observed.append((name, seconds))
    )
    await store.check()
    owner = (await store.open(PLACE)).owner
    await store.commit(PLACE, owner=owner, expected=NOTHING, offset=0, values={}, outbox=b"")
    await store.load(PLACE, ())
    await store.close()
    assert [name for name, _ in observed] == ["check", "check", "open", "commit", "load"]
    assert all(seconds > 0 for _, seconds in observed)


@pytest.mark.parametrize(("written", "run"), [(FORMAT + 1, "a newer"), (OLDEST_FORMAT - 1, "an older")])
async def test_a_place_in_a_format_that_is_not_known_is_refused_and_stays_as_it_is(
    trial: Trial, written: int, run: str
) -> None:
    key = f"{trial.prefix}:{{networks:0}}:format"
    await trial.store.check_format([PLACE])
    await trial.store._wire.send(key, "SET", key, str(written))  # noqa: SLF001  as that version would
    async with stranger(trial) as other:
        for refused in (other.store.check_format([PLACE]), other.store.open(PLACE)):
            with pytest.raises(
                OtherFormatError, match=rf"^Redis holds networks/0 in format {written}, .*: run {run} one"
            ):
                await refused
    assert await trial.advance() == Answer("applied", 1)  # whose place it was owns it still


async def test_a_place_of_before_there_were_formats_is_in_the_first(trial: Trial) -> None:
    key = f"{trial.prefix}:{{networks:0}}:format"
    await trial.store._wire.send(key, "DEL", key)  # noqa: SLF001
    await trial.store.check_format([PLACE])
    await trial.assert_before()
