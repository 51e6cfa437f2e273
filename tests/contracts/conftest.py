"""The servers that the store contract runs on, each started once."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.contracts.redis_cluster import RedisCluster, redis_cluster
from tests.contracts.redis_server import RedisServer, bundled_program, newer_program, redis_server

PROGRAMS: dict[str, Callable[[], str]] = {"redis-6.2": bundled_program, "redis-7": newer_program}
CLUSTER = "cluster"
SERVERS = (*PROGRAMS, CLUSTER)

Servers = RedisServer | RedisCluster
RedisOf = Callable[[str], Servers]


@pytest.fixture(scope="session")
def redis_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisOf]:
    """The shared server of one of `PROGRAMS`, or the shared cluster, started when it is first asked for."""
    running: dict[str, Servers] = {}
    with ExitStack() as servers:

        def find(name: str) -> Servers:
            if name not in running:
                folder = tmp_path_factory.mktemp(name)
                if name == CLUSTER:
                    running[name] = servers.enter_context(redis_cluster(bundled_program(), folder))
                else:
                    running[name] = servers.enter_context(redis_server(PROGRAMS[name](), folder))
            return running[name]

        yield find
