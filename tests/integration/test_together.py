"""`stillwatch run --processes`: started together, each with its share and its port, and ended together."""

import os
import re
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.cli import main
from agents.embedded.processes import wait_until
from tests.integration.worker_harness import STILLWATCH, Deployment, WorkerProcess, deployed, ingest, of_kind, worker
from tests.streams.account_bench import event

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow, pytest.mark.timeout(200)]

PARTITIONS = 4
EVENTS = [event(1_791_201_600_000 + number, f"account-{number % 40}") for number in range(400)]
TWO = (STILLWATCH, "run", "--processes", "2")


@pytest.fixture
def deployment(kafka_bootstrap: str, redis_url: str, topic_prefix: str) -> Deployment:
    return deployed(kafka_bootstrap, redis_url, topic_prefix, PARTITIONS)


@pytest.fixture
def pair(deployment: Deployment, tmp_path: Path) -> Iterator[WorkerProcess]:
    """A worker of two processes, both of which have partitions, and some work."""
    ingest(deployment, EVENTS)
    with worker(deployment, tmp_path, program=TWO) as first:
        first.until("sharing", lambda: all(requests_of(it) == PARTITIONS // 2 for it in (first, first.further(1))))
        yield first


def requests_of(process: WorkerProcess) -> int:
    """How many partitions of the requests a process has."""
    return sum(name.startswith("stillwatch_lag") and ".requests" in name for name in process.metrics())


def children_of(running: WorkerProcess) -> set[int]:
    """The processes that a worker has started."""
    return {int(pid) for pid in Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text().split()}


def are_gone(pids: set[int]) -> bool:
    return not any(Path(f"/proc/{pid}").exists() for pid in pids)


def test_two_processes_share_the_work_and_end_in_order(deployment: Deployment, pair: WorkerProcess) -> None:
    ingest(deployment, EVENTS)
    pair.until_settled(deployment)
    states = of_kind(deployment.states(), "observe", "account:")
    counted = Counter({key.partition(":")[2]: state.requests for (_, key), state in states.items()})
    assert counted == Counter(one.account_id for one in EVENTS * 2)
    children = children_of(pair)
    assert len(children) == 2
    assert pair.drain() == 0
    assert are_gone(children)


def test_when_one_process_falls_all_end_so_that_all_are_started_again(pair: WorkerProcess) -> None:
    children = children_of(pair)
    os.kill(min(children), signal.SIGKILL)
    assert pair.wait(30) == 1
    assert are_gone(children)
    assert re.search(r"Process \d+ ended with exit code -9, so all were ended\.", pair.log)


def test_no_process_outlives_the_one_that_started_it(pair: WorkerProcess) -> None:
    children = children_of(pair)
    pair.kill()
    assert wait_until(lambda: are_gone(children), seconds=30)


@pytest.mark.parametrize(
    ("processes", "port", "sentence"),
    [
        ("5", "0", "Error: --processes 5 is more than there are partitions to share, 4."),
        ("2", "65535", "Error: --processes 2 from health port 65535 on is more than there are ports."),
        ("0", "0", "Error: Invalid value for '--processes': 0 is not in the range x>=1."),
    ],
)
def test_more_processes_than_there_can_be_is_a_mistake(
    deployment: Deployment,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    processes: str,
    port: str,
    sentence: str,
) -> None:
    for name, value in (deployment.addresses() | {"STILLWATCH_HEALTH_PORT": port}).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as ended:
        main(["run", "--processes", processes])
    assert (ended.value.code, capfd.readouterr().err) == (2, sentence + "\n")
