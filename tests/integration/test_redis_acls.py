"""Redis over TLS with a user for each part: what it must do it can, and nothing else."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.copying.entry import CopyError
from agents.copying.forgotten import require_forgotten
from agents.doctor.states import ask_redis, look_at_redis_rights
from agents.embedded import processes
from agents.embedded import redis as embedded
from agents.settings import Settings
from agents.store import Place, StoreError
from agents.store.redis import RedisStore
from tests.certificates import Authority
from tests.integration.secured_redis import PREFIX, SecuredRedis, password_of, secured_redis, users

pytestmark = pytest.mark.redis
PLACE = Place("observe", 3)
STATES = f"{PREFIX}:{{observe:3}}:account:acct-1"
MIRROR = f"{{{PREFIX}:enforced}}:log"
COUNTER = f"{PREFIX}:limit:account:acct-1:5:5:60000"
STRANGER = "someone:else"

READS = {"worker": {STATES}, "enforcer": {MIRROR, COUNTER}, "gateway": {MIRROR, COUNTER}, "oncall": {STATES}}
WRITES = {"worker": {STATES}, "enforcer": {MIRROR, COUNTER}, "gateway": {COUNTER}, "oncall": set[str]()}


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredRedis]:
    with secured_redis(tmp_path_factory.mktemp("redis")) as found:
        yield found


def environment(monkeypatch: pytest.MonkeyPatch, found: dict[str, str]) -> str:
    """Set it; the url."""
    for name, value in found.items():
        monkeypatch.setenv(name, value)
    return found["REDIS_URL"]


async def used(url: str) -> None:
    """Everything that the worker asks of a store."""
    store = RedisStore(url, prefix=PREFIX)
    try:
        await store.check()
        opened = await store.open(PLACE)
        answer = await store.commit(
            PLACE,
            owner=opened.owner,
            expected=opened.offset,
            offset=opened.offset + 5,
            values={"account:a": b"state"},
            outbox=b"letters",
            appends={"more": b"1"},
        )
        assert answer.kind == "applied"
        assert (await store.load(PLACE, ["account:a"])).values == (b"state",)
    finally:
        await store.close()


async def test_the_worker_keeps_its_states_over_tls_as_its_own_user(
    secured: SecuredRedis, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    url = environment(monkeypatch, secured.user("worker", tmp_path))
    await used(url)
    assert ask_redis(url).policy == "noeviction"
    assert embedded.ping(url) is None


async def test_a_password_in_the_url_will_do_as_well(secured: SecuredRedis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_SSL_CAFILE", str(secured.authority.ca))
    await used(secured.url(f"worker:{password_of('worker')}"))


async def test_who_copies_needs_the_rights_of_oncall(
    secured: SecuredRedis, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    url = environment(monkeypatch, secured.user("oncall", tmp_path))
    await require_forgotten(url, PREFIX, 2)
    offset = f"{PREFIX}:{{observe:1}}:offset"
    with secured.admin() as client:
        client.set(offset, 7)
        with pytest.raises(CopyError, match=r"^Redis holds states under the prefix "):
            await require_forgotten(url, PREFIX, 2)
        client.delete(offset)


@pytest.mark.parametrize("name", sorted(READS))
def test_a_user_may_touch_its_own_keys_and_no_others(secured: SecuredRedis, name: str) -> None:
    with secured.admin() as client:
        for key in (STATES, MIRROR, COUNTER, STRANGER):
            for words, own in ((("GET", key), READS), (("SET", key, "x"), WRITES)):
                told = client.acl_dryrun(name, *words)
                assert (told == b"OK") is (key in own[name]), (name, words, told)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("enforcer", ("EVALSHA", "0" * 40, "1", COUNTER)),
        ("enforcer", ("TIME",)),
        ("enforcer", ("XREAD", "COUNT", "1", "STREAMS", MIRROR, "0")),
        ("enforcer", ("XADD", MIRROR, "*", "key", "value")),
        ("enforcer", ("XDEL", MIRROR, "0-1")),
        ("enforcer", ("XTRIM", MIRROR, "MINID", "0-1")),
        ("enforcer", ("HSETNX", MIRROR, "life", "x")),
        ("enforcer", ("HSCAN", MIRROR, "0", "COUNT", "10")),
        ("enforcer", ("HDEL", MIRROR, "x")),
        ("gateway", ("EVALSHA", "0" * 40, "1", COUNTER)),
        ("gateway", ("XREAD", "COUNT", "1", "STREAMS", MIRROR, "0")),
        ("gateway", ("HGETALL", MIRROR)),
        ("oncall", ("MGET", STATES)),
        ("oncall", ("INFO",)),
    ],
)
def test_what_a_part_sends_is_allowed(secured: SecuredRedis, name: str, words: tuple[str, ...]) -> None:
    with secured.admin() as client:
        assert client.acl_dryrun(name, *words) == b"OK"


@pytest.mark.parametrize("name", sorted(READS))
def test_doctor_says_whether_a_part_has_its_rights(
    secured: SecuredRedis, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    settings = Settings("unused:1", environment(monkeypatch, secured.user(name, tmp_path)), prefix=PREFIX)
    assert [it.sentence for it in look_at_redis_rights(settings, name)] == [f"Redis lets {name} do what it needs."]
    with secured.admin() as client:
        client.execute_command("ACL", "SETUSER", name, "-get", "-evalsha")
        try:
            (said,) = look_at_redis_rights(settings, name)
        finally:
            client.execute_command("ACL", "SETUSER", name, "+get", *(["+evalsha"] if name != "oncall" else []))
    missing = "get" if name == "oncall" else "get, evalsha"
    assert not said.well
    assert said.sentence == (f"Redis does not let {name} {missing}: give its user the line of deploy/redis-acls.txt.")


def test_doctor_tells_keys_that_a_part_may_not_touch(
    secured: SecuredRedis, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = Settings("unused:1", environment(monkeypatch, secured.user("enforcer", tmp_path)), prefix=PREFIX)
    (said,) = look_at_redis_rights(settings, "gateway")
    assert said.well
    (said,) = look_at_redis_rights(settings, "worker")
    assert f"get on {PREFIX}:check" in said.sentence
    assert "append" in said.sentence


@pytest.mark.parametrize("name", sorted(READS))
@pytest.mark.parametrize(
    "words",
    [
        ("FLUSHALL",),
        ("FLUSHDB",),
        ("KEYS", "*"),
        ("SCAN", "0"),
        ("CONFIG", "GET", "*"),
        ("ACL", "LIST"),
        ("DEBUG", "SLEEP", "1"),
        ("MONITOR",),
        ("SHUTDOWN",),
        ("SCRIPT", "FLUSH"),
        ("CLIENT", "LIST"),
        ("REPLICAOF", "there", "6379"),
        ("RENAME", STATES, COUNTER),
        ("DEL", STATES),
    ],
    ids=" ".join,
)
def test_nobody_may_what_no_part_needs(secured: SecuredRedis, name: str, words: tuple[str, ...]) -> None:
    with secured.admin() as client:
        assert client.acl_dryrun(name, *words) != b"OK"


def test_the_gateway_cannot_write_the_mirror_it_follows(secured: SecuredRedis) -> None:
    with secured.admin() as client:
        for words in (("XADD", MIRROR, "*", "key", "value"), ("HSET", MIRROR, "a", "b"), ("SET", MIRROR, "x")):
            assert client.acl_dryrun("gateway", *words) != b"OK"


def test_the_table_names_whom_these_tests_try() -> None:
    assert set(users()) == {"default", *READS}


@pytest.mark.parametrize("host", ["wrong authority", "wrong name", "no tls"])
async def test_a_redis_that_cannot_prove_who_it_is_is_not_spoken_to(
    secured: SecuredRedis, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, host: str
) -> None:
    url = environment(monkeypatch, secured.user("worker", tmp_path))
    if host == "wrong authority":
        monkeypatch.setenv("REDIS_SSL_CAFILE", str(Authority(tmp_path, "another authority").ca))
    elif host == "wrong name":
        url = secured.url("worker", "localhost")
    else:
        url = url.replace("rediss:", "redis:")
    with pytest.raises(StoreError, match=r"^Redis cannot be reached") as caught:
        await used(url)
    assert "hunter2" not in str(caught.value)
    if host == "wrong name":
        monkeypatch.setenv("REDIS_SSL_CHECK_HOSTNAME", "no")
        await used(url)


@pytest.mark.parametrize(
    ("user", "sentence"),
    [
        ("worker:wrong-hunter2", r"^Redis wants a user name and password, or refuses those"),
        ("nobody:hunter2", r"^Redis wants a user name and password, or refuses those"),
        ("oncall:oncall-hunter2", r"^The Redis user in REDIS_URL may not do what Stillwatch needs"),
        ("enforcer:enforcer-hunter2", r"^The Redis user in REDIS_URL may not do what Stillwatch needs"),
    ],
)
async def test_who_may_not_is_told_so_without_the_password(
    secured: SecuredRedis, monkeypatch: pytest.MonkeyPatch, user: str, sentence: str
) -> None:
    monkeypatch.setenv("REDIS_SSL_CAFILE", str(secured.authority.ca))
    with pytest.raises(StoreError, match=sentence) as caught:
        await used(secured.url(user))
    assert "hunter2" not in str(caught.value)


async def test_a_redis_that_wants_a_certificate_gets_one(
    secured: SecuredRedis, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    url = environment(monkeypatch, secured.user("worker", tmp_path))
    with secured.admin() as client:
        client.config_set("tls-auth-clients", "yes")
        try:
            with pytest.raises(StoreError, match=r"^Redis "):
                await used(url)
            certificate, key = secured.authority.issue("worker")
            monkeypatch.setenv("REDIS_SSL_CERTFILE", str(certificate))
            monkeypatch.setenv("REDIS_SSL_KEYFILE", str(key))
            await used(url)
        finally:
            client.config_set("tls-auth-clients", "no")


async def test_a_cluster_is_spoken_to_in_the_same_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (bus,) = processes.choose_ports((), 1)
    with secured_redis(tmp_path, "cluster-enabled yes", "tls-cluster yes", f"cluster-port {bus}") as found:
        with found.admin() as client:
            client.execute_command("CLUSTER", "ADDSLOTSRANGE", "0", "16383")
            is_up = processes.wait_until(
                lambda: b"cluster_state:ok" in client.execute_command("CLUSTER", "INFO"), seconds=20
            )
            assert is_up
        await used(environment(monkeypatch, found.user("worker", tmp_path)))
