import contextlib
import http.client
import socket
from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry, Counter
from prometheus_client.metrics_core import Metric

from agents.health import MAX_REQUEST_BYTES, HealthServer
from agents.progress import Progress

EVENTS = ("stillwatch.requests", 0)


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def progress(clock: Clock) -> Progress:
    return Progress(stall_after_s=60, clock=clock)


@pytest.fixture
def registry() -> CollectorRegistry:
    made = CollectorRegistry()
    Counter("stillwatch_tests", "Tests.", registry=made).inc(3)
    return made


@pytest.fixture
def server(progress: Progress, registry: CollectorRegistry) -> Iterator[HealthServer]:
    with HealthServer(progress, registry) as running:
        yield running


def ask(
    server: HealthServer, path: str, method: str = "GET", headers: dict[str, str] | None = None
) -> tuple[int, str, http.client.HTTPMessage]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    try:
        connection.request(method, path, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read().decode(), answer.headers
    finally:
        connection.close()


def say(server: HealthServer, raw: bytes) -> bytes:
    """What the server answers to `raw`; maybe nothing, because it may hang up on what it did not read."""
    received = b""
    with (
        socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection,
        contextlib.suppress(ConnectionError),
    ):
        connection.sendall(raw)
        while chunk := connection.recv(65536):
            received += chunk
    return received


def test_healthz_is_well_before_anything_is_assigned(server: HealthServer) -> None:
    assert ask(server, "/healthz")[:2] == (200, "ok\n")


def test_healthz_says_which_partition_stands_still_and_recovers_when_it_moves(
    server: HealthServer, progress: Progress, clock: Clock
) -> None:
    progress.assigned([EVENTS])
    progress.advanced(EVENTS, 5, 9)
    clock.now += 75
    assert ask(server, "/healthz")[:2] == (
        503,
        "Partition 0 of stillwatch.requests has stood at offset 5 for 75 s, with 4 records left.\n",
    )
    progress.advanced(EVENTS, 6, 9)
    assert ask(server, "/healthz")[0] == 200


def test_readyz_gives_the_reason_until_the_worker_is_ready(server: HealthServer, progress: Progress) -> None:
    assert ask(server, "/readyz")[:2] == (503, "The worker is starting.\n")
    progress.ready()
    assert ask(server, "/readyz")[:2] == (503, "No partitions have been assigned yet.\n")
    progress.assigned([EVENTS])
    assert ask(server, "/readyz")[:2] == (200, "ok\n")


def test_metrics_are_given_in_the_format_that_is_asked_for(server: HealthServer) -> None:
    status, page, headers = ask(server, "/metrics")
    assert status == 200
    assert "stillwatch_tests_total 3.0" in page
    assert headers["Content-Type"].startswith("text/plain; version=")
    _, page, headers = ask(server, "/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert page.endswith("# EOF\n")
    assert headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")


def test_a_query_does_not_change_the_path(server: HealthServer) -> None:
    assert ask(server, "/healthz?verbose=1")[0] == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/nothing"])
def test_head_answers_what_get_answers_without_the_body(server: HealthServer, path: str) -> None:
    got, body, got_headers = ask(server, path)
    headed, nothing, headed_headers = ask(server, path, "HEAD")
    assert (headed, nothing) == (got, "")
    assert headed_headers["Content-Length"] == got_headers["Content-Length"] == str(len(body.encode()))


@pytest.mark.parametrize("path", ["/", "/etc/passwd", "/../../etc/passwd", "/healthz/", "/%2e%2e/", "*"])
def test_an_unknown_path_gives_404_and_repeats_nothing(server: HealthServer, path: str) -> None:
    assert ask(server, path)[:2] == (404, "There are /healthz, /readyz and /metrics here.\n")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "MARMALADE"])
def test_any_other_method_is_refused(server: HealthServer, method: str) -> None:
    status, page, headers = ask(server, "/metrics", method)
    assert (status, page, headers["Allow"]) == (405, "Only GET and HEAD are answered here.\n", "GET, HEAD")


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"GET /" + b"a" * MAX_REQUEST_BYTES + b" HTTP/1.0\r\n\r\n", b"414"),
        (b"GET /healthz HTTP/1.0\r\nX: " + b"a" * MAX_REQUEST_BYTES + b"\r\n\r\n", b"431"),
        (b"GET /healthz HTTP/1.0\r\n" + b"X: a\r\n" * 3_000 + b"\r\n", b"431"),
        (b"GET /healthz HTTP/1.0\r\n" + b"X: a\r\n" * 150 + b"\r\n", b"431"),
        (b"\x00\xff\xfe\r\n\r\n", b"400"),
        (b"GET /healthz SPDY/1\r\n\r\n", b"400"),
        (b"GET /healthz HTTP/9.9\r\n\r\n", b"505"),
    ],
    ids=["long path", "long header", "long headers", "many headers", "not HTTP", "another protocol", "HTTP 9"],
)
def test_a_request_that_is_too_long_or_no_http_is_refused_and_the_server_lives_on(
    server: HealthServer, raw: bytes, status: bytes
) -> None:
    received = say(server, raw)
    assert received == b"" or received.split(b" ", 2)[1] == status
    assert ask(server, "/healthz")[0] == 200


def test_a_client_that_says_nothing_holds_up_nobody(server: HealthServer) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=30):
        assert ask(server, "/healthz")[0] == 200


def test_the_server_does_not_say_what_it_is_made_of(server: HealthServer) -> None:
    assert ask(server, "/healthz")[2]["Server"] == "stillwatch"


class Broken:
    def collect(self) -> Iterator[Metric]:
        message = "broken"
        raise RuntimeError(message)

    def describe(self) -> list[Metric]:
        return []


def test_a_fault_in_a_metric_is_logged_and_the_health_still_told(
    server: HealthServer, registry: CollectorRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    registry.register(Broken())
    assert ask(server, "/metrics")[0] == 500
    assert ask(server, "/healthz")[0] == 200
    assert "A health request failed." in caplog.messages


def test_a_port_that_is_taken_is_an_os_error(server: HealthServer, registry: CollectorRegistry) -> None:
    with pytest.raises(OSError, match="in use"):
        HealthServer(Progress(), registry, port=server.port)


def test_a_stopped_server_frees_its_port(progress: Progress, registry: CollectorRegistry) -> None:
    with HealthServer(progress, registry) as first:
        port = first.port
    with HealthServer(progress, registry, port=port) as second:
        assert second.port == port
