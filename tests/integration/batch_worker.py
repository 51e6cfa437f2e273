"""A worker of one agent that `test_batch_transport.py` runs in a process of its own.

    python tests/integration/batch_worker.py SERVERS GROUP TOPIC

Prints a line of JSON for each batch, `[partition, first offset, last offset, records]`, once the batch is done, and
leaves on SIGTERM as a deployed worker does.
"""

import asyncio
import json
import signal
import sys
import tempfile
from typing import Any

import faust
from faust.types import StreamT

from agents.transport import batches, keep_together

MS_A_RECORD = 6_000
"""What a record's number says of its time: three hundred of a partition are half an hour."""


async def work(servers: str, group: str, topic: str) -> None:
    """Read `topic` as a member of `group` until SIGTERM."""
    app = faust.App(
        group,
        broker=f"stillwatch://{servers}",
        store="memory://",
        datadir=tempfile.gettempdir(),
        autodiscover=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        table_standby_replicas=0,
        web_enabled=False,
        broker_max_poll_records=500,
    )

    keep_together(app, topic, lambda record: int(record.value or b"") * MS_A_RECORD)

    @app.agent(batches(app, topic))
    async def observe(stream: StreamT[Any]) -> None:
        async for event in stream.events():
            await asyncio.sleep(0.01)
            records = event.value
            row = [event.message.tp.partition, records[0].offset, event.message.offset, len(records)]
            sys.stdout.write(json.dumps(row) + "\n")
            sys.stdout.flush()

    leave = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, leave.set)
    app.finalize()
    await app.start()
    await leave.wait()
    await app.stop()


if __name__ == "__main__":
    asyncio.run(work(*sys.argv[1:]))
