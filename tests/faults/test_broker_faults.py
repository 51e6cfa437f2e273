"""Three brokers, acks=all, min.insync.replicas=2: one is killed, two are away, and every record is there once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.topics import create_topics
from tests.contracts.redis_server import RedisServer
from tests.faults.brokers import Cluster, cluster
from tests.faults.conftest import PARTITIONS, World
from tests.faults.scene import Scene
from tests.integration.worker_harness import Deployment

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(400)]

BROKERS = 3
AWAY_SECONDS = 30.0


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster(tmp_path_factory.mktemp("three-brokers"), BROKERS) as found:
        yield found


@pytest.fixture
def replicated(three: Cluster, own_redis: RedisServer, topic_prefix: str, tmp_path: Path) -> Iterator[Scene]:
    """A deployment whose topics have three copies."""
    topics = create_topics(three.bootstrap_servers, partitions=PARTITIONS, replication=BROKERS, prefix=topic_prefix)
    deployment = Deployment(three.bootstrap_servers, own_redis.url, topics, topic_prefix, PARTITIONS)
    found = Scene(deployment, own_redis, tmp_path)
    try:
        yield found
    finally:
        found.close()


@pytest.mark.parametrize("number", range(1, BROKERS + 1))
def test_a_broker_that_is_killed_and_comes_back_costs_nothing(
    replicated: Scene, three: Cluster, world: World, number: int
) -> None:
    first, second, third = world.thirds()
    running = replicated.ready(STILLWATCH_BATCH_RECORDS="60")
    replicated.produce(first)
    replicated.until("under way", lambda: replicated.counted() > 0)
    three.kill(number)
    replicated.produce(second)
    replicated.until("on without it", lambda: replicated.counted() > len(first))
    three.restart()
    replicated.healed()
    replicated.produce(third)
    replicated.settle()
    replicated.assert_log_is_what_was_sent()
    replicated.balance(f"broker {number} of 3 kill -9, started again", expected=world.expected)
    running.until_ready()


def test_two_brokers_of_three_that_are_away_are_waited_for(replicated: Scene, three: Cluster, world: World) -> None:
    first, second, third = world.thirds()
    running = replicated.ready(STILLWATCH_BATCH_RECORDS="60")
    replicated.produce(first)
    replicated.produce(second)
    replicated.until("under way", lambda: replicated.counted() > 0)
    three.kill(1, 2)
    replicated.hold(AWAY_SECONDS, running)
    three.restart()
    replicated.healed()
    replicated.produce(third)
    replicated.settle()
    replicated.assert_log_is_what_was_sent()
    replicated.balance(f"2 of 3 brokers down for {AWAY_SECONDS:.0f} s", expected=world.expected)
    running.until_ready()
