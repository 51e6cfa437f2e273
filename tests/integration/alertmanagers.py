"""A real Alertmanager, and a receiver that it delivers to."""

import json
import shutil
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from agents.embedded.processes import choose_ports, wait_until

PROGRAM = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
NEEDS_ALERTMANAGER = pytest.mark.skipif(PROGRAM is None, reason="there is no alertmanager on PATH")
SECONDS = 30.0

QUIET = "route: {receiver: nobody, group_wait: 0s}\nreceivers: [{name: nobody}]\n"


class Alertmanager:
    """One Alertmanager on a port of its own, which keeps it over a restart; it holds alerts in memory alone."""

    def __init__(self, folder: Path, config: Path) -> None:
        (self.port,) = choose_ports((), 1)
        self.url = f"http://127.0.0.1:{self.port}"
        self._folder = folder
        self._config = config
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *arguments: str) -> None:
        assert PROGRAM is not None
        with (self._folder / "alertmanager.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603  a program found on PATH
                [
                    PROGRAM,
                    f"--config.file={self._config}",
                    f"--storage.path={self._folder / 'alertmanager'}",
                    f"--web.listen-address=127.0.0.1:{self.port}",
                    "--cluster.listen-address=",
                    *arguments,
                ],
                stdout=log,
                stderr=log,
            )

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(SECONDS)
            self._process = None

    def alerts(self) -> list[dict[str, Any]]:
        """The alerts that it holds to be active; none while it is not there."""
        try:
            with urllib.request.urlopen(f"{self.url}/api/v2/alerts?active=true", timeout=5) as answer:  # noqa: S310  a URL of ours
                found: list[dict[str, Any]] = json.load(answer)
        except OSError:
            return []
        return found

    def becomes_ready(self) -> None:
        assert wait_until(self._is_ready, seconds=SECONDS), (self._folder / "alertmanager.log").read_text()

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=5):  # noqa: S310  a URL of ours
                return True
        except OSError:
            return False


@contextmanager
def alertmanager(folder: Path, config: Path | None = None) -> Iterator[Alertmanager]:
    """One that runs, with that configuration or one that tells nobody."""
    if config is None:
        config = folder / "alertmanager.yml"
        config.write_text(QUIET)
    made = Alertmanager(folder, config)
    made.start()
    try:
        made.becomes_ready()
        yield made
    finally:
        made.stop()


class Receiver:
    """An HTTP server that keeps what is posted to it: path, headers and body."""

    def __init__(self, *, status: int = 200) -> None:
        self.heard: list[tuple[str, dict[str, str], Any]] = []
        self.status = status
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.heard.append((self.path, dict(self.headers), json.loads(body)))
                self.send_response(receiver.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    @contextmanager
    def serving(self) -> Iterator["Receiver"]:
        thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()
