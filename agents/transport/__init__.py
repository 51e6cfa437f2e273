"""A Faust transport that hands an agent one message per fetched partition batch instead of one per record.

Faust wakes two tasks for every message, some 80 microseconds before any work is done. Here a message *is* a batch: its
value is the list of records one fetch brought for one partition, its offset the last record's. Agents, acks, commits,
flow control and rebalances stay Faust's own, at the granularity of a batch: the committed offset is one past the last
record of the last batch before which every batch is acknowledged, so a batch half way is never committed.

An app uses it by its broker URL, `stillwatch://host:port` (several: `stillwatch://a:1;stillwatch://b:2`), which the
entry point group `faust.transports` resolves to `Transport` for consumers and producers alike; by declaring what it
reads with `batches`; and, where a store knows better than the consumer group how far the work has come, by
`resume_with`:

    app = faust.App("stillwatch", broker="stillwatch://127.0.0.1:9092", topic_allow_declare=False)
    resume_with(app, offsets=store.resume_offsets, outside_log=store.forget_partition)

    @app.agent(batches(app, "stillwatch.requests"))
    async def observe(stream):
        async for event in stream.events():
            event.message.tp, event.message.offset, event.value  # the partition, the last offset, the records

Faust acknowledges an event whose handling raised: an agent that meets a bug ends the process (`agents.ending.fail`).
"""

from agents.transport.batches import Batch, BatchSchema, Record, batches
from agents.transport.consumer import BatchConsumer, Transport, keep_together, read_again, resume_with
from agents.transport.offsets import OutsideLog, ReportOutsideLog, ResumeOffsets

__all__ = [
    "Batch",
    "BatchConsumer",
    "BatchSchema",
    "OutsideLog",
    "Record",
    "ReportOutsideLog",
    "ResumeOffsets",
    "Transport",
    "batches",
    "keep_together",
    "read_again",
    "resume_with",
]
