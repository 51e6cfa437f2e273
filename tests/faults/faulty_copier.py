"""`stillwatch repartition` in small waves, that kills itself at the FAULT_PASSth record, in the middle of a wave."""

import os
import signal
import sys

from agents.cli import main as stillwatch
from agents.copying import sink
from tests.faults.faulty_worker import GRACE_S, Point, harm_at

WAVE = 400


def main() -> None:
    """Harm what is to be run, and run it."""
    sink.WAVE_RECORDS = WAVE  # type: ignore[misc]
    harm_at(
        Point("before", ("agents.copying.sink:Sink.put",), GRACE_S),
        int(os.environ["FAULT_PASS"]),
        lambda: os.kill(os.getpid(), signal.SIGKILL),
    )
    sys.argv[1:1] = ["repartition"]
    stillwatch()


if __name__ == "__main__":
    main()
