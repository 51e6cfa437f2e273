"""`stillwatch` that sends itself a signal (SIGKILL, SIGSTOP) as it is about to commit for the nth time."""

import os
import signal
import sys
from typing import Any

from agents import ingest_topic
from agents.cli import main

commit = ingest_topic._commit  # noqa: SLF001 - the point of the code that the test is about
left = int(sys.argv[2])


async def _struck(consumer: Any, offsets: Any) -> None:  # noqa: ANN401
    global left  # noqa: PLW0603 - it counts down over the life of the process
    left -= 1
    if not left:
        os.kill(os.getpid(), signal.Signals[sys.argv[1]])
    await commit(consumer, offsets)


ingest_topic._commit = _struck  # noqa: SLF001
main(sys.argv[3:])
