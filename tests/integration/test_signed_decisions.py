"""Decisions as the post signs them, over a real Kafka and through a real Redis, to where they are checked."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
import redis
from kafka import KafkaConsumer, TopicPartition
from prometheus_client import CollectorRegistry

from agents.advance import Posted
from agents.keys import make_pair
from agents.metrics import Metrics
from agents.post import Post
from agents.signing import Refused, Signer, Verified, Verifier
from agents.topics import TopicNames
from tests.agents.signing_setup import decision, encoded

pytestmark = pytest.mark.kafka
KEY, VALUE = encoded(decision())
Kept = tuple[bytes, bytes, tuple[tuple[str, bytes | None], ...]]


async def posted(bootstrap: str, topics: TopicNames, signer: Signer | None, *letters: Posted) -> None:
    post = Post(bootstrap, topics, Metrics(CollectorRegistry()), signer)
    await post.start()
    try:
        await post.send(letters)
    finally:
        await post.stop()


def records(bootstrap: str, topic: str) -> list[Any]:
    """Partition 0 of a topic."""
    place = TopicPartition(topic, 0)
    with KafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False) as consumer:
        consumer.assign([place])
        consumer.seek_to_beginning()
        (end,) = consumer.end_offsets([place]).values()
        found: list[Any] = []
        while len(found) < end:
            found += consumer.poll(timeout_ms=1_000).get(place, [])
        return found


@pytest.mark.redis
async def test_decisions_and_alerts_leave_signed_and_nothing_else_does(
    kafka_bootstrap: str, topics: TopicNames, redis_url: str, topic_prefix: str, tmp_path: Path
) -> None:
    name = make_pair(tmp_path / "a.key")
    own = (("own", b"header"),)
    letters = (
        Posted("enforcement", 0, KEY, VALUE, own),
        Posted("alerts", 0, KEY, VALUE),
        Posted("links", 0, None, b"{}"),
        Posted("dlq", 0, KEY, VALUE, own),
    )
    await posted(kafka_bootstrap, topics, Signer(tmp_path / "a.key"), *letters)
    (enforced,) = records(kafka_bootstrap, topics.enforcement)
    assert tuple(enforced.headers[:1]) == own
    taken = Verified(decision(), name)
    assert Verifier(tmp_path).verify(enforced.key, enforced.value, enforced.headers) == taken
    (alert,) = records(kafka_bootstrap, topics.alerts)
    assert Verifier(tmp_path, topic="alerts").verify(alert.key, alert.value, alert.headers) == taken
    assert Verifier(tmp_path).verify(alert.key, alert.value, alert.headers) == Refused("bad_signature")
    assert [it.headers for topic in (topics.links, topics.dlq) for it in records(kafka_bootstrap, topic)] == [
        [],
        list(own),
    ]

    with redis.Redis.from_url(redis_url) as client:
        client.set(f"{topic_prefix}:kept", msgspec.msgpack.encode((enforced.key, enforced.value, enforced.headers)))
        kept = client.get(f"{topic_prefix}:kept")
        client.delete(f"{topic_prefix}:kept")
    assert Verifier(tmp_path).verify(*msgspec.msgpack.decode(kept, type=Kept)) == taken


async def test_without_a_key_decisions_leave_as_before_and_a_checking_gateway_refuses_them(
    kafka_bootstrap: str, topics: TopicNames, tmp_path: Path
) -> None:
    await posted(kafka_bootstrap, topics, None, Posted("enforcement", 0, KEY, VALUE))
    (enforced,) = records(kafka_bootstrap, topics.enforcement)
    assert (enforced.key, enforced.value, enforced.headers) == (KEY, VALUE, [])
    make_pair(tmp_path / "a.key")
    assert Verifier(tmp_path).verify(enforced.key, enforced.value, enforced.headers) == Refused("unsigned")
    assert Verifier(None).verify(enforced.key, enforced.value, enforced.headers) == Verified(decision(), None)


async def test_a_key_that_is_replaced_signs_what_leaves_next(
    kafka_bootstrap: str, topics: TopicNames, tmp_path: Path
) -> None:
    names = [make_pair(tmp_path / name) for name in ("a.key", "b.key")]
    post = Post(kafka_bootstrap, topics, Metrics(CollectorRegistry()), Signer(tmp_path / "a.key"))
    await post.start()
    try:
        await post.send([Posted("enforcement", 0, KEY, VALUE)])
        (tmp_path / "b.key").replace(tmp_path / "a.key")
        await post.send([Posted("enforcement", 0, KEY, VALUE)])
    finally:
        await post.stop()
    checks = Verifier(tmp_path)
    found = [checks.verify(it.key, it.value, it.headers) for it in records(kafka_bootstrap, topics.enforcement)]
    assert found == [Verified(decision(), name) for name in names]
