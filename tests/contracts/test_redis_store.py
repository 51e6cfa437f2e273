"""What the Redis store does when Redis restarts, refuses or is gone: one sentence, and never half a commit."""

import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from agents.embedded.processes import LOOPBACK, wait_until
from agents.store import NOTHING, FenceLostError, Loaded, Place, StoreError
from agents.store import redis as redis_store
from agents.store.redis import KEEP_SECONDS, RedisStore
from tests.contracts.conftest import PROGRAMS, RedisOf
from tests.contracts.redis_server import RedisServer, redis_server

pytestmark = pytest.mark.redis

PLACE = Place("networks", 0)
BEFORE = Loaded(0, (b"before", None))


@pytest.fixture(params=sorted(PROGRAMS))
def server(request: pytest.FixtureRequest, redis_of: RedisOf) -> RedisServer:
    """Each server that the contract runs on; tests share it."""
    return redis_of(request.param)


@pytest.fixture(params=sorted(PROGRAMS))
def own_server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RedisServer]:
    """A server that a test may end."""
    with redis_server(PROGRAMS[request.param](), tmp_path) as server:
        yield server


@pytest.fixture
async def store(server: RedisServer) -> AsyncIterator[RedisStore]:
    """A store on the shared server, with one commit in it."""
    store = RedisStore(server.url, prefix=uuid.uuid4().hex)
    await begin(store)
    yield store
    await store.close()


async def begin(store: RedisStore) -> None:
    await store.commit(PLACE, expected=NOTHING, offset=0, values={"a": b"before"}, outbox=b"before")


async def advance(store: RedisStore) -> None:
    values = {"a": b"after", "b": b"after"}
    await store.commit(PLACE, expected=0, offset=1, values=values, outbox=b"after")


async def standing(store: RedisStore) -> tuple[Loaded, bytes]:
    return await store.load(PLACE, ("a", "b")), await store.outbox(PLACE)


async def test_states_outlive_a_kill_of_the_server(own_server: RedisServer) -> None:
    store = RedisStore(own_server.url)
    await begin(store)
    await store.close()
    own_server.kill()
    own_server.start()
    again = RedisStore(own_server.url)
    assert await standing(again) == (BEFORE, b"before")
    await advance(again)
    assert await standing(again) == (Loaded(1, (b"after", b"after")), b"after")
    await again.close()


async def test_a_flushed_script_is_loaded_again(store: RedisStore, server: RedisServer) -> None:
    with server.client() as client:
        client.script_flush()
    await advance(store)
    assert (await standing(store))[0].offset == 1


async def test_states_expire_a_day_after_the_widest_window_and_the_offset_never(
    store: RedisStore, server: RedisServer
) -> None:
    await advance(store)
    with server.client() as client:
        left = {key.rpartition(b"}:")[2]: client.ttl(key) for key in client.keys(f"{store._prefix}:*")}  # noqa: SLF001
    assert left[b"offset"] == left[b"outbox"] == -1
    assert all(KEEP_SECONDS - 60 < left[key] <= KEEP_SECONDS for key in (b"a", b"b"))


async def test_a_password_that_is_missing_is_one_sentence(store: RedisStore, server: RedisServer) -> None:
    stranger = RedisStore(server.url, prefix=store._prefix)  # noqa: SLF001
    with server.configured("requirepass", "secret"):
        for work in (stranger.check(), stranger.load(PLACE, ("a",)), advance(stranger)):
            with pytest.raises(StoreError, match=r"^Redis wants a user name and password, or refuses those in REDIS_"):
                await work
        await stranger.close()
    assert await standing(store) == (BEFORE, b"before")


async def test_a_password_that_is_wrong_is_one_sentence_which_does_not_repeat_it(
    store: RedisStore, server: RedisServer
) -> None:
    stranger = RedisStore(server.url.replace("//", "//:hunter2@"))
    with server.configured("requirepass", "secret"):
        with pytest.raises(StoreError, match="Redis wants a user name and password, or refuses") as caught:
            await advance(stranger)
        await stranger.close()
    assert "hunter2" not in str(caught.value)
    assert await standing(store) == (BEFORE, b"before")


async def test_a_user_who_may_only_read_is_one_sentence(store: RedisStore, server: RedisServer) -> None:
    with server.client() as client:
        client.acl_setuser("reader", enabled=True, passwords=["+secret"], keys=["*"], categories=["+@read"])
    reader = RedisStore(server.url.replace("//", "//reader:secret@"), prefix=store._prefix)  # noqa: SLF001
    assert (await reader.load(PLACE, ("a",))).values == (b"before",)
    for work in (reader.check(), advance(reader)):
        with pytest.raises(StoreError, match=r"^The Redis user in REDIS_URL may not do what Stillwatch needs"):
            await work
    await reader.close()
    assert await standing(store) == (BEFORE, b"before")


async def test_a_replica_is_one_sentence(store: RedisStore, server: RedisServer, tmp_path: Path) -> None:
    with redis_server(server.program, tmp_path, "--replicaof", LOOPBACK, str(server.port)) as replica:
        with replica.client() as client:
            assert wait_until(lambda: client.info("replication")["master_link_status"] == "up", seconds=20)
        stranger = RedisStore(replica.url, prefix=store._prefix)  # noqa: SLF001
        assert await standing(stranger) == (BEFORE, b"before")
        for work in (stranger.check(), advance(stranger)):
            with pytest.raises(
                StoreError, match=r"^Redis is read-only \(a replica\?\): point REDIS_URL at the primary"
            ):
                await work
        await stranger.close()
    assert await standing(store) == (BEFORE, b"before")


async def test_a_full_redis_is_one_sentence_and_takes_the_commit_once_there_is_room(
    store: RedisStore, server: RedisServer
) -> None:
    with server.configured("maxmemory", "1mb"):
        with pytest.raises(StoreError, match=r"^Redis is at its maxmemory: give it more"):
            await advance(store)
        assert await standing(store) == (BEFORE, b"before")
    await advance(store)
    assert await standing(store) == (Loaded(1, (b"after", b"after")), b"after")


async def test_a_redis_that_fills_up_within_a_commit_holds_all_of_it(store: RedisStore, server: RedisServer) -> None:
    values = {f"account:{number}": b"x" * 100_000 for number in range(50)}
    with server.client() as client:
        room = int(client.info("memory")["used_memory"]) + 1_500_000
    with server.configured("maxmemory", str(room)):
        try:
            await store.commit(PLACE, expected=0, offset=1, values=values, outbox=b"after")
        except StoreError:
            expected = Loaded(0, (None,) * len(values))
        else:
            expected = Loaded(1, tuple(values.values()))
    assert await store.load(PLACE, tuple(values)) == expected


async def test_a_redis_that_may_drop_states_is_refused_at_the_start(store: RedisStore, server: RedisServer) -> None:
    await store.check()
    refused = pytest.raises(StoreError, match="Redis may drop states: its maxmemory-policy is allkeys-lru")
    with server.configured("maxmemory-policy", "allkeys-lru"), refused:
        await store.check()


async def test_a_server_that_is_gone_is_one_sentence_and_is_found_again(own_server: RedisServer) -> None:
    store = RedisStore(own_server.url)
    await begin(store)
    own_server.kill()
    for work in (store.check(), store.load(PLACE, ("a",)), advance(store), store.outbox(PLACE)):
        with pytest.raises(StoreError, match=r"^Redis cannot be reached: "):
            await work
    own_server.start()
    assert await standing(store) == (BEFORE, b"before")
    await store.close()


async def test_a_frozen_server_is_one_sentence_and_a_commit_it_took_after_all_is_not_applied_twice(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_store, "TIMEOUT_SECONDS", 0.3)
    store = RedisStore(server.url, prefix=uuid.uuid4().hex)
    await begin(store)
    with server.frozen(), pytest.raises(StoreError, match=r"^Redis does not answer in time\.$"):
        await advance(store)
    with server.client() as client:
        client.ping()  # whatever was sent before the freeze has been taken by now
    if (await standing(store))[0].offset == 1:
        with pytest.raises(FenceLostError):
            await advance(store)
    else:
        await advance(store)
    assert await standing(store) == (Loaded(1, (b"after", b"after")), b"after")
    await store.close()


@pytest.mark.parametrize("url", ["http://127.0.0.1/", "nonsense", "redis://127.0.0.1:port/0"])
def test_what_is_no_address_of_a_redis_is_one_sentence(url: str) -> None:
    with pytest.raises(StoreError, match=r"^REDIS_URL is not an address of a Redis: "):
        RedisStore(url)


async def test_seconds_are_observed_by_operation(server: RedisServer) -> None:
    observed: list[tuple[str, float]] = []
    store = RedisStore(
        server.url, prefix=uuid.uuid4().hex, observe_seconds=lambda name, seconds: observed.append((name, seconds))
    )
    await store.check()
    await begin(store)
    await standing(store)
    await store.close()
    assert [name for name, _ in observed] == ["check", "check", "commit", "load", "outbox"]
    assert all(seconds > 0 for _, seconds in observed)
