"""`stillwatch export` on a real Kafka and a real Redis: once, and followed for as long as decisions come."""

import asyncio
import json
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copy
from typing import Any

import msgspec
import pytest
from kafka import KafkaProducer

from agents.cli import main
from agents.embedded.processes import wait_until
from agents.exporting.sharing import SHARING_VARIABLE, SharingKey
from agents.store import NOTHING, Place
from agents.store.redis import RedisStore
from agents.topics import TopicNames
from streams.campaigns import Campaign
from streams.decisions import Decision
from streams.evidence import LinkEvidence
from tests.agents.exporting.campaigning import KEY
from tests.agents.signing_setup import signer
from tests.integration.enforcers import REPOSITORY, SECONDS, STILLWATCH, Decider, decided
from tests.streams.explaining.deciding import FOUR

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(120)]
Event = dict[str, Any]
Once = Callable[..., tuple[str, str]]


def about(action: str, subject: str = "c-1", sequence: int = 1, **fields: object) -> Decision:
    return decided(action, subject, sequence, **{"members": (), "campaign_id": subject, "reasons": FOUR, **fields})


@pytest.fixture(autouse=True)
def servers(kafka_bootstrap: str, topic_prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the environment name the servers, the topics of this test and its sharing key."""
    key = tmp_path / "sharing.key"
    key.write_bytes(KEY)
    key.chmod(0o600)
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", kafka_bootstrap)
    monkeypatch.setenv("STILLWATCH_PREFIX", topic_prefix)
    monkeypatch.setenv(SHARING_VARIABLE, str(key))
    for name in ("REDIS_URL", "STILLWATCH_VERIFY_KEYS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def once(capfd: pytest.CaptureFixture[str]) -> Once:
    """Run the command to its end, which is a good one: what it says, and what it says of that."""

    def run(*arguments: str) -> tuple[str, str]:
        with pytest.raises(SystemExit) as ended:
            main(["export", *arguments])
        assert ended.value.code == 0
        return capfd.readouterr()

    return run


@pytest.fixture
def decide(kafka_bootstrap: str, topics: TopicNames) -> Iterator[Decider]:
    made = Decider(kafka_bootstrap, topics)
    yield made
    made.close()


@contextmanager
def following(out: Path, *more: str) -> Iterator[subprocess.Popen[bytes]]:
    """The command as it follows into `out`, stopped by SIGTERM."""
    command = [STILLWATCH, "export", "--format", "ocsf", "--follow", "--out", str(out), *more]
    with subprocess.Popen(  # noqa: S603
        command, cwd=REPOSITORY, stderr=(out.parent / "stderr").open("wb")
    ) as process:
        try:
            yield process
            process.send_signal(signal.SIGTERM)
            assert process.wait(SECONDS) == 0
        finally:
            process.kill()


def told(out: Path) -> list[tuple[str, str, int]]:
    """Of each event in a file its campaign, what happened, and how many accounts are known."""
    if not out.exists():
        return []
    found: list[Event] = [json.loads(line) for line in out.read_text().splitlines()]
    return [(it["finding_info"]["uid"], it["activity_name"], it["unmapped"]["stillwatch"]["accounts"]) for it in found]


def test_all_that_was_decided_is_told_in_order_and_what_expired_is_over(decide: Decider, once: Once) -> None:
    old = about("suspend", "c-old", decided_at_ms=1_791_201_600_000, expires_at_ms=1_791_205_200_000)
    decide(about("throttle", members=("a-1", "a-2")), decided("suspend", "a-1"), old)
    decide(about("suspend", sequence=2, members=("a-3",)), about("suspend", sequence=2, members=("a-3",)))
    out, error = once("--format", "ocsf")
    assert error == ""
    events: list[Event] = [json.loads(line) for line in out.splitlines()]
    assert [
        (it["finding_info"]["uid"], it["activity_name"], it["unmapped"]["stillwatch"]["accounts"]) for it in events
    ] == [
        ("c-old", "Create", 0),
        ("c-old", "Close", 0),
        ("c-1", "Create", 2),
        ("c-1", "Update", 3),
    ]
    assert once("--format", "ocsf") == (out, "")
    assert not any(it in out for it in ("a-1", "a-2", "a-3"))


def test_a_follower_tells_what_comes_and_after_a_restart_only_what_is_new(decide: Decider, tmp_path: Path) -> None:
    out = tmp_path / "findings.jsonl"
    first, second = ("c-1", "Create", 1), ("c-2", "Create", 0)
    decide(about("throttle", members=("a-1",)))
    with following(out):
        assert wait_until(lambda: told(out) == [first], seconds=SECONDS)
        decide(about("observe", "c-2"), about("throttle", sequence=2))
        assert wait_until(lambda: told(out) == [first, second], seconds=SECONDS)
        decide(about("suspend", "c-2", 2, members=("a-2",)))
        assert wait_until(lambda: len(told(out)) == 3, seconds=SECONDS)
    decide(about("release", "c-1", 3))
    with following(out):
        assert wait_until(lambda: len(told(out)) == 4, seconds=SECONDS)
    assert told(out) == [first, second, ("c-2", "Update", 1), ("c-1", "Close", 1)]
    assert out.stat().st_mode & 0o777 == 0o600


def test_a_follower_closes_what_expires_while_it_follows(decide: Decider, tmp_path: Path) -> None:
    out = tmp_path / "findings.jsonl"
    with following(out, "--campaign", "c-1"):
        now_ms = about("throttle").decided_at_ms
        decide(about("throttle", decided_at_ms=now_ms, expires_at_ms=now_ms + 2_000), about("throttle", "c-2"))
        assert wait_until(lambda: len(told(out)) == 2, seconds=SECONDS)
    assert told(out) == [("c-1", "Create", 0), ("c-1", "Close", 0)]
    assert json.loads(out.read_text().splitlines()[1])["time"] == now_ms + 2_000


def test_what_is_not_signed_as_an_enforcer_wants_it_is_left_out(
    kafka_bootstrap: str,
    topics: TopicNames,
    decide: Decider,
    once: Once,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    (tmp_path / "keys").mkdir()
    signed = Decider(kafka_bootstrap, topics, signer(tmp_path / "keys" / "a.key"))
    stranger = Decider(kafka_bootstrap, topics, signer(tmp_path / "b.key"))
    signed(about("throttle", "c-signed"), about("throttle", "c-long", expires_at_ms=4 * 10**12))
    stranger(about("throttle", "c-stranger"))
    decide(about("throttle", "c-unsigned"))
    signed.close()
    stranger.close()
    with KafkaProducer(bootstrap_servers=kafka_bootstrap, acks="all") as producer:
        producer.send(topics.enforcement, key=b"c-1", value=b"no decision")
        producer.flush()
    trusting, _ = once("--format", "ocsf")
    monkeypatch.setenv("STILLWATCH_VERIFY_KEYS", str(tmp_path / "keys"))
    checked, error = once("--format", "ocsf")
    assert {json.loads(it)["finding_info"]["uid"] for it in checked.splitlines()} == {"c-signed"}
    assert error.splitlines() == [
        "1 record on the topic is further-reaching than any policy allows: left out.",
        "1 record on the topic is signed with a key that is not trusted: left out.",
        "2 records on the topic are not signed: left out.",
    ]
    assert {json.loads(it)["finding_info"]["uid"] for it in trusting.splitlines()} == {
        "c-signed",
        "c-stranger",
        "c-unsigned",
    }
    out = tmp_path / "findings.jsonl"
    with following(out):
        assert wait_until(lambda: told(out) == [("c-signed", "Create", 0)], seconds=SECONDS)
        copy(tmp_path / "b.key.pub", tmp_path / "keys")
        assert wait_until(lambda: told(out)[1:] == [("c-stranger", "Create", 0)], seconds=SECONDS)
    assert "left out because they are not signed" in (tmp_path / "stderr").read_text()


@pytest.mark.redis
def test_a_bundle_tells_the_payments_that_redis_knows(
    decide: Decider, once: Once, redis_url: str, topic_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    decide(about("throttle", members=("a-1", "a-2")))
    campaign = Campaign(
        campaign_id="c-1",
        links={
            "payment:beefbeef": LinkEvidence(1_791_201_600_000, FOUR[:1]),
            "template:0badcafe": LinkEvidence(1_791_201_600_000, FOUR[1:2]),
        },
    )

    async def store() -> None:
        redis = RedisStore(redis_url, prefix=topic_prefix)
        place = Place("campaigns", 0)
        try:
            owner = (await redis.open(place)).owner
            values = {"campaign:c-1": msgspec.msgpack.encode(campaign)}
            await redis.commit(place, owner=owner, expected=NOTHING, offset=1, values=values, outbox=b"")
        finally:
            await redis.close()

    asyncio.run(store())
    asked = ("--format", "stix", "--producer", "Example AI", "--tlp", "red")
    without, _ = once(*asked)
    monkeypatch.setenv("REDIS_URL", redis_url)
    with_redis, _ = once(*asked)
    patterns = [
        [it["pattern"] for it in json.loads(out)["objects"] if it["type"] == "indicator"]
        for out in (with_redis, without)
    ]
    salted = SharingKey(KEY).salted("payment", "beefbeef")
    assert patterns == [
        [f"[x-stillwatch-link:link_kind = 'payment' AND x-stillwatch-link:salted_hash = '{salted}']"],
        [],
    ]
    assert "beefbeef" not in with_redis
