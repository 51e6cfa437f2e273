"""A contestant as a process with everything it starts, watched from outside: time, processor, memory, and kill -9.

All of it is read from /proc, so this runs on Linux alone.
"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

POLL_SECONDS = 0.01
MEMORY_EVERY_SECONDS = 0.1
TICKS = os.sysconf("SC_CLK_TCK")


class ContestantError(Exception):
    """A contestant ended without having done its work, or took too long. One sentence, and the end of its log."""


class Measured(Struct, frozen=True):
    """What one run cost, from the first event's arrival to the last event's end.

    Processor seconds are user and system time: of the contestant with all its processes, of Kafka and of Redis.
    `peak_bytes` is the highest resident memory of the contestant's processes together, its start included.
    """

    seconds: float
    processor_seconds: float
    kafka_seconds: float
    redis_seconds: float
    peak_bytes: int


class Running:
    """A process tree of its own session; whoever makes one ends it with `end`."""

    def __init__(self, command: Sequence[str], *, cwd: Path, env: Mapping[str, str], log: Path, marks: Path) -> None:
        self._log = log
        self._marks = marks
        marks.write_bytes(b"")
        self._seen = Path(f"{marks}.seen")
        self._seen.unlink(missing_ok=True)
        with log.open("ab") as file:
            self._process = subprocess.Popen(  # noqa: S603  the bench's own command
                command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True
            )
        self.pid = self._process.pid

    def marks(self) -> dict[str, int]:
        """What the contestant has said so far: its word, and when, in nanoseconds."""
        lines = self._marks.read_text(encoding="ascii").splitlines()
        return {word: int(at) for word, _, at in (line.partition(" ") for line in lines) if at}

    def check(self, deadline: float) -> None:
        """Raise ContestantError if it has ended, or if `deadline` (of the monotonic clock) is over."""
        if self._process.poll() is not None:
            raise ContestantError(f"it ended with {self._process.returncode} before it was done\n{self._tail()}")
        if time.monotonic() > deadline:
            raise ContestantError(f"it was not done in time\n{self._tail()}")

    def seen(self) -> None:
        """Let it go on: it waits for this after it has said `done`."""
        self._seen.touch()

    def wait_for(self, word: str, deadline: float) -> int:
        """When it said `word`; blocks until then."""
        while word not in (marks := self.marks()):
            self.check(deadline)
            time.sleep(POLL_SECONDS)
        return marks[word]

    def leave(self, seconds: float) -> None:
        """Let it end by itself for so long, then end it."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        self.kill()

    def kill(self) -> None:
        """kill -9 it and everything that it started, and wait until all are gone."""
        deadline = time.monotonic() + 10
        while (left := tree(self.pid)) and time.monotonic() < deadline:
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self._process.poll()
            time.sleep(POLL_SECONDS)
        self._process.wait(10)

    def _tail(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")[-2_000:]


def measure(running: Running, *, kafka: Iterable[int], redis: Iterable[int], deadline: float) -> Measured:
    """Watch a contestant until it is done. Raises ContestantError."""
    peak = 0
    brokers, stores = tuple(kafka), tuple(redis)

    def processor() -> tuple[float, float, float]:
        own, kafka_, redis_ = (sum(map(processor_seconds, it)) for it in (tree(running.pid), brokers, stores))
        return own, kafka_, redis_

    begin: tuple[float, float, float] | None = None
    looked_at = 0.0
    while True:
        marks = running.marks()
        if begin is None and marks:
            begin = processor()
        if time.monotonic() - looked_at > MEMORY_EVERY_SECONDS or "done" in marks:
            looked_at = time.monotonic()
            peak = max(peak, sum(map(resident_bytes, tree(running.pid))))
        if begin is not None and "done" in marks:
            spent = [after - before for before, after in zip(begin, processor(), strict=True)]
            running.seen()
            begun_at = marks.get("first", marks["done"])  # after a kill there may have been nothing left to do
            return Measured((marks["done"] - begun_at) / 1e9, spent[0], spent[1], spent[2], peak)
        running.check(deadline)
        time.sleep(POLL_SECONDS)


def tree(leader: int) -> list[int]:
    """The processes of the session that `leader` leads, and their descendants; none of those that are gone."""
    parents: dict[int, int] = {}
    found = set()
    for pid in (int(it.name) for it in Path("/proc").iterdir() if it.name.isdigit()):
        fields = _stat(pid)
        if fields is None or fields[0] in (b"Z", b"X"):
            continue
        parents[pid] = int(fields[1])
        if int(fields[3]) == leader:
            found.add(pid)
    while more := {pid for pid, parent in parents.items() if parent in found and pid not in found}:
        found |= more
    return sorted(found)


def processor_seconds(pid: int) -> float:
    """User and system time of a process and of its children that have ended; 0 for one that is gone."""
    fields = _stat(pid)
    return 0.0 if fields is None else sum(map(int, fields[11:15])) / TICKS


def resident_bytes(pid: int) -> int:
    """The most memory that a process has had resident; 0 for one that is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)


def _stat(pid: int) -> list[bytes] | None:
    """The fields of /proc/PID/stat from the state on: the name before them may hold spaces and brackets."""
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
