"""One real Kafka and one real Redis for the whole test session, or those that the environment names."""

import uuid
from collections.abc import Iterator

import pytest

from agents.embedded import servers
from agents.topics import TopicNames, create_topics


@pytest.fixture(scope="session")
def real_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Servers]:
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
    """The six topics under a prefix of their own, with 4 partitions where the number is free to choose."""
    return create_topics(kafka_bootstrap, partitions=4, prefix=topic_prefix)
