import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from agents.embedded import ServerError, processes
from agents.embedded.processes import ServerProcess

SLEEP = ["/bin/sleep", "60"]
DEAF = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)",
]


@pytest.fixture
def bystander() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(SLEEP) as process:  # noqa: S603 - /bin/sleep
        yield process
        process.kill()


def started(folder: Path, command: list[str], name: str = "sleeper") -> ServerProcess:
    return processes.start(name, command, ports=(1,), folder=folder, env={"PATH": os.defpath})


def test_a_started_process_runs_until_it_is_stopped(tmp_path: Path) -> None:
    process = started(tmp_path, SLEEP)
    assert processes.is_running(process)
    processes.stop([process], patience_seconds=10)
    assert not processes.is_running(process)


def test_a_started_process_leads_a_session_of_its_own_so_that_ctrl_c_does_not_reach_it(tmp_path: Path) -> None:
    process = started(tmp_path, SLEEP)
    session = os.getsid(process.pid)
    processes.stop([process], patience_seconds=10)
    assert session == process.pid


def test_a_process_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    process = started(tmp_path, DEAF)
    assert processes.wait_until(lambda: "deaf" in processes.log_since(Path(process.log), 0), seconds=30)
    processes.stop([process], patience_seconds=0.3)
    assert processes.wait_until(lambda: not processes.is_running(process), seconds=30)


def test_a_recycled_pid_is_never_signalled(bystander: subprocess.Popen[bytes]) -> None:
    stale = ServerProcess("kafka-1", bystander.pid, "another boot:12345", (1,), "log")
    assert not processes.is_running(stale)
    processes.stop([stale], patience_seconds=1)
    assert bystander.poll() is None


def test_a_zombie_does_not_count_as_running(tmp_path: Path) -> None:
    process = started(tmp_path, SLEEP)
    os.kill(process.pid, signal.SIGKILL)
    assert processes.wait_until(lambda: not processes.is_running(process), seconds=10)


def test_a_program_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ServerError, match=r"^sleeper could not be started: /nowhere/java: No such file or directory$"):
        started(tmp_path, ["/nowhere/java"])


def test_a_record_outlives_its_writer_and_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    process = started(tmp_path, SLEEP)
    assert processes.recorded(tmp_path) == (process,)
    (record,) = (tmp_path / "run").iterdir()
    assert stat.S_IMODE(record.stat().st_mode) == 0o600
    processes.stop([process], patience_seconds=10)
    processes.forget(tmp_path, process)
    assert processes.recorded(tmp_path) == ()


@pytest.mark.parametrize("rubbish", [b"", b"{", b"[]", b'{"name": "kafka-1"}'])
def test_a_damaged_record_is_passed_over(tmp_path: Path, rubbish: bytes) -> None:
    whole = ServerProcess("redis", 1, "then", (2,), "log")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "kafka-1.json").write_bytes(rubbish)
    (tmp_path / "run" / "redis.json").write_bytes(msgspec.json.encode(whole))
    assert processes.recorded(tmp_path) == (whole,)


def test_preferred_ports_are_chosen_while_all_of_them_are_free() -> None:
    free = processes.choose_ports((), 2)
    assert processes.choose_ports(free, 2) == free


def test_other_ports_are_chosen_when_a_preferred_one_is_taken() -> None:
    with socket.socket() as other:
        other.bind((processes.LOOPBACK, 0))
        other.listen()
        taken = other.getsockname()[1]
        chosen = processes.choose_ports((taken,), 1)
    assert len(chosen) == 1
    assert taken not in chosen


def test_chosen_ports_differ_from_one_another() -> None:
    assert len(set(processes.choose_ports((), 20))) == 20


def test_a_chosen_port_is_not_chosen_again_while_others_are_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "SERVER_PORTS", processes.SERVER_PORTS[:12])
    monkeypatch.setattr(processes, "_drawn", {})
    first, second = processes.choose_ports((), 4), processes.choose_ports((), 4)
    assert not {*first} & {*second}
    assert {*processes.choose_ports((), 8)} >= {*first}, "the oldest first once none is left"
