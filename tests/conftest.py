"""How much hypothesis tries, which faults are tried, and one real Kafka and one real Redis for the whole session."""

import os
import uuid
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from agents.embedded import processes, servers
from agents.topics import TopicNames, create_topics

# `default` here and in CI, `--hypothesis-profile=nightly` when there is a night.
settings.register_profile(
    "default",
    deadline=None,  # a noisy machine is not a failure
    derandomize="CI" in os.environ,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("nightly", settings.get_profile("default"), derandomize=False, max_examples=5_000)
settings.load_profile("default")


SERVER_PORTS = range(12_000, processes.SERVER_PORTS.start)
WAITING = {"integration", "faults"}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--every-fault", action="store_true", help="also the faults that take long (make faults)")


def pytest_configure() -> None:
    """Each process of pytest-xdist has ports of its own, and none of those that commands under test choose from."""
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    size = len(SERVER_PORTS) // int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    processes.SERVER_PORTS = SERVER_PORTS[number * size : (number + 1) * size]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the long faults out, unless they are asked for, and begin with what takes long because it waits."""
    items.sort(key=lambda item: item.path.parent.name not in WAITING)
    if config.getoption("--every-fault"):
        return
    long = [item for item in items if item.get_closest_marker("long")]
    items[:] = [item for item in items if item not in long]
    config.hook.pytest_deselected(items=long)


@pytest.fixture(scope="session")
def real_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Servers]:
    """One real Kafka and one real Redis for the whole test session, or those that the environment names."""
    with servers.running(tmp_path_factory.mktemp("servers")) as found:
        yield found


@pytest.fixture(scope="session")
def kafka_bootstrap(real_servers: servers.Servers) -> str:
    """The address of a real Kafka without any topic of ours."""
    return real_servers.bootstrap_servers


@pytest.fixture(scope="session")
def redis_url(real_servers: servers.Servers) -> str:
    """The address of a real Redis. Tests share it: use keys, or a database number, of your own."""
    return real_servers.redis_url


@pytest.fixture
def topic_prefix() -> str:
    """A prefix that no other test uses."""
    return f"test-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def topics(kafka_bootstrap: str, topic_prefix: str) -> TopicNames:
    """The seven topics under a prefix of their own, with 4 partitions where the number is free to choose."""
    return create_topics(kafka_bootstrap, partitions=4, prefix=topic_prefix)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Compile what numba compiles, half a minute once a machine, before the clock of the first test runs."""
    if session.items and not session.config.option.collectonly:
        from tests.streams.account_bench import event, folded  # noqa: PLC0415  settings come first

        folded([event()])
