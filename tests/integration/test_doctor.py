"""`stillwatch doctor` on real servers: well, and with one thing wrong at a time."""

import re
from pathlib import Path

import msgspec
import pytest
from kafka import KafkaProducer

from agents.clock import now_ms
from agents.doctor import progress, states
from agents.doctor.clock import judge_broker_clocks, judge_redis_clock
from agents.doctor.found import Found
from agents.doctor.kafka_rights import look_at_authorizer
from agents.doctor.progress import Seen, judge_progress, look, members_of
from agents.doctor.states import ask_redis, look_at_redis
from agents.keys import make_pair
from agents.settings import Settings
from streams.events import RequestEvent
from streams.windows import DAY_MS, MINUTE_MS
from tests.contracts.redis_cluster import redis_cluster
from tests.contracts.redis_server import bundled_program, newer_program, redis_server
from tests.integration.worker_harness import Deployment, deployed, ingest, worker

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.timeout(300)]
PARTITIONS = 2
BEGAN_MS = now_ms() - DAY_MS


@pytest.fixture
def deployment(kafka_bootstrap: str, redis_url: str, topic_prefix: str) -> Deployment:
    return deployed(kafka_bootstrap, redis_url, topic_prefix, PARTITIONS)


def settings_of(deployment: Deployment) -> Settings:
    return Settings(
        deployment.bootstrap_servers, deployment.redis_url, prefix=deployment.prefix, group=deployment.prefix
    )


def events(accounts: int, each: int) -> list[RequestEvent]:
    """Ordinary accounts, enough requests of each to be judged and to teach."""
    return [
        RequestEvent(
            event_id=f"{account}-{number}",
            occurred_at_ms=BEGAN_MS + number * 7 * MINUTE_MS + account,
            account_id=f"acct-{account}",
            operation="chat",
            request_model="m",
            input_tokens=100,
        )
        for number in range(each)
        for account in range(accounts)
    ]


def wrong(found: list[Found]) -> list[str]:
    return [one.sentence for one in found if not one.well]


def test_a_deployment_is_wrong_until_somebody_works_and_then_well(deployment: Deployment, tmp_path: Path) -> None:
    make_pair(tmp_path / "decider.key")
    keys = {"STILLWATCH_VERIFY_KEYS": str(tmp_path / "decider.key.pub")}
    settings = settings_of(deployment)
    ingest(deployment, events(8, 20))
    before = look(settings, PARTITIONS)
    assert wrong(judge_progress(before, before, members_of(settings), deployment.prefix)) == [
        f"Nobody is in the group {deployment.prefix}, and 160 records wait: start `stillwatch run`."
    ]
    with worker(deployment, tmp_path) as running:
        running.until_ready()
        running.until_settled(deployment)
        said = deployment.run("doctor", **keys)
        assert (said.returncode, said.stderr) == (0, ""), said.stdout
        assert f"ok     observe has taken all of {deployment.topics.requests} but 0 records.\n" in said.stdout
        assert "ok     The models of observe learnt last as of " in said.stdout
        assert f"Nobody is in the group {deployment.prefix}" not in said.stdout
        assert running.drain() == 0
    taught = look(settings, PARTITIONS).learnt
    assert {it.learned_ms // MINUTE_MS >= BEGAN_MS // MINUTE_MS for it in taught if it.stage == "observe"} == {True}


def test_a_kafka_without_authorizer_is_wrong_where_nobody_checks_decisions(deployment: Deployment) -> None:
    settings = settings_of(deployment)
    found, has_one = look_at_authorizer(settings)
    topic = deployment.topics.enforcement
    assert not has_one
    assert wrong(found) == [
        (
            f"Kafka has no authorizer: whoever reaches it may write to {topic}, and no decision is checked: set "
            "STILLWATCH_VERIFY_KEYS (`stillwatch keys new`), or give Kafka authorizer.class.name and the rules of "
            "deploy/kafka-acls.txt."
        )
    ]
    checked = msgspec.structs.replace(settings, verify_keys=Path("keys"))
    assert wrong(look_at_authorizer(checked)[0]) == []


def test_what_waits_is_counted_in_the_log_and_in_redis(deployment: Deployment) -> None:
    ingest(deployment, events(4, 1))
    here = [it for it in look(settings_of(deployment), PARTITIONS).standings if it.topic == deployment.topics.requests]
    assert sum(it.waits for it in here) == 4
    assert [(it.taken, it.start, it.is_behind) for it in here] == [(-1, 0, False)] * PARTITIONS
    assert all(abs(it.newest_ms - now_ms()) < 60_000 for it in here if it.end)


def shifted(monkeypatch: pytest.MonkeyPatch, by_ms: int) -> None:
    """Let this machine's clock be off: those of real servers on it cannot be."""
    monkeypatch.setattr(progress, "now_ms", lambda: now_ms() + by_ms)
    monkeypatch.setattr(states, "now_ms", lambda: now_ms() + by_ms)


def two_looks(deployment: Deployment) -> tuple[Seen, Seen]:
    """One, a record, and another."""
    before = look(settings_of(deployment), PARTITIONS)
    ingest(deployment, events(1, 1))
    return before, look(settings_of(deployment), PARTITIONS)


@pytest.mark.parametrize(("by_ms", "words"), [(-60_000, "ahead of"), (60_000, "behind"), (0, None)])
def test_a_clock_that_is_a_minute_off_is_wrong(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, by_ms: int, words: str | None
) -> None:
    shifted(monkeypatch, by_ms)
    of_redis = judge_redis_clock(ask_redis(deployment.redis_url).ahead_ms)
    of_broker = judge_broker_clocks(*two_looks(deployment), now_ms() + by_ms)
    assert [it.well for it in (of_redis, of_broker)] == [words is None] * 2
    if words is not None:
        assert re.search(rf"clock is (5\d|60)\.\d s {words} this machine's", of_redis.sentence)
        assert f"s {words} this machine's at least" in of_broker.sentence


def test_a_redis_that_is_set_up_wrongly_is_told_each_thing(tmp_path: Path) -> None:
    options = "--appendonly no --maxmemory 200mb --maxmemory-policy allkeys-lru".split()
    with redis_server(newer_program(), tmp_path, *options) as server:
        settings = Settings("unused:1", server.url)
        assert wrong(look_at_redis(settings, 8)[0]) == [
            "Redis may drop states: its maxmemory-policy is allkeys-lru; set it to noeviction.",
            (
                "Redis has a maxmemory of 200 MiB, and 8 partition(s) need 322 MiB before the first account: "
                "give it more (`stillwatch plan` says how much)."
            ),
            (
                "Redis keeps nothing on disk: a restart begins with 29 days of log anew; "
                '`CONFIG SET save "300 1"` is enough.'
            ),
        ]
        with server.client() as client:
            client.config_set("maxmemory-policy", "noeviction")
            client.config_set("save", "300 1")
            client.config_set("maxmemory", "1gb")
        assert wrong(look_at_redis(settings, 8)[0]) == []
        with server.client() as client:
            client.replicaof("127.0.0.1", 1)
        assert wrong(look_at_redis(settings, 8)[0]) == ["This Redis is a replica: point REDIS_URL at the primary."]


def test_the_oldest_redis_tells_as_much(tmp_path: Path) -> None:
    with redis_server(bundled_program(), tmp_path) as server:
        found, told = look_at_redis(Settings("unused:1", server.url), 8)
        assert (wrong(found), told is not None) == ([], True)


def test_a_frozen_redis_is_a_sentence_and_soon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(states, "TIMEOUT_SECONDS", 0.2)
    with redis_server(newer_program(), tmp_path) as server, server.frozen():
        assert wrong(look_at_redis(Settings("unused:1", server.url), 8)[0]) == ["Redis does not answer in time."]


def test_each_primary_of_a_cluster_is_looked_at_and_every_slot_is_somebodys(tmp_path: Path) -> None:
    with redis_cluster(newer_program(), tmp_path) as cluster:
        settings = Settings("unused:1", cluster.url)
        found, _ = look_at_redis(settings, 6)
        assert wrong(found) == []
        assert found[0].sentence == "The Redis Cluster has 3 primaries, and each of its 16,384 slots has one."
        with cluster.servers[1].client() as client:
            client.config_set("maxmemory-policy", "volatile-lru")
        with cluster.servers[0].client() as client:
            client.execute_command("CLUSTER", "DELSLOTS", "7", "8")
        lost, evicts = wrong(look_at_redis(settings, 6)[0])
        assert lost.startswith("Nobody has 2 of the Redis Cluster's 16,384 slots: `redis-cli --cluster fix` shares")
        assert evicts == (
            f"127.0.0.1:{cluster.servers[1].port}: Redis may drop states: its maxmemory-policy is volatile-lru; "
            "set it to noeviction."
        )


def test_a_record_that_waits_for_nobody_is_not_late_before_its_time(deployment: Deployment) -> None:
    with KafkaProducer(bootstrap_servers=deployment.bootstrap_servers) as producer:
        producer.send(deployment.topics.findings, b"{}", partition=0).get(30)
    seen = look(settings_of(deployment), PARTITIONS)
    place = seen.place(deployment.topics.findings, 0)
    assert place is not None
    assert (place.stage, place.waits, place.due, place.is_behind) == ("campaigns", 1, 0, False)
