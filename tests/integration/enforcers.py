"""`stillwatch enforce` as it is deployed, in a process of its own, and decisions for it."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from kafka import KafkaProducer
from prometheus_client.parser import text_string_to_metric_families

from agents.embedded.processes import choose_ports, wait_until
from agents.signing import Signer
from agents.topics import TopicNames
from streams.decisions import Decision
from tests.agents.signing_setup import encoded
from tests.streams.evaluation.deciding import decision

STILLWATCH = str(Path(sys.executable).with_name("stillwatch"))
REPOSITORY = Path(__file__).parents[2]
SECONDS = 60.0
HOUR_MS = 3_600_000


def decided(action: str, subject: str, sequence: int = 1, **fields: object) -> Decision:
    """A decision of now, for an hour."""
    now_ms = time.time_ns() // 1_000_000
    return decision(action, subject, now_ms, sequence, **{"expires_at_ms": now_ms + HOUR_MS, **fields})  # type: ignore[arg-type]


class Decider:
    """Puts decisions on the topic, signed if it has a key."""

    def __init__(self, bootstrap: str, topics: TopicNames, signer: Signer | None = None) -> None:
        self._producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all")
        self._topic = topics.enforcement
        self._signer = signer

    def __call__(self, *decisions: Decision) -> None:
        for it in decisions:
            key, value = encoded(it)
            headers = [] if self._signer is None else list(self._signer.headers("enforcement", key, value))
            self._producer.send(self._topic, key=key, value=value, headers=headers)
        self._producer.flush(timeout=SECONDS)

    def close(self) -> None:
        self._producer.close(timeout=SECONDS)


class Running:
    """An enforcer that runs."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        self.process = process
        self.port = port
        self.log = log
        self.is_killed = False

    def kill(self) -> None:
        """End it as a machine that loses its power does."""
        self.is_killed = True
        self.process.kill()
        self.process.wait(SECONDS)

    def get(self, path: str, headers: Mapping[str, str] = {}) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of an answer."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=dict(headers))
        return self._opened(request)

    def check(self, account: str, **ask: object) -> dict[str, object]:
        """The verdict about a request."""
        body = json.dumps({"account_id": account, **ask}).encode()
        status, _, answer = self.post("/v1/check", body)
        assert status == 200, answer
        found: dict[str, object] = json.loads(answer)
        return found

    def post(self, path: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        return self._opened(urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data=body))

    def answer(self, account: str, **ask: object) -> object:
        return self.check(account, **ask)["answer"]

    def comes_to(self, answer: str, account: str, **ask: object) -> None:
        """Wait until that is the answer."""
        assert wait_until(lambda: self.answer(account, **ask) == answer, seconds=SECONDS), (
            f"{account} is answered {answer}"
        )

    def metric(self, name: str, **labels: str) -> float:
        page = self.get("/metrics")[2].decode()
        samples = [it for family in text_string_to_metric_families(page) for it in family.samples]
        return sum(it.value for it in samples if it.name == name and labels.items() <= it.labels.items())

    def counts(self, least: float, name: str, **labels: str) -> None:
        """Wait until a metric has come to at least that."""
        assert wait_until(lambda: self.metric(name, **labels) >= least, seconds=SECONDS), f"{name} comes to {least}"

    @property
    def is_ready(self) -> bool:
        return self.get("/readyz")[0] == 200

    def becomes_ready(self) -> None:
        is_ready = wait_until(lambda: self.is_ready, seconds=2 * SECONDS)
        assert is_ready, f"the enforcer is not ready:\n{self.log.read_text()[-4000:]}"

    @staticmethod
    def _opened(request: urllib.request.Request) -> tuple[int, dict[str, str], bytes]:
        try:
            with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310
                return answer.status, dict(answer.headers), answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, dict(error.headers), error.read()


@contextmanager
def enforcer(folder: Path, prefix: str, *arguments: str, **environment: str) -> Iterator[Running]:
    """An enforcer that knows all decisions, as `starting` otherwise."""
    with starting(folder, prefix, *arguments, **environment) as running:
        running.becomes_ready()
        yield running


@contextmanager
def starting(
    folder: Path, prefix: str, *arguments: str, command: str = "enforce", **environment: str
) -> Iterator[Running]:
    """An enforcer (or what `command` says) with these variables and no others of ours; stopped, and must end well."""
    (port,) = choose_ports((), 1)
    log = folder / f"{command}-{port}.log"
    ours = re.compile("KAFKA_|REDIS_|STILLWATCH_")
    inherited = {name: value for name, value in os.environ.items() if not ours.match(name)}
    with log.open("wb") as file:
        process = subprocess.Popen(  # noqa: S603  our own command
            [STILLWATCH, command, "--http", f"127.0.0.1:{port}", *arguments],
            cwd=REPOSITORY,
            env={**inherited, "STILLWATCH_PREFIX": prefix, **environment},
            stderr=file,
        )
        running = Running(process, port, log)
        try:
            assert wait_until(lambda: process.poll() is not None or _answers(running), seconds=SECONDS), (
                f"{command} answers"
            )
            assert process.poll() is None, log.read_text()
            yield running
            if not running.is_killed:
                process.send_signal(signal.SIGTERM)
                assert process.wait(SECONDS) == 0, log.read_text()
        finally:
            process.kill()
            process.wait()
    assert "Traceback" not in log.read_text(), log.read_text()


def _answers(running: Running) -> bool:
    try:
        return running.get("/healthz")[0] == 200
    except OSError:
        return False
