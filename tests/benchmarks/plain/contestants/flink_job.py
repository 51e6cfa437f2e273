"""What both PyFlink contestants share: how the cluster in this process is set, and where a restart goes on."""

import os
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from pyflink.common import Configuration

from tests.benchmarks.plain.told import Told

CHECKPOINT = "1 s"
BROKER_TIME = {"message.timestamp.type": "LogAppendTime"}
TRANSACTION_MS = "60000"


def configuration(told: Told) -> Configuration:
    """One task slot; exactly once with a checkpoint a second on disc; on from the last one where there is one."""
    checkpoints = Path(told.folder) / "checkpoints"
    settings = {
        "parallelism.default": "1",
        "taskmanager.numberOfTaskSlots": "1",
        "rest.port": "0",
        "rest.bind-address": "127.0.0.1",
        "pipeline.jars": Path(os.environ["FLINK_CONNECTOR"]).as_uri(),
        "pipeline.object-reuse": "true",
        "python.executable": sys.executable,
        "python.client.executable": sys.executable,
        "execution.checkpointing.interval": CHECKPOINT,
        "execution.checkpointing.mode": "EXACTLY_ONCE",
        "execution.checkpointing.dir": checkpoints.as_uri(),
        "execution.checkpointing.externalized-checkpoint-retention": "RETAIN_ON_CANCELLATION",
        "python.execution-mode": "thread",
        "python.pythonpath": f"{Path(__file__).parents[4]}:{sysconfig.get_path('purelib')}",
        "restart-strategy.type": "none",
        "state.backend.type": "hashmap",
        "io.tmp.dirs": told.folder,
    }
    complete = [it for it in checkpoints.glob("*/chk-*") if (it / "_metadata").exists()]
    if complete:
        newest = max(complete, key=lambda it: (it / "_metadata").stat().st_mtime_ns)
        settings["execution.state-recovery.path"] = newest.as_uri()
    made = Configuration()
    for name, value in settings.items():
        made.set_string(name, value)
    return made


def create(told: Told, *topics: str) -> None:
    """Make topics for windows, of one partition; those that are there stay."""
    admin = AdminClient({"bootstrap.servers": told.bootstrap_servers})
    for future in admin.create_topics([NewTopic(it, 1, 1, config=BROKER_TIME) for it in topics]).values():
        if (error := future.exception(30)) is not None and "already exists" not in str(error):
            raise error


def records(told: Told, topic: str) -> Iterator[tuple[bytes | None, bytes | None]]:
    """Each key and value of a topic of one partition, in order."""
    consumer = Consumer({"bootstrap.servers": told.bootstrap_servers, "group.id": f"{told.prefix}-look"})
    at, end = consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=10)
    consumer.assign([TopicPartition(topic, 0, at)])
    while at < end and (messages := consumer.consume(10_000, timeout=15)):
        for message in messages:
            yield message.key(), message.value()
            at = message.offset() + 1
    consumer.close()
