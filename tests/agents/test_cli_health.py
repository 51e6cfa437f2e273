"""`stillwatch health` says what a server says of itself, and that there is none."""

import socket
from collections.abc import Iterator

import pytest
from click.testing import CliRunner
from prometheus_client import CollectorRegistry

from agents.cli import cli, health
from agents.health import HealthServer
from agents.progress import Progress

Outcome = tuple[int, str, str]


def ask(*urls: str, **environment: str) -> Outcome:
    done = CliRunner().invoke(cli, ["health", *urls], env=environment)
    return done.exit_code, done.stdout, done.stderr


@pytest.fixture
def worker() -> Iterator[HealthServer]:
    """One that has no partition yet: it is alive, and not ready."""
    with HealthServer(Progress(), CollectorRegistry()) as server:
        yield server


@pytest.fixture
def nobody() -> Iterator[str]:
    """An address at which nobody listens."""
    with socket.socket() as kept:
        kept.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{kept.getsockname()[1]}"


def test_who_is_well_is_said_to_be(worker: HealthServer) -> None:
    url = f"http://127.0.0.1:{worker.port}/healthz"
    assert ask(url) == (0, f"{url}: 200 ok\n", "")


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", ""])  # noqa: S104
def test_without_a_url_it_is_the_worker_that_the_settings_place(worker: HealthServer, host: str) -> None:
    answer = ask(STILLWATCH_HEALTH_HOST=host, STILLWATCH_HEALTH_PORT=str(worker.port))
    assert answer == (0, f"http://127.0.0.1:{worker.port}/healthz: 200 ok\n", "")


def test_who_is_not_ready_says_why_and_the_exit_code_is_1(worker: HealthServer) -> None:
    url = f"http://127.0.0.1:{worker.port}/readyz"
    code, out, err = ask(url)
    assert (code, out) == (1, "")
    assert err.startswith(f"{url}: 503 ")
    assert err.count("\n") == 1


def test_where_nobody_answers_is_said_and_the_others_are_asked(worker: HealthServer, nobody: str) -> None:
    well = f"http://127.0.0.1:{worker.port}/healthz"
    code, out, err = ask(f"http://{nobody}/healthz", well)
    assert (code, out) == (1, f"{well}: 200 ok\n")
    assert err == f"http://{nobody}/healthz: no answer, Connection refused\n"


def test_what_is_no_http_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "TIMEOUT_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.listen()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/healthz"
        server.settimeout(0)
        code, out, err = ask(url)
    assert (code, out) == (1, "")
    assert err == f"{url}: no answer, timed out\n"


@pytest.mark.parametrize(
    "url", ["", "9464", "https://127.0.0.1/", "http://", "http://a:b/", "http://a:0/", "http://[::1/"]
)
def test_what_is_no_address_is_one_sentence(url: str) -> None:
    done = CliRunner().invoke(cli, ["health", url])
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.endswith("is not an address like http://127.0.0.1:9464/readyz.\n")
