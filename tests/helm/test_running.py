"""The pods of an installation, as processes on this machine: the same arguments, the same variables.

Of a pod this leaves out the image, the root that cannot be written to, and Kubernetes itself.
"""

import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agents.embedded.processes import choose_ports, wait_until
from agents.keys import make_pair
from agents.topics import TopicNames, partitions_of
from tests.helm.rendering import EXAMPLES, ROOT, Object, container_of, named, needs_helm, objects
from tests.helm.test_wiring import ROOT_OF_SECRETS, environment, mount

pytestmark = [pytest.mark.kafka, pytest.mark.redis, needs_helm]
STILLWATCH = str(Path(sys.executable).with_name("stillwatch"))
OF_THE_MACHINE = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "LANG")
PARTITIONS = 2
READY_SECONDS = 120.0


def command(pod: Object, mounted: Path) -> tuple[list[str], dict[str, str]]:
    """What a container runs and its variables, with mounted files in `mounted`; nobody's HOME, as in an image."""
    container = container_of(pod)
    program = [sys.executable, *container["command"][1:]] if "command" in container else [STILLWATCH]
    arguments = [it.replace(ROOT_OF_SECRETS, str(mounted)) for it in container["args"]]
    variables = {name: os.environ[name] for name in OF_THE_MACHINE if name in os.environ}
    return [*program, *arguments], variables | {"HOME": str(mounted)} | environment(pod, mounted)


def done(pod: Object, mounted: Path) -> subprocess.CompletedProcess[str]:
    """Run a container to its end."""
    arguments, variables = command(pod, mounted)
    return subprocess.run(  # noqa: S603  our own command
        arguments, cwd=ROOT, env=variables, capture_output=True, text=True, timeout=120, check=False
    )


@contextmanager
def running(pod: Object, mounted: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A container that runs until the block ends, once it is ready as its probe finds."""
    arguments, variables = command(pod, mounted)
    log = mounted / f"{port}.log"
    path = container_of(pod)["readinessProbe"]["httpGet"]["path"]
    with (
        log.open("wb") as file,
        subprocess.Popen(  # noqa: S603  our own command
            arguments, cwd=ROOT, env=variables, stdout=file, stderr=file
        ) as process,
    ):
        try:
            is_ready = wait_until(lambda: process.poll() is not None or answers(port, path), seconds=READY_SECONDS)
            assert is_ready, log.read_text()
            assert process.poll() is None, log.read_text()
            yield process
        finally:
            process.kill()


def answers(port: int, path: str) -> bool:
    """Whether that is answered with 200 on this machine."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:  # URLError is one
        return False


@pytest.mark.timeout(400)
def test_an_installation_runs_and_helm_test_finds_it_well(
    kafka_bootstrap: str, redis_url: str, topic_prefix: str, tmp_path: Path
) -> None:
    of_worker, of_enforcer = choose_ports((), 2)
    chosen = {
        "kafka.bootstrapServers": kafka_bootstrap.replace(",", r"\,"),
        "kafka.prefix": topic_prefix,
        "kafka.group": topic_prefix,
        "kafka.partitions": PARTITIONS,
        "redis.url": redis_url,
        "worker.port": of_worker,
        "enforcer.port": of_enforcer,
        "signing.existingSecret": "signing",
        "signing.verifyKeysConfigMap": "verify-keys",
    }
    found = objects("--values", str(EXAMPLES["minimal"]), "--set", ",".join(f"{it}={chosen[it]}" for it in chosen))
    (tmp_path / "policy").mkdir()
    for name, text in named(found, "ConfigMap", "-policy")["data"].items():
        (tmp_path / "policy" / name).write_text(text, encoding="utf-8")
    (tmp_path / "verify-keys").mkdir()
    name = make_pair(tmp_path / "decider.key")
    (tmp_path / "decider.key.pub").rename(tmp_path / "verify-keys" / "decider.pub")
    made = done(named(found, "Job", "-topics")["spec"]["template"], tmp_path)
    assert made.returncode == 0, made.stdout + made.stderr
    assert partitions_of(kafka_bootstrap, TopicNames.under(topic_prefix)) == PARTITIONS
    mount(
        named(found, "Deployment", "-worker")["spec"]["template"],
        tmp_path,
        {"signing/signing.key": (tmp_path / "decider.key").read_bytes()},
    )
    worker, enforcer = (named(found, "Deployment", f"-{it}")["spec"]["template"] for it in ("worker", "enforcer"))
    with running(worker, tmp_path, of_worker) as working, running(enforcer, tmp_path, of_enforcer) as enforcing:
        assert answers(of_worker, "/healthz")
        assert answers(of_worker, "/metrics")
        assert f"Decisions are signed with the key {name}." in (tmp_path / f"{of_worker}.log").read_text()
        for look in ("doctor", "as-worker", "as-enforcer"):
            doctor = done(named(found, "Pod", f"-test-{look}"), tmp_path)
            assert doctor.returncode == 0, doctor.stdout + doctor.stderr
            assert f"Decisions are checked against the key(s) {name}." in doctor.stdout
        check = named(found, "Pod", "-test-enforcer")
        container_of(check)["args"][1] = f"http://127.0.0.1:{of_enforcer}"
        checked = done(check, tmp_path)
        assert checked.returncode == 0, checked.stdout + checked.stderr
        for process in (working, enforcing):
            process.send_signal(signal.SIGTERM)
        assert [process.wait(60) for process in (working, enforcing)] == [0, 0]
