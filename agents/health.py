"""Whether the worker is alive, told from its own thread: /metrics, /healthz and /readyz.

- `/healthz` answers 200 while every assigned partition makes progress, else 503 with a sentence for each that does not.
  A partition makes progress while nothing is left to process, or its position moved within `stall_after_s`.
- `/readyz` answers 200 once partitions are assigned and the stores answered, else 503 with the reason.
- `/metrics` is Prometheus' page.

All three answer while the event loop hangs, because they do not run on it.
"""

import io
import logging
import sys
import threading
from http import HTTPStatus
from http.client import LineTooLong
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Final, Self
from urllib.parse import urlsplit

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from agents.progress import Progress

logger = logging.getLogger(__name__)

MAX_REQUEST_BYTES: Final = 16 * 1024
"""A request, with its headers, above this many bytes is refused."""

REQUEST_TIMEOUT_S: Final = 5.0
"""A client that sends nothing for so long is let go."""

SHUTDOWN_POLL_S: Final = 0.1
"""How often the server looks whether it shall stop."""


class HealthServer:
    """The HTTP server of one worker, on a thread of its own; `with HealthServer(...) as server: server.port`.

    `port` 0 takes a free one. Raises OSError when the address cannot be had. There is no authentication and nothing
    secret: give `host` an address that only the kubelet and Prometheus reach.
    """

    def __init__(
        self, progress: Progress, registry: CollectorRegistry, *, host: str = "127.0.0.1", port: int = 0
    ) -> None:
        handler = type("Handler", (_Handler,), {"progress": progress, "registry": registry})
        self._server = _Server((host, port), handler)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(SHUTDOWN_POLL_S,), name="health", daemon=True
        )

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Begin to answer; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """Stop answering and free the port; blocks for `SHUTDOWN_POLL_S` or a little more. Only after `start`."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # a client that sends nothing must not hold up the shutdown

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401, ARG002 - socketserver's types
        """Pass over a broken connection, because probes hang up as they like; anything else is a fault of ours."""
        error = sys.exception()
        if not isinstance(error, OSError):
            logger.error("A health request failed.", exc_info=error)


class _Bounded(io.BufferedIOBase):
    """The readable half of a connection, which gives `left` bytes and then raises LineTooLong."""

    def __init__(self, stream: io.BufferedIOBase, left: int) -> None:
        self._stream = stream
        self._left = left

    def readline(self, size: int | None = -1, /) -> bytes:
        wanted = self._left + 1 if size is None or size < 0 else min(size, self._left + 1)
        line = self._stream.readline(wanted)
        self._left -= len(line)
        if self._left < 0:
            raise LineTooLong("request")
        return line

    def close(self) -> None:
        self._stream.close()
        super().close()


class _Handler(BaseHTTPRequestHandler):
    """Answers GET and HEAD, one request a connection."""

    progress: ClassVar[Progress]
    registry: ClassVar[CollectorRegistry]
    timeout = REQUEST_TIMEOUT_S

    def setup(self) -> None:
        super().setup()
        self.rfile = _Bounded(self.rfile, MAX_REQUEST_BYTES)

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except LineTooLong:  # raised by the first line: the base class answers for the headers itself
            self.requestline = self.command = ""
            self.send_error(HTTPStatus.REQUEST_URI_TOO_LONG)

    def do_GET(self) -> None:
        match urlsplit(self.path).path:
            case "/healthz":
                stalled = self.progress.stalled()
                self._answer(HTTPStatus.SERVICE_UNAVAILABLE if stalled else HTTPStatus.OK, *(stalled or ("ok",)))
            case "/readyz":
                reason = self.progress.unready()
                self._answer(HTTPStatus.SERVICE_UNAVAILABLE if reason else HTTPStatus.OK, reason or "ok")
            case "/metrics":
                self._send_metrics()
            case _:
                self._answer(HTTPStatus.NOT_FOUND, "There are /healthz, /readyz and /metrics here.")

    do_HEAD = do_GET  # noqa: N815 - http.server's name; `_send` leaves the body out

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002
        """Answer what the base class refuses, without its page of HTML that repeats the request."""
        self.close_connection = True
        self.request_version = self.protocol_version  # else a request without a version gets no status line
        if code == HTTPStatus.NOT_IMPLEMENTED:
            self._answer(HTTPStatus.METHOD_NOT_ALLOWED, "Only GET and HEAD are answered here.")
        else:
            self._answer(HTTPStatus(code), f"{HTTPStatus(code).phrase}.")

    def _send_metrics(self) -> None:
        encode, content_type = choose_encoder(self.headers.get("Accept", ""))
        try:
            page = encode(self.registry)
        except Exception:
            logger.exception("A health request failed.")
            self._answer(HTTPStatus.INTERNAL_SERVER_ERROR, "The metrics could not be collected; the log says why.")
        else:
            self._send(HTTPStatus.OK, page, content_type)

    def _answer(self, status: HTTPStatus, *sentences: str) -> None:
        self._send(status, "".join(f"{sentence}\n" for sentence in sentences).encode(), "text/plain; charset=utf-8")

    def _send(self, status: HTTPStatus, body: bytes, content_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        if status is HTTPStatus.METHOD_NOT_ALLOWED:
            self.send_header("Allow", "GET, HEAD")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def version_string(self) -> str:
        return "stillwatch"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        logger.debug(format, *args)
