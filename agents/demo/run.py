"""The demonstration from end to end: servers up, topics, worker, feed, a view of it all, and everything down again."""

import contextlib
import fcntl
import os
import secrets
import shutil
import signal
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Final, Self

import redis
from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError
from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from agents import kafka_access, redis_access
from agents.demo import view
from agents.demo.children import Feed, Worker
from agents.demo.snapshot import Snapshot
from agents.demo.watch import Watch
from agents.embedded import ServerError, processes, servers
from agents.settings import KEY_VARIABLE
from agents.topics import TopicNames, create_topics, specs

FOLDER: Final = servers.DEFAULT_FOLDER / "demo"
SEED: Final = 1
FEED_S: Final = 130.0
"""After so many seconds nothing more is fed: a slow machine sees less of the day, and what it saw is judged."""

DEADLINE_S: Final = 165.0
"""From when the servers are up: with their start and their end, the whole stays below three minutes."""

CAUGHT_SHARE: Final = 0.9
"""From this share of its accounts on, a campaign counts as caught."""

LOOK_EVERY_S: Final = 0.4
SAY_EVERY_S: Final = 5.0
SETTLE_S: Final = 2
TIDY_MS: Final = 10_000


class Interrupted(BaseException):
    """A signal asked for the end. Not an Exception: nothing may take it for a failure and go on."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class Wishes:
    """Turns SIGINT, SIGTERM and SIGHUP into `Interrupted`: at once while the servers start, later between two looks.

    Once children run, an exception at an arbitrary place could lose one of them; so a signal is only remembered then,
    and `heed` raises it. A second signal changes nothing: what is being taken down is taken down, in bounded time.
    """

    def __init__(self) -> None:
        self._number: int | None = None
        self._at_once = True

    @contextlib.contextmanager
    def heard(self) -> Iterator[None]:
        """Hear the signals for the block."""
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        previous = {number: signal.signal(number, self._hear) for number in numbers}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    def defer(self) -> None:
        """From now on a signal waits for `heed`."""
        self._at_once = False

    def heed(self) -> None:
        """Raise Interrupted if a signal came."""
        if self._number is not None:
            raise Interrupted(self._number)

    def _hear(self, number: int, _frame: FrameType | None) -> None:
        if self._number is None:
            self._number = number
            if self._at_once:
                raise Interrupted(number)


def demonstrate(console: Console, *, program: str, scale: float) -> bool:
    """Run the demonstration; True if the campaign was caught and everything taken in time.

    Raises Interrupted on a signal, ServerError, TopicError, ChildError and KafkaError in a sentence each. Whatever
    ends it, no process of its own is left, and nothing of its own on servers that were given.
    """
    wishes = Wishes()
    with wishes.heard(), _fresh(FOLDER):
        console.print("Starting Kafka and Redis (the first time, 43 MB are downloaded) ...")
        with servers.running(FOLDER) as found:
            wishes.defer()
            prefix = f"demo-{secrets.token_hex(4)}"
            try:
                last = _play(console, found, prefix, wishes, scale)
            finally:
                _tidy(found, prefix)
        console.print(_verdict(last))
        _say(console, view.summary(last))
        console.print(f"Logs are in {_near(found.logs)}.\n", soft_wrap=True)
        _say(console, view.what_next(program))
        return is_caught(last)


def is_caught(last: Snapshot) -> bool:
    """True if everything was taken and the campaign's accounts are limited."""
    score = last.score
    everything = last.all_fed and last.work.events >= last.fed
    return everything and 0 < CAUGHT_SHARE * score.campaign_accounts <= score.caught


def _play(console: Console, found: servers.Servers, prefix: str, wishes: Wishes, scale: float) -> Snapshot:
    """Let the worker take the traffic, and show it; the last thing that was seen."""
    names = create_topics(found.bootstrap_servers, prefix=prefix)
    wishes.heed()
    health = (processes.LOOPBACK, processes.choose_ports((), 1)[0])
    environment = _environment(found, prefix, health)
    console.print(f"Kafka is at {found.bootstrap_servers}. Ctrl-C ends it all.", soft_wrap=True)
    found.logs.mkdir(parents=True, exist_ok=True)
    with (
        Worker(environment, found.logs / "worker.log") as worker,
        Feed(environment, found.logs / "feed.log", scale=scale, seed=SEED) as feed,
        contextlib.closing(Watch(found.bootstrap_servers, names, health=health, feed=feed)) as watch,
        _Screen(console) as screen,
    ):
        while True:
            snapshot = watch.look(LOOK_EVERY_S)
            screen.show(snapshot)
            wishes.heed()
            worker.check()
            feed.check(may_end=True)
            if snapshot.elapsed_s > FEED_S:
                feed.enough()
            if watch.is_over(snapshot) or snapshot.elapsed_s > DEADLINE_S:
                screen.show(snapshot, last=True)
                return snapshot


class _Screen:
    """Where snapshots are shown: drawn in place on a terminal, else a plain line every few seconds."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, auto_refresh=False) if console.is_terminal else None
        self._said = time.monotonic()

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, snapshot: Snapshot, *, last: bool = False) -> None:
        if self._live is not None:
            self._live.update(view.panel(snapshot, self._console.height, self._console.width), refresh=True)
        elif last or time.monotonic() - self._said >= SAY_EVERY_S:
            self._said = time.monotonic()
            self._console.print(view.line(snapshot), soft_wrap=True)


def _environment(found: servers.Servers, prefix: str, health: tuple[str, int]) -> Mapping[str, str]:
    """What the children are told; the fingerprint key is made for this run alone."""
    return {
        servers.KAFKA_VARIABLE: found.bootstrap_servers,
        servers.REDIS_VARIABLE: found.redis_url,
        KEY_VARIABLE: secrets.token_hex(16),
        "STILLWATCH_PREFIX": prefix,
        "STILLWATCH_GROUP": prefix,
        "STILLWATCH_HEALTH_HOST": health[0],
        "STILLWATCH_HEALTH_PORT": str(health[1]),
        "STILLWATCH_SETTLE_SECONDS": str(SETTLE_S),
    }


@contextlib.contextmanager
def _fresh(folder: Path) -> Iterator[None]:
    """Hold an empty `folder`: what a demonstration that was killed left there, running or not, is removed first."""
    try:
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = folder.with_suffix(".lock").open("w")
    except OSError as error:
        raise ServerError(f"The folder for the demonstration, {folder}, cannot be used: {error.strerror}") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ServerError(f"Another demonstration runs in {folder}.") from error
        servers.down(folder)
        shutil.rmtree(folder, ignore_errors=True)
        yield


def _tidy(found: servers.Servers, prefix: str) -> None:
    """Remove the topics, the group and the keys from servers that were given; ours go with their folder."""
    if os.environ.get(servers.KAFKA_VARIABLE):
        with (
            contextlib.suppress(KafkaError),
            KafkaAdminClient(
                bootstrap_servers=found.bootstrap_servers,
                bootstrap_timeout_ms=TIDY_MS,
                **kafka_access.client_arguments(),
            ) as admin,
        ):
            admin.delete_topics([spec.name for spec in specs(TopicNames.under(prefix))])
            admin.delete_groups([prefix])
    if os.environ.get(servers.REDIS_VARIABLE):
        access = redis_access.client_arguments(found.redis_url)
        with contextlib.suppress(redis.RedisError), redis.Redis.from_url(found.redis_url, **access) as client:
            for key in client.scan_iter(f"{prefix}:*", count=1_000):
                client.unlink(key)


def _verdict(last: Snapshot) -> str:
    if is_caught(last):
        return "The campaign was caught. (A simulation: the truth is known.)"
    if not (last.all_fed and last.work.events >= last.fed):
        return f"Not reached in {DEADLINE_S:.0f} seconds: {last.work.events:,} of {last.fed:,} events fed were taken."
    return f"Everything was taken, but fewer than {CAUGHT_SHARE:.0%} of the campaign's accounts were limited."


def _say(console: Console, words: RenderableType) -> None:
    """Print a table; without a terminal its rows are not padded with spaces."""
    if console.is_terminal:
        console.print(words)
        return
    with console.capture() as captured:
        console.print(words)
    console.print(Text("\n".join(row.rstrip() for row in captured.get().splitlines())), soft_wrap=True)


def _near(path: Path) -> Path:
    """The path as seen from here, where it is below."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
