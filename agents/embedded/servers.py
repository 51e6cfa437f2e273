"""Kafka and Redis together: up, status, down. Only processes this project started are ever touched."""

import contextlib
import fcntl
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Never

import msgspec
from msgspec import Struct

from agents.embedded import ServerError, kafka, processes, redis
from agents.embedded.processes import ServerProcess
from agents.kafka_access import PROTOCOL, protocol
from agents.redis_access import without_password

DEFAULT_FOLDER = Path(".stillwatch")
KAFKA_VARIABLE = "KAFKA_BOOTSTRAP_SERVERS"
REDIS_VARIABLE = "REDIS_URL"
STOP_SECONDS = 15.0
ADDRESSES = "addresses.json"


class Servers(Struct, frozen=True):
    """Where Kafka and Redis are. `processes` are those that this project started: none for a server that was given."""

    bootstrap_servers: str
    redis_url: str
    processes: tuple[ServerProcess, ...]
    logs: Path

    @property
    def pids(self) -> tuple[int, ...]:
        """The process ids of what this project started, brokers first."""
        return tuple(it.pid for it in self.processes)


class ServerStatus(Struct, frozen=True):
    """One server: its name, whether all is well with it, and that in a sentence."""

    name: str
    healthy: bool
    sentence: str


def up(folder: Path = DEFAULT_FOLDER, *, brokers: int = 1) -> Servers:
    """Start what does not run yet and return where everything is; a second call changes nothing.

    Data, settings, logs and process records live in `folder`. A server that died or was killed is started again on
    its old data. KAFKA_BOOTSTRAP_SERVERS and REDIS_URL name servers to use instead: nothing is started in their place.
    Where they hold what the last call for this folder returned (its `export` lines), they name nobody else's servers.
    Raises `ServerError`, in one sentence, when a server cannot be had; what this call started is stopped again then.
    """
    with _alone(folder) as here:
        before = _running(here)
        try:
            found = _up(here, before, brokers)
            _remember(here, found)
        except BaseException:
            processes.stop([it for it in _running(here) if it not in before], patience_seconds=STOP_SECONDS)
            raise
        return found


def status(folder: Path = DEFAULT_FOLDER) -> tuple[ServerStatus, ...]:
    """Say of Kafka and of Redis what runs and whether it answers. Starts and stops nothing."""
    here = folder.resolve()
    return (_kafka_status(here), _redis_status(here))


def down(folder: Path = DEFAULT_FOLDER) -> tuple[str, ...]:
    """Stop every server started for `folder` and return the names of those that ran. Their data stays.

    Each gets SIGTERM, and SIGKILL after 15 seconds. A record whose process is gone, even if its pid now belongs to
    another process, is merely forgotten.
    """
    if not folder.is_dir():
        return ()
    with _alone(folder) as here:
        alive = _running(here)
        processes.stop(alive, patience_seconds=STOP_SECONDS)
        for process in processes.recorded(here):
            processes.forget(here, process)
        return tuple(it.name for it in alive)


@contextlib.contextmanager
def running(folder: Path = DEFAULT_FOLDER, *, brokers: int = 1) -> Iterator[Servers]:
    """Hold the servers of `folder` up for the block, and take them down after it, whatever ends it.

    In the main thread SIGTERM and SIGHUP end the block as Ctrl-C does (unless the program has its own handlers), and
    nothing interrupts the taking down, which is bounded.
    """
    with _signals({signal.SIGTERM: _leave, signal.SIGHUP: _leave}, replace_own=False):
        try:
            yield up(folder, brokers=brokers)
        finally:
            with _signals(
                dict.fromkeys((signal.SIGINT, signal.SIGTERM, signal.SIGHUP), signal.SIG_IGN), replace_own=True
            ):
                down(folder)


def _up(here: Path, before: tuple[ServerProcess, ...], brokers: int) -> Servers:
    given_kafka, given_redis = _given(here, KAFKA_VARIABLE), _given(here, REDIS_VARIABLE)
    _check_given(given_kafka, given_redis)
    brokers_up = tuple(it for it in before if it.name != redis.NAME)
    redis_up = tuple(it for it in before if it.name == redis.NAME)
    if not given_kafka:
        if (asked := protocol()) != "PLAINTEXT":
            raise ServerError(f"{PROTOCOL} is {asked}, which the embedded Kafka does not speak: set {KAFKA_VARIABLE}")
        brokers_up = kafka.start(here, brokers=brokers, running=brokers_up)
    if not given_redis:
        redis_up = redis_up or (redis.start(here),)
    return Servers(
        given_kafka or kafka.bootstrap_servers(brokers_up),
        given_redis or redis.url(redis_up[0]),
        (*brokers_up, *redis_up),
        here / "logs",
    )


def _given(here: Path, variable: str) -> str | None:
    """The address that the environment names, unless this folder handed it out: that is where our own server was."""
    address = os.environ.get(variable)
    return None if address == _handed_out(here).get(variable) else address


def _handed_out(here: Path) -> dict[str, str]:
    """By variable, where the servers of this folder were last started; empty where none ever was."""
    with contextlib.suppress(FileNotFoundError, msgspec.DecodeError):
        return msgspec.json.decode((here / ADDRESSES).read_bytes(), type=dict[str, str])
    return {}


def _remember(here: Path, found: Servers) -> None:
    """Keep where our own servers are; down leaves it, because the shell that ran `up` keeps its variables as well."""
    ours = {
        variable: address
        for variable, address in ((KAFKA_VARIABLE, found.bootstrap_servers), (REDIS_VARIABLE, found.redis_url))
        if not _given(here, variable)
    }
    (here / ADDRESSES).write_bytes(msgspec.json.encode(_handed_out(here) | ours))


def _check_given(given_kafka: str | None, given_redis: str | None) -> None:
    """Raise `ServerError` when a server that the environment names does not answer."""
    if given_kafka and not kafka.count_brokers(given_kafka):
        raise ServerError(f"no Kafka answers at {given_kafka}, which {KAFKA_VARIABLE} names")
    if given_redis and (reason := redis.ping(given_redis)):
        raise ServerError(f"the Redis at {without_password(given_redis)}, which {REDIS_VARIABLE} names: {reason}")


def _running(here: Path) -> tuple[ServerProcess, ...]:
    return tuple(filter(processes.is_running, processes.recorded(here)))


def _kafka_status(here: Path) -> ServerStatus:
    own = tuple(it for it in processes.recorded(here) if it.name != redis.NAME)
    given = _given(here, KAFKA_VARIABLE)
    servers = given or kafka.bootstrap_servers(own)
    whose = f"given by {KAFKA_VARIABLE}" if given else _pids(own)
    if not servers:
        return ServerStatus("kafka", healthy=False, sentence="Kafka is not running.")
    if answering := kafka.count_brokers(servers):
        return ServerStatus(
            "kafka", answering >= len(own), f"Kafka answers at {servers} ({whose}): {answering} broker(s)."
        )
    return ServerStatus("kafka", healthy=False, sentence=f"Kafka does not answer at {servers} ({whose}).")


def _redis_status(here: Path) -> ServerStatus:
    own = tuple(it for it in processes.recorded(here) if it.name == redis.NAME)
    given = _given(here, REDIS_VARIABLE)
    if not given and not own:
        return ServerStatus("redis", healthy=False, sentence="Redis is not running.")
    address, whose = (given, f"given by {REDIS_VARIABLE}") if given else (redis.url(own[0]), _pids(own))
    if reason := redis.ping(address):
        sentence = f"Redis does not answer at {without_password(address)} ({whose}): {reason}."
        return ServerStatus("redis", healthy=False, sentence=sentence)
    return ServerStatus("redis", healthy=True, sentence=f"Redis answers at {without_password(address)} ({whose}).")


def _pids(own: tuple[ServerProcess, ...]) -> str:
    return ", ".join(f"pid {it.pid}" + ("" if processes.is_running(it) else " gone") for it in own)


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[Path]:
    """Hold `folder` (made if absent, readable by its owner only), so that two starts or stops at once take turns."""
    here = folder.resolve()
    try:
        here.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = (here / "lock").open("w")
    except OSError as error:
        raise ServerError(f"the folder for Kafka and Redis, {here}, cannot be used: {error.strerror}") from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield here


@contextlib.contextmanager
def _signals(handlers: "dict[signal.Signals, signal._HANDLER]", *, replace_own: bool) -> Iterator[None]:
    """Install `handlers` for the block; without `replace_own` only where the program left the system's default."""
    if threading.current_thread() is not threading.main_thread():  # Python handles signals in the main thread only
        yield
        return
    chosen = {it: handler for it, handler in handlers.items() if replace_own or signal.getsignal(it) is signal.SIG_DFL}
    previous = {it: signal.signal(it, handler) for it, handler in chosen.items()}
    try:
        yield
    finally:
        for it, handler in previous.items():
            signal.signal(it, handler)


def _leave(number: int, _frame: FrameType | None) -> Never:
    """End the program by exception, as Ctrl-C does, so that what is held is let go of."""
    raise SystemExit(128 + number)
