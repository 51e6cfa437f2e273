"""The two processes of the demonstration beside the servers: the worker and the feed."""

import contextlib
import os
import subprocess
import threading
from collections import deque
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from agents.child import PATIENCE_S
from agents.demo.feed import Fed
from agents.together import ALONE, end


class ChildError(Exception):
    """A child ended before its time; one sentence."""


class Child:
    """A process of ours, in a session of its own so that a Ctrl-C at the terminal reaches only the demonstration.

    It is gone when the `with` block is left, whatever ends the block: SIGTERM, and SIGKILL after `patience_s`.
    """

    def __init__(self, name: str, command: Iterable[str], environment: Mapping[str, str], log: Path) -> None:
        """Start it, standard error to `log`. Raises OSError."""
        self.name = name
        self.patience_s = PATIENCE_S
        self._log = log
        with log.open("wb") as errors:
            self.process = subprocess.Popen(  # noqa: S603  our own Python with our own modules
                tuple(command),
                env={**os.environ, **environment},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        end((self.process,), self.patience_s)
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()

    def check(self, *, may_end: bool = False) -> None:
        """Raise ChildError, with the last line it wrote, if it ended; with success is fine where it `may_end`."""
        code = self.process.poll()
        if code is None or (code == 0 and may_end):
            return
        words = self._log.read_text(errors="replace").strip().splitlines() or [f"exit code {code}"]
        raise ChildError(f"The {self.name} ended before its time: {words[-1]} (see {self._log})")


class Worker(Child):
    """`stillwatch run`, all agents. It ends when its standard input does: with this process, even by SIGKILL."""

    def __init__(self, environment: Mapping[str, str], log: Path) -> None:
        super().__init__("worker", (*ALONE, "-m", "agents.child", "run"), environment, log)


class Feed(Child):
    """`agents.demo.feed`, whose reports a thread collects."""

    def __init__(self, environment: Mapping[str, str], log: Path, *, scale: float, seed: int) -> None:
        super().__init__("feed", (*ALONE, "-m", "agents.demo.feed", str(scale), str(seed)), environment, log)
        self._reports: deque[Fed] = deque()
        self._reader = threading.Thread(target=self._read, name="feed", daemon=True)
        self._reader.start()

    def allow(self, records: int) -> None:
        """Give leave for so many records in all; a feed that ended needs none."""
        if self.process.stdin is not None and not self.process.stdin.closed:
            with contextlib.suppress(BrokenPipeError):
                self.process.stdin.write(f"{records}\n".encode())
                self.process.stdin.flush()

    def enough(self) -> None:
        """Give no more leave: the feed ends where it is."""
        if self.process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self.process.stdin.close()

    def reports(self) -> list[Fed]:
        """The reports since the last call."""
        return [self._reports.popleft() for _ in range(len(self._reports))]

    @property
    def done(self) -> bool:
        """Everything was fed, and everything that was reported is among `reports`."""
        return not self._reader.is_alive() and self.process.poll() == 0

    def _read(self) -> None:
        decode = msgspec.json.Decoder(Fed).decode
        for line in self.process.stdout or ():
            with contextlib.suppress(msgspec.DecodeError):  # the last line of a feed that was told to stop
                self._reports.append(decode(line))
