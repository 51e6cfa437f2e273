"""How a worker is, read at the moment when Prometheus asks: nothing here has to be kept up to date."""

from collections.abc import Collection, Iterator
from typing import Any

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from agents.lane import Lane
from agents.progress import Progress


class Vitals(Collector):
    """What a worker's progress knows, and how many records of each lane Kafka has yet to acknowledge."""

    def __init__(self, progress: Progress, lanes: Collection[Lane[Any]]) -> None:
        """Of this progress and of these lanes, whatever becomes of them later."""
        self._progress = progress
        self._lanes = lanes

    def describe(self) -> Iterator[Metric]:
        """The metrics without their values, by which a registry knows their names."""
        yield GaugeMetricFamily("stillwatch_worker_ready", "1 while /readyz answers that the worker can work.")
        yield GaugeMetricFamily(
            "stillwatch_stalled_partitions", "Partitions of this worker that make no progress, as /healthz names them."
        )
        yield GaugeMetricFamily(
            "stillwatch_outbox_records",
            "Records that are committed and that Kafka has yet to acknowledge, by stage.",
            labels=["stage"],
        )

    def collect(self) -> Iterator[Metric]:
        """The metrics as they are now; called on the health server's thread."""
        ready, stalled, outbox = self.describe()
        ready.add_sample(ready.name, {}, float(self._progress.unready() is None))
        stalled.add_sample(stalled.name, {}, len(self._progress.stalled()))
        for lane in self._lanes:
            outbox.add_sample(outbox.name, {"stage": lane.stage.name}, lane.unsent)
        yield from (ready, stalled, outbox)
