"""What the observe lane reads is watched for drifts on its way; metrics say what is seen, and the log each drift."""

import logging
from collections.abc import Sequence

from agents.inputs import BatchReader, Inputs, Origin
from agents.metrics import Metrics
from agents.transport import Record
from streams.batch import EventBatch
from streams.drift import MEASURES, Drifts

logger = logging.getLogger(__name__)


def watching(read: BatchReader[EventBatch], metrics: Metrics) -> BatchReader[EventBatch]:
    """Read as `read` does, and watch all that it reads. A batch that is read again is watched again."""
    drifts = Drifts()

    def read_and_watch(records: Sequence[Record], origin: Origin) -> Inputs[EventBatch]:
        inputs = read(records, origin)
        drifted = drifts.note(inputs.items)
        for measure in MEASURES:
            if (share := drifts.share(measure)) is not None:
                metrics.traffic_share.labels(measure=measure).set(share)
                if measure in drifted:
                    metrics.drifts.labels(measure=measure).inc()
                    logger.warning("The traffic has drifted: %.0f%% of the requests have %s now.", 100 * share, measure)
        return inputs

    return read_and_watch
