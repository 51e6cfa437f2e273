"""Bytewax with a recovery store: positions and windows are kept in SQLite once a second, and a restart takes them up.

Windows come out exact after a kill; what was sent since the last epoch is sent again.
"""

from datetime import timedelta
from pathlib import Path

from bytewax.recovery import RecoveryConfig, init_db_dir

from tests.benchmarks.plain import in_redis
from tests.benchmarks.plain.contestants.bytewax_plain import work
from tests.benchmarks.plain.told import Told, act

EPOCH = timedelta(seconds=1)
"""The default of ten seconds costs less and repeats more; what is compared commits once a second too."""


def run(told: Told) -> None:
    """Read to the end, or on from the last epoch."""
    store = Path(told.folder) / "recovery"
    if not store.exists():
        store.mkdir()
        init_db_dir(store, 1)
    work(told, RecoveryConfig(str(store)), EPOCH)


if __name__ == "__main__":
    act(run, in_redis.windows)
