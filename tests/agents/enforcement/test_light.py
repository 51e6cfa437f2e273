"""What goes into a gateway's own environment brings next to nothing along."""

import subprocess
import sys

import pytest

HEAVY = {"aiokafka", "faust", "kafka", "numba", "numpy", "prometheus_client", "redis", "river", "scipy"}
LOADED = "import sys, agents.enforcement.{}; print(*{{name.partition('.')[0] for name in sys.modules}})"


@pytest.mark.parametrize("module", ["asgi", "client"])
def test_a_gateway_imports_no_kafka_no_redis_and_no_mathematics(module: str) -> None:
    done = subprocess.run(  # noqa: S603  words of this file
        [sys.executable, "-c", LOADED.format(module)], capture_output=True, text=True, check=True
    )
    assert HEAVY & set(done.stdout.split()) == set()
