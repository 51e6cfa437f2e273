"""Several processes that share the work of one worker: started together, ended together.

Python runs on one core at a time; Kafka gives each process its share of the partitions, as it does with workers on
other machines. They share nothing else, so there is nothing here but starting and ending them.
"""

import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import Final

from agents.child import PATIENCE_S

logger = logging.getLogger(__name__)

ALONE: Final = (sys.executable, "-P")
"""This Python, without the current folder on its path: what is there must not stand in for a module of ours."""

LOOK_S: Final = 0.1


def run_together(arguments: Sequence[str], ports: Sequence[int]) -> int:
    """Run `stillwatch` with these arguments once for each health port, until SIGTERM or SIGINT; the exit code, 0 or 1.

    When one of them ends before its time, the others are ended too, and the answer is 1: whoever runs this starts all
    of it again. They end with this process, even if it is killed.
    """
    stop = threading.Event()
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGTERM, signal.SIGINT)}
    processes: list[subprocess.Popen[bytes]] = []
    try:
        processes.extend(_start(arguments, port) for port in ports)
        while not stop.wait(LOOK_S) and all(process.poll() is None for process in processes):
            pass
        fallen = [] if stop.is_set() else [process for process in processes if process.poll() is not None]
    finally:
        end(processes)
        for number, handler in before.items():
            signal.signal(number, handler)
    for process in fallen:
        logger.critical("Process %d ended with exit code %d, so all were ended.", process.pid, process.returncode)
    failed = any(process.returncode for process in processes) or bool(fallen)
    return int(failed)


def _start(arguments: Sequence[str], port: int) -> "subprocess.Popen[bytes]":
    """In a session of its own, so that a Ctrl-C at the terminal reaches it through this process alone."""
    return subprocess.Popen(  # noqa: S603  our own Python with our own modules
        (*ALONE, "-m", "agents.child", *arguments),
        env=os.environ | {"STILLWATCH_HEALTH_PORT": str(port)},
        stdin=subprocess.PIPE,
        start_new_session=True,
    )


def end(processes: Sequence["subprocess.Popen[bytes]"], patience_s: float = PATIENCE_S) -> None:
    """End all at once: SIGTERM, and SIGKILL for one that does not heed it in so long."""
    for process in processes:
        process.terminate()
    for process in processes:
        try:
            process.wait(patience_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
