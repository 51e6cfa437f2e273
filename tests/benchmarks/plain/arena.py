"""One Kafka, one Redis, the two logs, and a contestant let loose on them: whole, or killed in the middle."""

import asyncio
import os
import subprocess
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random

import msgspec
import redis
from msgspec import Struct

from agents.embedded import servers
from tests.benchmarks.plain import log
from tests.benchmarks.plain.environments import connector, python_of
from tests.benchmarks.plain.field import Contestant
from tests.benchmarks.plain.job import Windows
from tests.benchmarks.plain.reference import Reference, Truth
from tests.benchmarks.plain.told import Told
from tests.benchmarks.plain.traffic import Traffic
from tests.benchmarks.plain.verdict import Verdict, judge
from tests.benchmarks.plain.watching import ContestantError, Measured, Running, measure

REPOSITORY = Path(__file__).parents[3]
START_SECONDS = 120
"""For a contestant to begin: Java, imports, joining a group."""

SLOWEST_EVENTS_PER_SECOND = 150
LEAVE_SECONDS = 90
ATTEMPTS = 4
"""How often one is tried to be killed that is done too early; each time it gets half as long."""

KILLED_BETWEEN = (0.35, 0.65)
"""Of the time that it took to do all. When exactly is drawn from a seed."""


class Log(Struct, frozen=True):
    """A topic with the log of a `Traffic`: where each partition ends, and what it must come to."""

    topic: str
    limit: int
    ends: dict[int, int]
    truth: Truth

    @property
    def events(self) -> int:
        """How many events there are."""
        return sum(self.ends.values())


class Result(Struct, frozen=True):
    """What a contestant did. `killed_after` seconds from the first event; None where it was left alone."""

    events: int
    measured: Measured
    verdict: Verdict
    killed_after: float | None = None

    @property
    def per_second(self) -> float:
        """Events a second of the clock."""
        return self.events / self.measured.seconds

    def microseconds(self, processor_seconds: float) -> float:
        """Processor seconds as microseconds an event."""
        return processor_seconds / self.events * 1e6


class Arena:
    """Runs contestants one after the other. Files of a run stay in `folder` until the bench ends."""

    def __init__(self, found: servers.Servers, folder: Path, environments: Path, *, seed: int) -> None:
        self._found = found
        self._folder = folder
        self._environments = environments
        self._random = Random(seed)
        self._runs = 0
        self._kafka = tuple(it.pid for it in found.processes if it.name != "redis")
        self._redis = tuple(it.pid for it in found.processes if it.name == "redis")

    def produce(self, traffic: Traffic, topic: str) -> Log:
        """Write a log into a new topic, and work out what must come of it."""
        self.create(topic)
        return self.extend(Reference(traffic.limit), traffic.limit, topic, traffic.records())

    def create(self, topic: str) -> None:
        """Make an empty topic of eight partitions."""
        asyncio.run(log.create(self._found.bootstrap_servers, topic))

    def extend(
        self,
        reference: Reference,
        limit: int,
        topic: str,
        records: Iterable[tuple[str, bytes]],
        *,
        judged: bool = True,
    ) -> Log:
        """Write more to the end of a topic; the log as it is then, with its truth only if it is to be `judged`."""
        kept = list(records)
        asyncio.run(log.append(self._found.bootstrap_servers, topic, kept))
        reference.see(value for _, value in kept)
        truth = reference.truth() if judged else Truth(Windows(), frozenset(), frozenset())
        return Log(topic, limit, asyncio.run(log.ends(self._found.bootstrap_servers, topic)), truth)

    def race(self, contestant: Contestant, course: Log) -> Result:
        """Let it do all in one go. Raises NotInstalledError, ContestantError."""
        entry = self._entry(contestant, course)
        result = self._finish(entry, course, course.events)
        entry.forget(self._found.redis_url)
        return result

    def ambush(self, contestant: Contestant, course: Log, whole_seconds: float) -> Result:
        """Kill it with all it started in the middle, start it again, and look at what it comes to in the end.

        `whole_seconds` is how long it took when it was left alone. Raises NotInstalledError, ContestantError.
        """
        for _ in range(ATTEMPTS):
            entry = self._entry(contestant, course)
            after = whole_seconds * self._random.uniform(*KILLED_BETWEEN)
            if self._kill(entry.start(), after, self._deadline(course)):
                break
            entry.forget(self._found.redis_url)
            whole_seconds /= 2
        else:
            raise ContestantError("it was always done before it could be killed")
        result = self._finish(entry, course, course.events)
        entry.forget(self._found.redis_url)
        return msgspec.structs.replace(result, killed_after=after)

    def _kill(self, running: Running, after: float, deadline: float) -> bool:
        """Kill it so many seconds after its first event; False if it was done by then."""
        try:
            running.wait_for("first", deadline)
            begun = time.monotonic()
            while time.monotonic() - begun < after and "done" not in running.marks():
                time.sleep(0.002)
            return "done" not in running.marks()
        finally:
            running.kill()

    def refill(self, contestant: Contestant, before: Log, extend: Callable[[], Log]) -> Result:
        """Let it do `before`, and then, in a new process, what `extend` has added to the log: only that is measured."""
        entry = self._entry(contestant, before)
        self._measured(entry, before)
        after = extend()
        entry.continue_to(after)
        result = self._finish(entry, after, after.events - before.events)
        entry.forget(self._found.redis_url)
        return result

    def _entry(self, contestant: Contestant, course: Log) -> "_Entry":
        self._runs += 1
        name = f"{contestant.name}-{self._runs}"
        folder = self._folder / name
        folder.mkdir()
        alerts = f"alerts.{name}"
        asyncio.run(log.create(self._found.bootstrap_servers, alerts, partitions=1))
        told = Told(
            bootstrap_servers=self._found.bootstrap_servers,
            redis_url=self._found.redis_url,
            topic=course.topic,
            ends=course.ends,
            alerts=alerts,
            prefix=f"plain-{os.getpid()}-{name}",
            limit=course.limit,
            folder=str(folder),
            marks=str(folder / "marks"),
        )
        return _Entry(contestant, python_of(contestant.environment, self._environments), told)

    def _measured(self, entry: "_Entry", course: Log) -> Measured:
        running = entry.start()
        try:
            measured = measure(running, kafka=self._kafka, redis=self._redis, deadline=self._deadline(course))
            running.leave(LEAVE_SECONDS)
        finally:
            running.kill()
        return measured

    def _finish(self, entry: "_Entry", course: Log, events: int) -> Result:
        measured = self._measured(entry, course)
        if not entry.contestant.keeps_windows:
            return Result(events, measured, Verdict())
        try:
            alerts = asyncio.run(log.alerts(self._found.bootstrap_servers, entry.told.alerts))
        except TimeoutError as error:
            raise ContestantError(str(error)) from error
        return Result(
            events, measured, judge(course.truth, entry.windows(), alerts, by_minute=entry.contestant.by_minute)
        )

    def _deadline(self, course: Log) -> float:
        return time.monotonic() + START_SECONDS + course.events / SLOWEST_EVENTS_PER_SECOND


class _Entry:
    """One contestant with what it is told; it may be started more than once."""

    def __init__(self, contestant: Contestant, python: Path, told: Told) -> None:
        self.contestant = contestant
        self.told = told
        self._python = python
        self._folder = Path(told.folder)
        self._environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "PYTHONHASHSEED": "0"}
        if contestant.environment == "flink":
            self._environment["FLINK_CONNECTOR"] = str(connector())
        self.continue_to(None)

    def continue_to(self, course: Log | None) -> None:
        """Tell it about a log that has become longer."""
        if course is not None:
            self.told = msgspec.structs.replace(self.told, ends=course.ends)
        (self._folder / "told.json").write_bytes(msgspec.json.encode(self.told))

    def start(self) -> Running:
        """Start it in a process of its own."""
        return Running(
            self._command("run"),
            cwd=REPOSITORY,
            env=self._environment,
            log=self._folder / "log",
            marks=Path(self.told.marks),
        )

    def windows(self) -> Windows:
        """What it has come to. Raises ContestantError."""
        out = self._folder / "windows"
        try:
            self._look(out)
        except (subprocess.SubprocessError, OSError) as error:
            raise ContestantError(f"its windows cannot be read: {type(error).__name__}") from error
        return msgspec.msgpack.decode(out.read_bytes(), type=Windows)

    def _look(self, out: Path) -> None:
        with (self._folder / "log").open("ab") as file:
            subprocess.run(  # noqa: S603  our own program
                self._command("windows", str(out)),
                cwd=REPOSITORY,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                timeout=START_SECONDS,
                check=True,
            )

    def forget(self, url: str) -> None:
        """Remove its keys from Redis."""
        with redis.Redis.from_url(url) as client:
            keys = list(client.scan_iter(match=f"{self.told.prefix}:*", count=10_000))
            for at in range(0, len(keys), 10_000):
                client.unlink(*keys[at : at + 10_000])

    def _command(self, *words: str) -> list[str]:
        verb, *rest = words
        return [str(self._python), "-m", self.contestant.module, verb, str(self._folder / "told.json"), *rest]
