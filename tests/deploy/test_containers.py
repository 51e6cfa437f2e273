"""The image is built as its Dockerfile says, and what Compose starts in it runs: as nobody, writing only to /tmp."""

import re
import signal

import pytest

from agents import built
from agents.embedded.processes import wait_until
from tests.deploy import contained
from tests.deploy.building import COMMIT
from tests.deploy.dockerfile import Image
from tests.deploy.playing import LASTING, Composition

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


def test_the_image_says_how_it_is_run(image: Image) -> None:
    assert image.user == "65532:65532"
    assert (image.entrypoint, image.command, image.stop_signal) == (("stillwatch",), ("run",), "SIGTERM")
    assert image.healthcheck == ("stillwatch", "health")
    assert image.ports == (9464, 9470, 9471, 9472)
    assert image.labels["org.opencontainers.image.revision"] == COMMIT
    assert image.labels["org.opencontainers.image.version"] == built.version()


def test_what_is_installed_is_for_nobody_to_write_and_has_no_pip(image: Image) -> None:
    programs = {it.name for it in (image.root / "opt/stillwatch/bin").iterdir()}
    assert "stillwatch" in programs
    assert "pip" not in programs
    files = [it for it in (image.root / "opt").rglob("*") if it.is_file() and not it.is_symlink()]
    assert [it for it in files if it.stat().st_mode & 0o022 or not it.stat().st_mode & 0o004] == []


@pytest.mark.parametrize("name", LASTING)
def test_a_service_becomes_healthy_by_its_own_probe(composition: Composition, name: str) -> None:
    composition.becomes_healthy(name)


@pytest.mark.parametrize("name", LASTING)
def test_a_service_runs_as_nobody_without_any_right(composition: Composition, name: str) -> None:
    status = composition.service(name).status()
    assert status["Uid"].split() == status["Gid"].split() == [str(contained.NOBODY)] * 4
    assert {status[it].strip("0") for it in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {""}
    assert status["NoNewPrivs"] == "1"
    assert status["NSpid"].split()[-1] == "1"


@pytest.mark.parametrize("folder", ["/", "/opt/stillwatch", "/var/lib/stillwatch", "/etc", "/run/secrets"])
def test_a_service_cannot_write_outside_of_tmp(composition: Composition, folder: str) -> None:
    done = composition.running["worker"].execute(["touch", f"{folder}/x"])
    assert done.returncode == 1
    assert "Read-only file system" in done.stderr


def test_the_worker_took_the_machine_code_of_the_image_and_compiled_nothing(composition: Composition) -> None:
    worker = composition.running["worker"]

    def compiled(folder: str) -> set[str]:
        listed = worker.execute(["find", folder, "-name", "*.nb[ci]", "-printf", "%P\n"]).stdout.split()
        return set(listed)

    assert len(compiled("/tmp/numba")) > 50  # noqa: S108  the container's own
    assert compiled("/tmp/numba") == compiled("/opt/stillwatch/share/numba")  # noqa: S108


def test_the_version_has_the_commit_that_the_image_was_built_from(composition: Composition) -> None:
    said = composition.run("oncall", "--version").stdout.decode()
    assert said == f"stillwatch, version {built.version()} ({COMMIT[:12]})\n"
    page = composition.ask("http://127.0.0.1:9464/metrics")
    assert f'stillwatch_build_info{{commit="{COMMIT[:12]}"' in page


def test_a_record_goes_from_ingest_through_the_worker(composition: Composition) -> None:
    record = (
        b'{"event_id": "e-%d", "occurred_at_ms": 1791158400000, "account_id": "a-7", "operation": "chat", '
        b'"request_model": "m-1", "messages": [{"role": "user", "text": "Explain numbers, please."}]}\n'
    )
    done = composition.run("ingest", "-", given=b"".join(record % number for number in range(5)))
    assert done.returncode == 0, done.stderr.decode()
    read = re.compile(r'^stillwatch_events_read_total\{stage="observe"\} 5\.0$', re.MULTILINE)
    assert wait_until(lambda: read.search(composition.ask("http://127.0.0.1:9464/metrics")) is not None, seconds=60)
    state = composition.run("oncall", "state", "a-7")
    assert state.returncode == 0, state.stderr.decode()
    assert b"a-7" in state.stdout


def test_whoever_asks_the_enforcer_is_answered(composition: Composition) -> None:
    assert composition.ask("http://127.0.0.1:9470/check") == "\n"


@pytest.mark.parametrize("name", LASTING)
def test_a_service_ends_in_time_when_it_is_told_to(composition: Composition, name: str) -> None:
    process = composition.service(name)
    assert process.stop(signal.SIGTERM, timeout_s=30) == 0, process.log.read_text()
    assert "Traceback" not in process.log.read_text()
