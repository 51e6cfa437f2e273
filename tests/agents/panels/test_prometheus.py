"""The client of Prometheus' HTTP API, and what `stillwatch status` says where it is not as it should be."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from agents.cli import main
from agents.panels.prometheus import Prometheus, PrometheusError

NOTHING = b'{"status":"success","data":{"resultType":"matrix","result":[]}}'


class Served:
    """An HTTP server that answers every question alike, and keeps the questions."""

    def __init__(self, status: int, body: bytes) -> None:
        served = self
        self.asked: list[dict[str, list[str]]] = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                served.asked.append({"path": [urlsplit(self.path).path]} | parse_qs(urlsplit(self.path).query))
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@contextmanager
def serving(status: int, body: bytes) -> Iterator[Served]:
    served = Served(status, body)
    thread = threading.Thread(target=served.server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield served
    finally:
        served.server.shutdown()
        served.server.server_close()
        thread.join()


def ask(url: str) -> object:
    return Prometheus(url).ask('up{job=~"a+"}', start_s=10, end_s=20.5, step_s=5)


def test_a_question_and_its_answer() -> None:
    result = [{"metric": {"job": "a"}, "values": [[10, "1"], [15.5, "NaN"], [20, "+Inf"]]}]
    body = json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}}).encode()
    with serving(200, body) as served:
        (series,) = Prometheus(served.url + "/").ask('up{job=~"a+"}', start_s=10, end_s=20.5, step_s=5)
    assert served.asked == [
        {"path": ["/api/v1/query_range"], "query": ['up{job=~"a+"}'], "start": ["10"], "end": ["20.5"], "step": ["5"]}
    ]
    assert series.labels == {"job": "a"}
    assert [(at, str(value)) for at, value in series.points] == [(10, "1.0"), (15.5, "nan"), (20, "inf")]


@pytest.mark.parametrize(
    ("status", "body", "sentence"),
    [
        (400, b'{"status":"error","errorType":"bad_data","error":"bad words"}', "refuses the question up.*: bad words"),
        (422, b'{"status":"error","errorType":"execution","error":"too many"}', "refuses the question .*: too many"),
        (401, b"Unauthorized", "answers 401 Unauthorized where a Prometheus would answer questions"),
        (404, b"<html>", "answers 404 Not Found where"),
        (200, b"<html>", "is no Prometheus"),
        (200, b'{"status":"success","data":{"result":[{"metric":{},"values":[[1,"much"]]}]}}', "is no Prometheus"),
        (200, b"\xff", "is no Prometheus"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_sentence(status: int, body: bytes, sentence: str) -> None:
    with serving(status, body) as served, pytest.raises(PrometheusError, match=sentence):
        ask(served.url)


@pytest.mark.parametrize(
    "url",
    ["there:9090", "ftp://there", "http://", "file:///etc/passwd", "http://[", "http://x:port", "http://kim:secret@x"],
)
def test_what_is_no_address_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(PrometheusError, match="has an address like") as refused:
        Prometheus(url)
    assert "secret" not in str(refused.value)


def status(capfd: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["status", *arguments])
    out, err = capfd.readouterr()
    assert isinstance(ended.value.code, int)
    return ended.value.code, out, err


def test_a_page_without_anything_bad_ends_with_0(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with serving(200, NOTHING) as served:
        code, out, err = status(capfd, "--prometheus", served.url, "--out", str(tmp_path / "p.html"))
    assert (code, out) == (0, "")
    assert err.endswith(" panels, none of them bad.\n")
    assert (tmp_path / "p.html").read_text().startswith("<!doctype html>")


def test_a_bad_value_ends_with_1_and_is_named(capfd: pytest.CaptureFixture[str]) -> None:
    result = [{"metric": {}, "values": [[1, "0.9"]]}]
    body = json.dumps({"status": "success", "data": {"result": result}}).encode()
    with serving(200, body) as served:
        code, out, err = status(capfd, "--prometheus", served.url, "--out", "-", "--hours", "1")
    assert code == 1
    assert out.endswith("</html>\n")
    assert "Workers ready" in err
    assert "Partitions that stand still" not in err


def test_a_prometheus_that_is_away_or_refuses_is_one_sentence_and_no_page(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out = tmp_path / "p.html"
    assert status(capfd, "--prometheus", "http://127.0.0.1:1", "--out", str(out)) == (
        2,
        "",
        (
            "Error: The panel 'Processes that do not answer' cannot be shown: "
            "No Prometheus answers at http://127.0.0.1:1: Connection refused.\n"
        ),
    )
    with serving(400, b'{"status":"error","error":"no"}') as served:
        code, _, err = status(capfd, "--prometheus", served.url, "--out", str(out))
    assert (code, err.count("\n")) == (2, 1)
    assert not out.exists()


@pytest.mark.parametrize("arguments", [(), ("--prometheus", "x"), ("--hours", "0", "--prometheus", "x", "--out", "-")])
def test_wrong_usage_is_one_sentence(capfd: pytest.CaptureFixture[str], arguments: tuple[str, ...]) -> None:
    code, out, err = status(capfd, *arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
