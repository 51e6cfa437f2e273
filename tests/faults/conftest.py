"""What the faults happen to: a deployment on real servers, and a world whose consequences are known beforehand."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from msgspec import Struct

from agents.embedded.redis import find_program
from streams.events import RequestEvent
from tests.contracts.redis_server import RedisServer, redis_server
from tests.faults import traffic
from tests.faults.brokers import Cluster, cluster
from tests.faults.reference import Expected, Sent, expected_of
from tests.faults.scene import Scene
from tests.faults.table import ROWS, lines
from tests.integration.worker_harness import deployed

PARTITIONS = 4


class World(Struct, frozen=True):
    """Events, and what they must lead to if they are produced in their order."""

    events: list[RequestEvent]
    expected: Expected

    def thirds(self) -> tuple[Sequence[RequestEvent], Sequence[RequestEvent], Sequence[RequestEvent]]:
        third = len(self.events) // 3
        return self.events[:third], self.events[third : 2 * third], self.events[2 * third :]


def made(events: list[RequestEvent]) -> World:
    return World(events, expected_of([Sent(it, it.occurred_at_ms) for it in events], partitions=PARTITIONS))


@pytest.fixture(scope="session")
def world() -> World:
    """A day of 6,000 events: about 200 decisions and one campaign."""
    return made(traffic.world(1, accounts=150, events=6_000))


@pytest.fixture(scope="session")
def large_world() -> World:
    """A day of 24,000 events."""
    return made(traffic.world(2, accounts=600, events=24_000))


@pytest.fixture
def redis_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "redis"
    folder.mkdir()
    return folder


@pytest.fixture
def own_redis(redis_folder: Path) -> Iterator[RedisServer]:
    """A Redis of the test's own."""
    with redis_server(find_program(), redis_folder) as server:
        yield server


@pytest.fixture
def scene(kafka_bootstrap: str, own_redis: RedisServer, topic_prefix: str, tmp_path: Path) -> Iterator[Scene]:
    """A deployment on the Kafka of the session and a Redis of its own."""
    found = Scene(deployed(kafka_bootstrap, own_redis.url, topic_prefix, PARTITIONS), own_redis, tmp_path)
    try:
        yield found
    finally:
        found.close()


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Cluster]:
    """A broker of the test's own, to be stopped again and again, or to have its files cut."""
    with cluster(tmp_path / "one-broker", 1) as found:
        yield found


@pytest.fixture
def alone(one: Cluster, own_redis: RedisServer, topic_prefix: str, tmp_path: Path) -> Iterator[Scene]:
    """A deployment on a broker and a Redis of its own."""
    found = Scene(deployed(one.bootstrap_servers, own_redis.url, topic_prefix, PARTITIONS), own_redis, tmp_path)
    try:
        yield found
    finally:
        found.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The table, after everything else."""
    if ROWS:
        terminalreporter.section("faults: nothing lost, nothing counted twice")
        for line in lines(ROWS):
            terminalreporter.write_line(line)
