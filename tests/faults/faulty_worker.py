"""`stillwatch run` that harms itself: at the FAULT_PASSth pass of the point FAULT_POINT it does FAULT_DEED.

Deeds: `kill` is kill -9, `stop` is SIGSTOP (SIGCONT then lets it go on as if nothing had been). SIGUSR1 and SIGUSR2
move the clock that the worker sees an hour on and an hour back. FAULT_FORMAT makes it a version that writes states in
that format. The points are named once, in `POINTS`, with the
methods of the worker that they lie before or after.
"""

import asyncio
import functools
import importlib
import inspect
import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Any, Literal

from msgspec import Struct

HOUR_S = 3_600.0
GRACE_S = 0.05
"""In the middle of produce: long enough for what was sent before to be acknowledged, most of the time."""

STAGES = ("Observe", "Networks", "Campaigns")
STORE = "agents.store.redis:RedisStore"


class Point(Struct, frozen=True):
    """A place in the worker's code: before or after a call of one of `methods`, each written module:class.method."""

    side: Literal["before", "after"]
    methods: tuple[str, ...]
    grace_s: float = 0.0


POINTS = {
    "after open": Point("after", (f"{STORE}.open",)),
    "before load": Point("before", (f"{STORE}.load",)),
    "after load": Point("after", (f"{STORE}.load",)),
    "after fold": Point("after", tuple(f"streams.stages:{it}Stage.fold" for it in STAGES)),
    "before commit": Point("before", (f"{STORE}.commit",)),
    "after commit, before produce": Point("after", (f"{STORE}.commit",)),
    "in the middle of produce": Point("before", ("aiokafka:AIOKafkaProducer.send",), GRACE_S),
    "after produce, before acknowledgement": Point("after", ("agents.post:Post.send",)),
    "before the group commits": Point("after", ("agents.transport.offsets:Delivered.acknowledge",)),
}
DEEDS: dict[str, signal.Signals] = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}


def harm_at(point: Point, number: int, deed: Callable[[], None]) -> None:
    """Do `deed` at pass `number`, from 1, counted over all methods of the point."""
    passes = iter(range(1, number + 1))

    def is_time() -> bool:
        return next(passes, None) == number

    for path in point.methods:
        module, _, rest = path.partition(":")
        owner_name, _, name = rest.partition(".")
        owner = getattr(importlib.import_module(module), owner_name)
        method = getattr(owner, name)
        around = _around_coroutine if inspect.iscoroutinefunction(method) else _around
        setattr(owner, name, around(method, point, is_time, deed))


def _around_coroutine(method: Any, point: Point, is_time: Callable[[], bool], deed: Callable[[], None]) -> Any:  # noqa: ANN401
    @functools.wraps(method)
    async def called(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401
        if point.side == "before" and is_time():
            await asyncio.sleep(point.grace_s)
            deed()
        found = await method(*arguments, **options)
        if point.side == "after" and is_time():
            deed()
        return found

    return called


def _around(method: Any, point: Point, is_time: Callable[[], bool], deed: Callable[[], None]) -> Any:  # noqa: ANN401
    @functools.wraps(method)
    def called(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401
        if point.side == "before" and is_time():
            deed()
        found = method(*arguments, **options)
        if point.side == "after" and is_time():
            deed()
        return found

    return called


class MovingClock:
    """`time.time` for the whole process, moved by signals; nothing else that tells time is changed."""

    def __init__(self) -> None:
        self._real = time.time
        self._ahead_s = 0.0

    def install(self) -> None:
        """Stand in for `time.time`, and listen."""
        time.time = self.read
        signal.signal(signal.SIGUSR1, lambda *_: self._move(HOUR_S))
        signal.signal(signal.SIGUSR2, lambda *_: self._move(-HOUR_S))

    def read(self) -> float:
        return self._real() + self._ahead_s

    def _move(self, seconds: float) -> None:
        self._ahead_s += seconds
        sys.stderr.write(f"the clock was moved by {seconds:+.0f} s\n")


def main() -> None:
    """Install what the environment asks for, and run."""
    MovingClock().install()
    from agents.cli import main as stillwatch  # noqa: PLC0415  after the clock: some modules take `time.time` with them

    if number := os.environ.get("FAULT_FORMAT"):
        importlib.import_module("agents.store.redis").FORMAT = int(number)  # type: ignore[attr-defined]
    if point := os.environ.get("FAULT_POINT"):
        deed = DEEDS[os.environ["FAULT_DEED"]]
        harm_at(POINTS[point], int(os.environ["FAULT_PASS"]), lambda: os.kill(os.getpid(), deed))
    sys.argv[1:1] = ["run"]
    stillwatch()


if __name__ == "__main__":
    main()
