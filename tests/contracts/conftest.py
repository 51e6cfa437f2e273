"""The servers that the store contract runs on, each started once."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.contracts.redis_server import RedisServer, bundled_program, newer_program, redis_server

PROGRAMS: dict[str, Callable[[], str]] = {"redis-6.2": bundled_program, "redis-7": newer_program}

RedisOf = Callable[[str], RedisServer]


@pytest.fixture(scope="session")
def redis_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisOf]:
    """The shared server of one of `PROGRAMS`, started when it is first asked for."""
    running: dict[str, RedisServer] = {}
    with ExitStack() as servers:

        def find(name: str) -> RedisServer:
            if name not in running:
                folder = tmp_path_factory.mktemp(name)
                running[name] = servers.enter_context(redis_server(PROGRAMS[name](), folder))
            return running[name]

        yield find
