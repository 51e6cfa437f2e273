"""`stillwatch`, as a child: a command that ends with the one that started it, even if that was killed.

Nobody writes to its standard input; the pipe is closed by the system when the process at its other end is gone.
"""

import os
import signal
import threading
from typing import Final

from agents.cli import main

STDIN: Final = 0
PATIENCE_S: Final = 20.0
"""A worker has 15 seconds for the batches in hand; one that needs more is killed."""


def _end_with_stdin() -> None:
    """Wait for the end of standard input; then SIGTERM, and SIGKILL for a worker that does not heed it."""
    while os.read(STDIN, 1):  # not sys.stdin: a thread that holds its lock makes Python abort on exit
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(PATIENCE_S)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    threading.Thread(target=_end_with_stdin, name="end-with-stdin", daemon=True).start()
    main()
