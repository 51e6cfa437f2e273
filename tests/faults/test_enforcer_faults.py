"""What an enforcer does while Redis or Kafka is gone: what is in force stays so until it expires, and no longer."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.embedded.processes import wait_until
from agents.topics import create_topics
from streams.decisions import Limits
from tests.contracts.redis_server import RedisServer
from tests.faults.brokers import Cluster
from tests.integration.enforcers import HOUR_MS, SECONDS, Decider, Running, decided, enforcer

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.timeout(400)]


@pytest.fixture
def decide(one: Cluster, topic_prefix: str) -> Iterator[Decider]:
    made = Decider(one.bootstrap_servers, create_topics(one.bootstrap_servers, partitions=2, prefix=topic_prefix))
    yield made
    made.close()


@pytest.fixture
def running(
    one: Cluster, own_redis: RedisServer, topic_prefix: str, tmp_path: Path, decide: Decider
) -> Iterator[Running]:
    with enforcer(
        tmp_path, topic_prefix, KAFKA_BOOTSTRAP_SERVERS=one.bootstrap_servers, REDIS_URL=own_redis.url
    ) as made:
        decide(decided("suspend", "bad"), decided("throttle", "heavy", limits=Limits(5, 10_000, HOUR_MS)))
        made.comes_to("suspend", "bad")
        assert wait_until(lambda: made.check("heavy")["limits"] is not None, seconds=SECONDS)
        yield made


def mirrored(redis: RedisServer, prefix: str) -> int:
    """How many records the mirror holds."""
    with redis.client() as client:
        return int(client.xlen(f"{{{prefix}:enforced}}:log"))


def test_without_redis_throttles_are_counted_here_and_the_mirror_is_made_anew_in_an_empty_one(
    running: Running, decide: Decider, own_redis: RedisServer, topic_prefix: str
) -> None:
    assert wait_until(lambda: mirrored(own_redis, topic_prefix) == 2, seconds=SECONDS)
    own_redis.kill()
    assert running.answer("bad") == "suspend"
    assert running.answer("innocent") == "pass"
    answers = [running.answer("heavy") for _ in range(10)]
    assert (answers[-1], answers.count("pass") <= 5) == ("throttle", True)
    assert running.metric("stillwatch_limit_answers_total", source="local") > 0
    decide(decided("suspend", "new"))
    running.comes_to("suspend", "new")
    own_redis.start()
    with own_redis.client() as client:
        client.flushall()
    assert wait_until(lambda: mirrored(own_redis, topic_prefix) == 3, seconds=60)


def test_without_kafka_what_is_in_force_stays_until_it_expires_and_what_is_decided_then_is_in_force_later(
    running: Running, decide: Decider, one: Cluster
) -> None:
    soon = decided("suspend", "soon")
    decide(decided("suspend", "short", expires_at_ms=soon.decided_at_ms + 30_000))
    running.comes_to("suspend", "short")
    one.kill(1)
    assert running.answer("bad") == "suspend"
    running.comes_to("pass", "short")
    assert running.answer("bad") == "suspend"
    one.restart()
    decide(soon)
    running.comes_to("suspend", "soon")


def test_with_both_gone_checks_go_on_by_what_is_known(running: Running, own_redis: RedisServer, one: Cluster) -> None:
    one.kill(1)
    own_redis.kill()
    assert [running.answer(name) for name in ("bad", "innocent")] == ["suspend", "pass"]
    answers = [running.answer("heavy") for _ in range(10)]
    assert answers[-1] == "throttle"
    assert running.is_ready
    own_redis.start()
    one.restart()
