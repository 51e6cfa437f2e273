"""Kafka clusters of the suite's own, whose brokers are killed, frozen, and started again on their data."""

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

from agents.embedded import kafka, processes
from agents.embedded.processes import ServerProcess

STOP_SECONDS = 15.0


class Cluster:
    """`count` brokers on loopback ports that stay their own over restarts."""

    def __init__(self, folder: Path, count: int) -> None:
        self.folder = folder
        self._count = count
        self._brokers = kafka.start(folder, brokers=count)

    @property
    def bootstrap_servers(self) -> str:
        return kafka.bootstrap_servers(self._brokers)

    def kill(self, *numbers: int) -> None:
        """End brokers (from 1) as the kernel does when memory is short."""
        for broker in self._named(numbers):
            os.kill(broker.pid, signal.SIGKILL)
        assert processes.wait_until(
            lambda: not any(map(processes.is_running, self._named(numbers))), seconds=STOP_SECONDS
        )

    def stop(self) -> None:
        """End every broker in order: what it holds is on disc, and its logs are closed."""
        processes.stop(self._brokers, patience_seconds=STOP_SECONDS)

    def cut_logs(self, topic: str) -> None:
        """Cut the logs of a topic's partitions in half while nothing runs, as a disc that lied about its writes does.

        Kafka checks a log that was not closed in order and keeps its whole batches. What it noted about offsets beyond
        the end goes with the end.
        """
        data = self.folder / "kafka-1" / "data"
        for log in data.glob(f"{topic}-*/*.log"):
            os.truncate(log, log.stat().st_size // 2)
            for beside in log.parent.iterdir():
                if beside.suffix in {".index", ".timeindex", ".snapshot"}:
                    beside.unlink()
        for note in (".kafka_cleanshutdown", "recovery-point-offset-checkpoint", "replication-offset-checkpoint"):
            (data / note).unlink(missing_ok=True)

    def restart(self) -> None:
        """Start the brokers that do not run; returns when all of them take work."""
        alive = tuple(filter(processes.is_running, self._brokers))
        self._brokers = kafka.start(self.folder, brokers=self._count, running=alive)

    @contextlib.contextmanager
    def frozen(self, *numbers: int) -> Iterator[None]:
        """SIGSTOP brokers for the block."""
        for broker in self._named(numbers):
            os.kill(broker.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for broker in self._named(numbers):
                os.kill(broker.pid, signal.SIGCONT)

    def _named(self, numbers: tuple[int, ...]) -> list[ServerProcess]:
        return [broker for broker in self._brokers if broker.name in {f"kafka-{number}" for number in numbers}]


@contextlib.contextmanager
def cluster(folder: Path, count: int) -> Iterator[Cluster]:
    """A running cluster for the block."""
    found = Cluster(folder, count)
    try:
        yield found
    finally:
        found.stop()
