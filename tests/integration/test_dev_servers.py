"""The embedded Kafka and Redis themselves, started and killed for real in folders of these tests' own."""

import contextlib
import os
import shlex
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import redis as redis_client
from click.testing import CliRunner, Result
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaTimeoutError

from agents.cli.dev import dev
from agents.embedded import ServerError, kafka, processes, redis, servers
from agents.embedded.servers import Servers
from agents.topics import (
    DEFAULT_PARTITIONS,
    FINDINGS,
    LARGEST_BATCH_BYTES,
    LINKS,
    MAX_STAGE_RECORD_BYTES,
    REQUESTS,
    TopicError,
    TopicNames,
    create_topics,
    partitions_of,
)

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow, pytest.mark.timeout(300)]

HOLDER = """
import sys, time
from pathlib import Path
from agents.embedded import servers
with servers.running(Path(sys.argv[1])) as found:
    print(*found.pids, flush=True)
    time.sleep(300)
"""


@pytest.fixture(autouse=True)
def _nothing_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(servers.KAFKA_VARIABLE, raising=False)
    monkeypatch.delenv(servers.REDIS_VARIABLE, raising=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One folder, with a name that needs quoting, whose servers may run or not when a test begins."""
    path = tmp_path_factory.mktemp("dev") / 'dünn "und" leer'
    yield path
    servers.down(path)


@pytest.fixture
def given_kafka(kafka_bootstrap: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The session's Kafka, given through the environment so that only a Redis is started."""
    monkeypatch.setenv(servers.KAFKA_VARIABLE, kafka_bootstrap)
    return kafka_bootstrap


@contextlib.contextmanager
def listener() -> Iterator[int]:
    """Hold a loopback port, as another program would."""
    with socket.socket() as other:
        other.bind((processes.LOOPBACK, 0))
        other.listen()
        yield other.getsockname()[1]


def command(*arguments: str) -> Result:
    return CliRunner().invoke(dev, arguments)


def write(up: Servers, value: bytes, *, topic: str = REQUESTS) -> int:
    """Append `value` to partition 0 of `topic` and return its offset."""
    producer = KafkaProducer(bootstrap_servers=up.bootstrap_servers, acks="all", max_request_size=LARGEST_BATCH_BYTES)
    try:
        return int(producer.send(topic, value, partition=0).get(timeout=60).offset)
    finally:
        producer.close()


def read(up: Servers, offset: int, *, topic: str = REQUESTS) -> bytes:
    """Return the value at `offset` of partition 0 of `topic`."""
    consumer = KafkaConsumer(
        bootstrap_servers=up.bootstrap_servers, enable_auto_commit=False, consumer_timeout_ms=60_000
    )
    try:
        consumer.assign([TopicPartition(topic, 0)])
        consumer.seek(TopicPartition(topic, 0), offset)
        return bytes(next(consumer).value)
    finally:
        consumer.close()


def store(up: Servers) -> "redis_client.Redis":
    return redis_client.Redis.from_url(up.redis_url, decode_responses=True)


def kill(up: Servers, name: str) -> None:
    (process,) = (it for it in up.processes if it.name == name)
    os.kill(process.pid, signal.SIGKILL)
    assert processes.wait_until(lambda: not processes.is_running(process), seconds=30)


def is_gone(pid: int) -> bool:
    """Say whether nothing of the process is left but, at most, an entry that its parent has not collected."""
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def test_up_twice_changes_nothing(folder: Path) -> None:
    assert servers.up(folder) == servers.up(folder)


def test_a_restart_keeps_the_data_and_the_addresses(folder: Path) -> None:
    before = servers.up(folder)
    create_topics(before.bootstrap_servers)
    offset = write(before, b"one record")
    with store(before) as state:
        state.set("kept", "yes")

    assert servers.down(folder) == ("kafka-1", "redis")
    assert all(map(is_gone, before.pids))
    assert processes.recorded(folder) == ()
    after = servers.up(folder)

    assert (after.bootstrap_servers, after.redis_url) == (before.bootstrap_servers, before.redis_url)
    assert read(after, offset) == b"one record"
    with store(after) as state:
        assert state.get("kept") == "yes"


def test_a_killed_broker_comes_back_with_what_it_had_acknowledged(folder: Path) -> None:
    before = servers.up(folder)
    create_topics(before.bootstrap_servers)
    offset = write(before, b"acknowledged")
    kill(before, "kafka-1")
    after = servers.up(folder)
    assert after.bootstrap_servers == before.bootstrap_servers
    assert after.pids[1] == before.pids[1], "Redis was well and is left alone"
    assert read(after, offset) == b"acknowledged"


def test_a_redis_that_is_stopped_comes_back_with_what_it_had_answered(folder: Path) -> None:
    with store(servers.up(folder)) as state:
        state.set("answered", "yes")
    servers.down(folder)
    with store(servers.up(folder)) as state:
        assert state.get("answered") == "yes"


def test_a_killed_redis_comes_back_as_its_snapshot_has_it(folder: Path) -> None:
    before = servers.up(folder)
    with store(before) as state:
        state.set("answered", "yes")
        state.save()
    kill(before, "redis")
    after = servers.up(folder)
    assert after.pids[0] == before.pids[0], "Kafka was well and is left alone"
    with store(after) as state:
        assert state.get("answered") == "yes"


def test_redis_evicts_nothing_and_listens_on_loopback_only(folder: Path) -> None:
    with store(servers.up(folder)) as state:
        settings = state.config_get("*")
    assert settings["maxmemory-policy"] == "noeviction"
    assert settings["bind"] == processes.LOOPBACK
    assert settings["protected-mode"] == "yes"


def test_topics_are_made_once_and_nothing_else_makes_one(folder: Path) -> None:
    up = servers.up(folder)
    assert create_topics(up.bootstrap_servers) == create_topics(up.bootstrap_servers) == TopicNames()
    with pytest.raises(TopicError, match=r"^the topic stillwatch.requests has 8 partition\(s\), not 4: "):
        create_topics(up.bootstrap_servers, partitions=4)
    with pytest.raises(TopicError, match=r"^Kafka refused to create the topic copies\.\w+: .*replicat"):
        create_topics(up.bootstrap_servers, replication=3, prefix="copies")
    producer = KafkaProducer(bootstrap_servers=up.bootstrap_servers, max_block_ms=1_000)
    with pytest.raises(KafkaTimeoutError):
        producer.send("nobody.made.this", b"x").get(timeout=30)
    producer.close()
    with KafkaAdminClient(bootstrap_servers=up.bootstrap_servers) as admin:
        assert "nobody.made.this" not in admin.list_topics()


@pytest.mark.parametrize("topic", [LINKS, FINDINGS])
def test_the_largest_record_between_stages_passes(folder: Path, topic: str) -> None:
    up = servers.up(folder)
    create_topics(up.bootstrap_servers)
    largest = os.urandom(MAX_STAGE_RECORD_BYTES)  # incompressible: the broker counts what arrives
    assert read(up, write(up, largest, topic=topic), topic=topic) == largest


def test_the_command_prints_what_to_export_and_says_what_runs(folder: Path) -> None:
    up = command("up", "--folder", str(folder))
    running = servers.up(folder)
    assert up.exit_code == 0, up.output
    assert f"export KAFKA_BOOTSTRAP_SERVERS={running.bootstrap_servers}\n" in up.output
    assert f"export REDIS_URL={running.redis_url}\n" in up.output
    assert str(running.logs) in up.output
    for variable, name in (("STILLWATCH_SIGNING_KEY", "signing.key"), ("STILLWATCH_VERIFY_KEYS", "signing.key.pub")):
        assert f"export {variable}={shlex.quote(str(folder.resolve() / name))}\n" in up.output

    status = command("status", "--folder", str(folder))
    assert status.exit_code == 0
    assert f"Kafka answers at {running.bootstrap_servers} (pid {running.pids[0]})" in status.output
    assert f"Redis answers at {running.redis_url} (pid {running.pids[1]})" in status.output

    wrong = command("up", "--folder", str(folder), "--partitions", "5")
    assert (wrong.exit_code, wrong.output.count("\n")) == (2, 1)
    assert wrong.output.startswith("Error: the topic stillwatch.requests has 8 partition(s), not 5")

    assert command("down", "--folder", str(folder)).output == "Stopped kafka-1, redis.\n"
    assert command("down", "--folder", str(folder)).output == "Nothing was running.\n"
    assert command("status", "--folder", str(folder)).exit_code == 1


def test_a_shell_that_names_our_servers_can_take_them_down_and_up_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = servers.up(folder)
    monkeypatch.setenv(servers.KAFKA_VARIABLE, before.bootstrap_servers)
    monkeypatch.setenv(servers.REDIS_VARIABLE, before.redis_url)
    assert servers.up(folder) == before
    assert command("down", "--folder", str(folder)).output == "Stopped kafka-1, redis.\n"
    assert command("status", "--folder", str(folder)).output == "Kafka is not running.\nRedis is not running.\n"
    up = command("up", "--folder", str(folder), "--prefix", "of-my-own")
    assert up.exit_code == 0, up.output
    assert "export STILLWATCH_PREFIX=of-my-own\n" in up.output
    assert partitions_of(servers.up(folder).bootstrap_servers, TopicNames.under("of-my-own")) == DEFAULT_PARTITIONS


def test_a_cluster_starts_whose_id_begins_with_a_hyphen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uuid, "uuid4", lambda: uuid.UUID(bytes=b"\xf8" * 16))
    started = kafka.start(tmp_path, brokers=1)
    processes.stop(started, patience_seconds=10)
    assert "\ncluster.id=-Pj4" in (tmp_path / "kafka-1" / "data" / "meta.properties").read_text()


def test_a_broker_that_dies_at_start_is_one_sentence_that_names_its_log(tmp_path: Path) -> None:
    (tmp_path / "kafka-1" / "data").mkdir(parents=True)
    (tmp_path / "kafka-1" / "data" / "meta.properties").write_text("version=1\ncluster.id=x\nnode.id=99\n")
    with pytest.raises(ServerError) as caught:
        servers.up(tmp_path)
    assert str(caught.value) == f"kafka-1 died while starting; see {tmp_path}/logs/kafka-1.log"
    assert "99" in (tmp_path / "logs" / "kafka-1.log").read_text()
    assert servers.down(tmp_path) == ()


def test_a_redis_that_dies_at_start_is_one_sentence_that_names_its_log(tmp_path: Path, given_kafka: str) -> None:
    (tmp_path / "redis").mkdir()
    (tmp_path / "redis" / "dump.rdb").write_text("rubbish")
    with pytest.raises(ServerError) as caught:
        servers.up(tmp_path)
    assert str(caught.value) == f"redis died while starting; see {tmp_path}/logs/redis.log"
    assert servers.down(tmp_path) == ()
    assert kafka.count_brokers(given_kafka), "a server that was given is never stopped"


def test_a_port_that_another_program_takes_first_is_given_up_for_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose = processes.choose_ports
    with listener() as taken:
        first_choices = {1: (taken,), 2: (taken, choose((), 1)[0])}
        monkeypatch.setattr(processes, "choose_ports", lambda last, n: first_choices.pop(n, None) or choose(last, n))
        with servers.running(tmp_path) as up:
            assert first_choices == {}
            assert str(taken) not in up.bootstrap_servers + up.redis_url
            assert kafka.count_brokers(up.bootstrap_servers) == 1
            assert redis.ping(up.redis_url) is None


@pytest.mark.usefixtures("given_kafka")
def test_a_port_that_is_always_taken_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with listener() as taken:
        monkeypatch.setattr(processes, "choose_ports", lambda _last, _n: (taken,))
        with pytest.raises(
            ServerError, match=rf"^redis found its port {taken} in use by another process; see .*redis.log$"
        ):
            servers.up(tmp_path)


@pytest.mark.usefixtures("given_kafka")
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_whatever_ends_the_holder_ends_its_servers_too(tmp_path: Path, ending: signal.Signals) -> None:
    with subprocess.Popen(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout
        pids = [int(word) for word in holder.stdout.readline().split()]
        assert len(pids) == 1
        holder.send_signal(ending)
        holder.wait(timeout=60)
    assert all(map(is_gone, pids))


@pytest.mark.usefixtures("given_kafka")
def test_servers_of_a_holder_that_was_killed_are_found_again_and_stopped(tmp_path: Path) -> None:
    with subprocess.Popen(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout
        pids = tuple(int(word) for word in holder.stdout.readline().split())
        holder.kill()
    assert servers.up(tmp_path).pids == pids
    assert servers.down(tmp_path) == ("redis",)
    assert all(map(is_gone, pids))


def test_three_brokers_go_on_without_one_and_take_it_back(tmp_path: Path) -> None:
    with servers.running(tmp_path, brokers=3) as up:
        create_topics(up.bootstrap_servers, replication=3)
        offset = write(up, b"on three")
        kill(up, "kafka-2")
        assert read(up, offset) == b"on three"
        after = servers.up(tmp_path, brokers=3)
        assert after.bootstrap_servers == up.bootstrap_servers
        assert kafka.count_brokers(after.bootstrap_servers) == 3
    assert all(map(is_gone, after.pids))
