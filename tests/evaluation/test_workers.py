"""The evaluation's own processes."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

BUSY = """
import os
from tests.evaluation.suite import workers
if __name__ == "__main__":
    with workers(1) as pool:
        print(pool.submit(os.getpid).result(), flush=True)
        pool.submit(exec, "while True: pass").result()
"""


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_no_process_is_left_at_work_when_the_evaluation_is_ended(how: signal.Signals, tmp_path: Path) -> None:
    """They all hold the pipe that they write to: it ends with the last of them."""
    script = tmp_path / "busy.py"
    script.write_text(BUSY)
    asked = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own
    assert asked.stdout is not None
    worker = int(asked.stdout.readline())
    asked.send_signal(how)
    try:
        assert asked.communicate(timeout=60)[0] == ""
    except subprocess.TimeoutExpired:
        os.kill(worker, signal.SIGKILL)
        raise
