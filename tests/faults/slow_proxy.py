"""A TCP proxy that passes everything on, after a while: a server that is slow and not broken."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from agents.embedded.processes import LOOPBACK

CHUNK = 64 * 1024
LOOK_EVERY_S = 0.2


class SlowProxy:
    """Listens on a loopback port of its own and passes on to `target`, each piece `delay_s` after it came."""

    def __init__(self, target: int) -> None:
        self.delay_s = 0.0
        self._target = target
        self._ending = threading.Event()
        self._listener = socket.create_server((LOOPBACK, 0))
        self._listener.settimeout(LOOK_EVERY_S)
        self.port = int(self._listener.getsockname()[1])
        self._threads: list[threading.Thread] = []
        self._spawn(self._listen)

    @contextmanager
    def slow(self, seconds: float) -> Iterator[None]:
        """Be slow for the block."""
        self.delay_s = seconds
        try:
            yield
        finally:
            self.delay_s = 0.0

    def close(self) -> None:
        """Hang up and end every thread."""
        self._ending.set()
        for thread in self._threads:
            thread.join(10)
        self._listener.close()

    def _spawn(self, work: object, *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _listen(self) -> None:
        while not self._ending.is_set():
            with suppress(TimeoutError):
                caller, _ = self._listener.accept()
                callee = socket.create_connection((LOOPBACK, self._target))
                self._spawn(self._pass_on, caller, callee)
                self._spawn(self._pass_on, callee, caller)

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        """Until one side hangs up. One piece at a time: what waits, waits in the sockets."""
        source.settimeout(LOOK_EVERY_S)
        with suppress(OSError):
            while not self._ending.is_set():
                try:
                    piece = source.recv(CHUNK)
                except TimeoutError:
                    continue
                if not piece:
                    break
                time.sleep(self.delay_s)
                sink.sendall(piece)
        for each in (source, sink):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        source.close()


@contextmanager
def slow_proxy(target: int) -> Iterator[SlowProxy]:
    """A running proxy for the block."""
    found = SlowProxy(target)
    try:
        yield found
    finally:
        found.close()
