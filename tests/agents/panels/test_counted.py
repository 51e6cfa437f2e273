"""What a counter has counted within a day, asked of a real Prometheus' own arithmetic."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from agents.panels.shape import counted

PROMTOOL = shutil.which("promtool")
WORKER = 'job="stillwatch-worker",instance="a"'


@pytest.mark.skipif(PROMTOOL is None, reason="there is no promtool on PATH")
@pytest.mark.parametrize(
    ("values", "started", "expected"),
    [
        ("_x1800 8x300", "_x1800 108000x300", 8),  # before its first scrape
        ("8x2100", "0x1799 108000x300", 8),  # started anew in its place, and as much again
        ("0x1800 8x300", "0x2100", 8),
        ("8x2100", "0x2100", 0),  # of another day
        ("_x1800 0x300", "_x1800 108000x300", 0),
    ],
)
def test_what_a_worker_counted_before_its_first_scrape_is_counted(
    values: str, started: str, expected: int, tmp_path: Path
) -> None:
    case: dict[str, Any] = {
        "interval": "1m",
        "input_series": [
            {"series": f"stillwatch_rebuilt_partitions_total{{{WORKER}}}", "values": values},
            {"series": f"process_start_time_seconds{{{WORKER}}}", "values": started},
        ],
        "promql_expr_test": [
            {
                "expr": f"round({counted('stillwatch_rebuilt_partitions_total', '1d', by='job')})",
                "eval_time": "2000m",
                "exp_samples": [{"labels": '{job="stillwatch-worker"}', "value": expected}],
            }
        ],
    }
    path = tmp_path / "case.yaml"
    path.write_text(json.dumps({"rule_files": [], "tests": [case]}))
    done = subprocess.run(  # noqa: S603  a program found on PATH
        [str(PROMTOOL), "test", "rules", str(path)], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
