"""What a contestant is told, and how it tells the bench where it is. Needs msgspec and Python alone."""

import gc
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec import Struct

from tests.benchmarks.plain.job import Windows

SEEN_WITHIN_SECONDS = 10.0
_begun: set[str] = set()


class Told(Struct, frozen=True):
    """One contestant's errand. It reads `topic` from its beginning to `ends`, or on from where it was killed.

    `ends` maps each partition to the offset after its last record. Alerts go to the topic `alerts`; `prefix` is that of
    its keys in Redis, of its consumer group and of topics of its own; `folder` is for state on disc. It writes to
    `marks` when the first event has come and when everything is done.
    """

    bootstrap_servers: str
    redis_url: str
    topic: str
    ends: dict[int, int]
    alerts: str
    prefix: str
    limit: int
    folder: str
    marks: str

    @property
    def events(self) -> int:
        """How many events there are in all."""
        return sum(self.ends.values())

    def first(self) -> None:
        """Say that the first event of this process has come. To be said again does no harm."""
        if self.marks not in _begun:
            _begun.add(self.marks)
            self._mark("first")

    def done(self) -> None:
        """Say that every window is where it belongs, every alert acknowledged and the position committed.

        Returns when the bench has seen it and taken its last look at this process, after ten seconds at the latest.
        """
        self._mark("done")
        deadline = time.monotonic() + SEEN_WITHIN_SECONDS
        while not Path(f"{self.marks}.seen").exists() and time.monotonic() < deadline:
            time.sleep(0.005)

    def _mark(self, word: str) -> None:
        with Path(self.marks).open("a", encoding="ascii") as file:
            file.write(f"{word} {time.time_ns()}\n")


YOUNG_OBJECTS = (50_000, 50, 100)
"""Python looks for cycles every 700 new objects, and each record is one. Every contestant in Python gets this."""


def act(run: Callable[[Told], None], windows: Callable[[Told], Windows]) -> None:
    """The main function of a contestant: `run TOLD` does the job, `windows TOLD OUT` writes what it has come to."""
    gc.freeze()
    gc.set_threshold(*YOUNG_OBJECTS)
    told = msgspec.json.decode(Path(sys.argv[2]).read_bytes(), type=Told)
    if sys.argv[1] == "run":
        run(told)
    else:
        Path(sys.argv[3]).write_bytes(msgspec.msgpack.encode(windows(told)))
