"""Server processes: started apart from this one, recognised again later, and stopped without ever hitting another.

A process id is used again by the system, so a process is known by its id *and* the moment it started.
"""

import contextlib
import itertools
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from agents.embedded import ServerError

LOOPBACK = "127.0.0.1"
POLL_SECONDS = 0.05
SERVER_PORTS = range(20_000, 32_768)
"""Below those that a system gives to clients, each of which may be another's a moment later, or rest for a minute."""
_drawn: dict[int, None] = {}
"""Ports that this process chose, the latest last: a server may not listen on it yet."""


class ServerProcess(Struct, frozen=True):
    """A server this project started: its name, pid, the moment it started (as the system words it), ports and log."""

    name: str
    pid: int
    started: str
    ports: tuple[int, ...]
    log: str


def start(
    name: str, command: Sequence[str], *, ports: tuple[int, ...], folder: Path, env: Mapping[str, str]
) -> ServerProcess:
    """Start `command` in a session of its own, so that a Ctrl-C at the terminal does not reach it.

    What it writes is appended to its log in `folder`/logs; its record is written to `folder`/run at once, so that a
    later `recorded` finds it even if this very process is killed now. Raises `ServerError` when it cannot be run.
    """
    log = log_of(folder, name)
    log.parent.mkdir(parents=True, exist_ok=True)
    try:
        # posix_spawn rather than Popen: the server is meant to outlive the object that would stand for it.
        pid = os.posix_spawn(
            command[0],
            list(command),
            dict(env),
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            setsid=True,
            setsigmask=[],
            setsigdef=[signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE],
        )
    except OSError as error:
        raise ServerError(f"{name} could not be started: {command[0]}: {error.strerror}") from error
    process = ServerProcess(name, pid, _started(pid) or "gone", ports, str(log))
    _record(folder, process)
    return process


def log_of(folder: Path, name: str) -> Path:
    """Return where the server `name` of `folder` writes what it does."""
    return folder / "logs" / f"{name}.log"


def recorded(folder: Path) -> tuple[ServerProcess, ...]:
    """Return every server ever started for `folder` and not forgotten, running or not, by name."""
    found = []
    for path in sorted((folder / "run").glob("*.json")):
        with contextlib.suppress(msgspec.DecodeError):  # cut short by a full disk: that process is beyond our knowledge
            found.append(msgspec.json.decode(path.read_bytes(), type=ServerProcess))
    return tuple(found)


def forget(folder: Path, process: ServerProcess) -> None:
    """Remove the record of `process`, which runs no more."""
    (folder / "run" / f"{process.name}.json").unlink(missing_ok=True)


def _record(folder: Path, process: ServerProcess) -> None:
    """Write the record so that a reader finds the old one or the new one, never half of one."""
    record = folder / "run" / f"{process.name}.json"
    record.parent.mkdir(mode=0o700, exist_ok=True)
    fresh = record.with_suffix(".new")
    fresh.touch(mode=0o600)
    fresh.write_bytes(msgspec.json.encode(process))
    fresh.replace(record)


def is_running(process: ServerProcess) -> bool:
    """Say whether this very process still runs: not one that came to have its pid, and not a zombie."""
    if _started(process.pid) == process.started:
        return True
    with contextlib.suppress(
        ChildProcessError
    ):  # it is our child, to be reaped, only if this Python process started it
        os.waitpid(process.pid, os.WNOHANG)
    return False


def stop(processes: Sequence[ServerProcess], *, patience_seconds: float) -> None:
    """End `processes`, all at once: SIGTERM, then SIGKILL for what still runs after `patience_seconds`.

    Blocks until every one is gone. A pid that now belongs to another process is left alone.
    """
    _signal(processes, signal.SIGTERM)
    if not wait_until(lambda: not any(map(is_running, processes)), seconds=patience_seconds):
        _signal(processes, signal.SIGKILL)
        wait_until(lambda: not any(map(is_running, processes)), seconds=patience_seconds)


def wait_until(condition: Callable[[], bool], *, seconds: float) -> bool:
    """Poll `condition` until it holds (True) or `seconds` have passed (False)."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def choose_ports(preferred: Sequence[int], count: int) -> tuple[int, ...]:
    """Return `count` loopback ports that are free now: `preferred` if all of them are, else any of `SERVER_PORTS`.

    None that was drawn before, while others are left. Another process may take one before the server does; who starts
    the server has to look for that and ask again. Raises `ServerError` if there are no so many.
    """
    if len(preferred) == count and all(map(is_free, preferred)):
        return tuple(preferred)
    shuffled = random.SystemRandom().sample(SERVER_PORTS, len(SERVER_PORTS))  # of two processes each its own
    untried = [port for port in shuffled if port not in _drawn]
    free = tuple(itertools.islice(filter(is_free, (*untried, *_drawn)), count))
    if len(free) < count:
        raise ServerError(f"Of the ports {SERVER_PORTS[0]} to {SERVER_PORTS[-1]} fewer than {count} are free.")
    for port in free:
        _drawn.pop(port, None)
        _drawn[port] = None
    return free


def is_free(port: int) -> bool:
    """Say whether a server could listen on this loopback port now."""
    with socket.socket() as probe:
        probe.setsockopt(
            socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
        )  # as servers do: a closed connection's rest is no one
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def log_since(log: Path, offset: int) -> str:
    """Return what was written to `log` from byte `offset` on; nothing if there is no such file."""
    try:
        with log.open("rb") as file:
            file.seek(offset)
            return file.read().decode(errors="replace")
    except FileNotFoundError:
        return ""


def size(log: Path) -> int:
    """Return the bytes in `log`, 0 if there is no such file."""
    return log.stat().st_size if log.exists() else 0


def _signal(processes: Sequence[ServerProcess], number: signal.Signals) -> None:
    for process in processes:
        if is_running(process):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, number)


def _started(pid: int) -> str | None:
    """Return the moment process `pid` started in the system's own words, None if it does not run."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except FileNotFoundError:  # not Linux
        return _started_by_ps(pid)
    try:
        # The name stands in brackets and may contain anything, spaces and brackets too: count from the last bracket.
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, threads, ticks_since_boot = fields[0], int(fields[17]), int(fields[19])
    # A JVM that ends is a zombie while its other threads still close files and ports: it is gone when they are.
    return None if state in b"ZX" and threads <= 1 else f"{boot}:{ticks_since_boot}"


def _started_by_ps(pid: int) -> str | None:
    """Ask ps, which every Unix has. The answer is exact to the second."""
    command = ["/bin/ps", "-o", "stat=,lstart=", "-p", str(pid)]
    words = subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()  # noqa: S603 - fixed words and a number
    return " ".join(words[1:]) if words and not words[0].startswith("Z") else None
