"""A worker that cannot start says why in one sentence, with exit code 2, and does nothing."""

import gc
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agents.cli import main
from agents.embedded.processes import LOOPBACK, choose_ports
from tests.contracts.redis_server import RedisServer, bundled_program, redis_server
from tests.integration.worker_harness import Deployment, deployed

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow]

Refusal = Callable[..., str]


@pytest.fixture(scope="module")
def deployment(kafka_bootstrap: str, redis_url: str) -> Deployment:
    return deployed(kafka_bootstrap, redis_url, "test-worker-start", 1)


@pytest.fixture(scope="module")
def own_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with redis_server(bundled_program(), tmp_path_factory.mktemp("own-redis")) as server:
        yield server


@pytest.fixture
def refusal(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Iterator[Refusal]:
    """Run `stillwatch run` in this process, and return the one sentence it says."""
    thresholds = gc.get_threshold()

    def run(*arguments: str, **environment: str) -> str:
        for name, value in ({"STILLWATCH_HEALTH_PORT": "0"} | deployment.addresses() | environment).items():
            monkeypatch.setenv(name, value)
        with pytest.raises(SystemExit) as ended:
            main(["run", *arguments])
        said = capfd.readouterr()
        assert (ended.value.code, said.out, said.err.count("\n")) == (2, "", 1), said.err
        return said.err.rstrip("\n")

    yield run
    gc.unfreeze()
    gc.set_threshold(*thresholds)


def test_a_redis_that_is_not_there(refusal: Refusal) -> None:
    (port,) = choose_ports((), 1)
    assert refusal(REDIS_URL=f"redis://{LOOPBACK}:{port}/0").startswith("Error: Redis cannot be reached: ")


def test_a_redis_that_wants_a_password(refusal: Refusal, own_redis: RedisServer) -> None:
    with own_redis.configured("requirepass", "secret"):
        said = refusal(REDIS_URL=own_redis.url)
    assert said == "Error: Redis wants a user name and password, or refuses those in REDIS_URL."


def test_a_redis_that_is_read_only(refusal: Refusal, own_redis: RedisServer, tmp_path: Path) -> None:
    with redis_server(own_redis.program, tmp_path, "--replicaof", LOOPBACK, str(own_redis.port)) as replica:
        said = refusal(REDIS_URL=replica.url)
    assert said == "Error: Redis is read-only (a replica?): point REDIS_URL at the primary."


def test_a_redis_that_may_evict(refusal: Refusal, own_redis: RedisServer) -> None:
    with own_redis.configured("maxmemory-policy", "allkeys-lru"):
        said = refusal(REDIS_URL=own_redis.url)
    assert said == "Error: Redis may drop states: its maxmemory-policy is allkeys-lru; set it to noeviction."


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("REDIS_URL", "", "REDIS_URL is not set"),
        ("REDIS_URL", "nonsense", "REDIS_URL is not an address of a Redis: "),
        ("KAFKA_BOOTSTRAP_SERVERS", "", "KAFKA_BOOTSTRAP_SERVERS is not set"),
        ("STILLWATCH_PREFIX", "nobody-made-this", "Kafka at "),
        ("STILLWATCH_SETTLE_SECONDS", "soon", "STILLWATCH_SETTLE_SECONDS is 'soon'"),
        ("STILLWATCH_HEALTH_HOST", "192.0.2.1", "The worker cannot listen or connect: "),
    ],
)
def test_a_setting_that_cannot_be_used(refusal: Refusal, variable: str, value: str, sentence: str) -> None:
    assert refusal(**{variable: value}).startswith(f"Error: {sentence}")


def test_a_port_that_another_worker_has(refusal: Refusal) -> None:
    with socket.create_server((LOOPBACK, 0)) as other:
        port = other.getsockname()[1]
        said = refusal(STILLWATCH_HEALTH_PORT=str(port))
    assert said.startswith(f"Error: Metrics and health cannot be on {LOOPBACK}:{port}, which is in use: ")
    assert "STILLWATCH_HEALTH_PORT" in said


def test_a_broker_that_is_not_there(refusal: Refusal) -> None:
    (port,) = choose_ports((), 1)
    said = refusal(KAFKA_BOOTSTRAP_SERVERS=f"{LOOPBACK}:{port}")
    assert said.startswith(f"Error: No Kafka answers at {LOOPBACK}:{port}: ")


def test_agents_that_do_not_exist(refusal: Refusal) -> None:
    assert refusal("--agents", "observe,watch") == "Error: --agents takes observe, networks, campaigns; not watch."
