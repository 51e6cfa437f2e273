"""A real Prometheus that scrapes every second."""

import json
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from agents.embedded.processes import LOOPBACK, choose_ports, wait_until

PROGRAM = shutil.which("prometheus")
NEEDS_PROMETHEUS = pytest.mark.skipif(PROGRAM is None, reason="there is no prometheus on PATH")


@contextmanager
def prometheus(folder: Path, targets: Mapping[str, int]) -> Iterator[str]:
    """The address of a Prometheus that scrapes a port of this machine for each job."""
    assert PROGRAM is not None
    (port,) = choose_ports((), 1)
    config = folder / "prometheus.yml"
    jobs = [{"job_name": job, "static_configs": [{"targets": [f"{LOOPBACK}:{at}"]}]} for job, at in targets.items()]
    config.write_text(json.dumps({"global": {"scrape_interval": "1s"}, "scrape_configs": jobs}))  # JSON is YAML
    command = [
        PROGRAM,
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={LOOPBACK}:{port}",
    ]
    address = f"http://{LOOPBACK}:{port}"
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)  # noqa: S603  a program found on PATH
        try:
            assert wait_until(lambda: _is_ready(address), seconds=60), (folder / "prometheus.log").read_text()
            yield address
        finally:
            process.terminate()
            process.wait(timeout=30)


def _is_ready(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/-/ready", timeout=5):  # noqa: S310  an address of ours
            return True
    except OSError:
        return False
