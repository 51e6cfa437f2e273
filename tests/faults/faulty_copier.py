"""`stillwatch` that copies in small waves, and kills itself at the FAULT_PASSth record, in the middle of a wave."""

import os
import signal
import sys
from collections.abc import Sequence
from typing import Final

from agents.cli import main as stillwatch
from agents.copying import sink
from tests.faults.faulty_worker import Point, harm_at

WAVE = 400
GRACE_S = 0.5
"""In the middle of a wave: long enough for a record to be acknowledged."""

FAULTY_COPIER: Final[Sequence[str]] = (sys.executable, "-m", "tests.faults.faulty_copier")


def main() -> None:
    """Harm what is to be run, and run it."""
    sink.WAVE_RECORDS = WAVE  # type: ignore[misc]
    harm_at(
        Point("before", ("agents.copying.sink:Sink.put",), GRACE_S),
        int(os.environ["FAULT_PASS"]),
        lambda: os.kill(os.getpid(), signal.SIGKILL),
    )
    stillwatch()


if __name__ == "__main__":
    main()
