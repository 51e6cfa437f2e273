"""What both PyFlink contestants share: how the cluster in this process is set, and where a restart goes on."""

import os
import sys
import sysconfig
import time
from collections.abc import Iterator
from pathlib import Path

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from pyflink.common import Configuration, JobClient, JobStatus
from pyflink.java_gateway import get_gateway

from tests.benchmarks.plain.told import Told

CHECKPOINT = "2 s"
BROKER_TIME = {"message.timestamp.type": "LogAppendTime"}
TRANSACTION_MS = "60000"


def configuration(told: Told) -> Configuration:
    """One task slot; exactly once, with a checkpoint every two seconds; on from the last where there is one."""
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


def finish(told: Told, job: JobClient) -> None:
    """Wait until the log is worked off to its end, say so, and let the job drain and stop.

    Flink commits its position when a checkpoint is complete: what it has committed is in its state, and the alerts of
    it are on their topic. (A source that is told where to end never does so after a restart from a checkpoint.)
    """
    consumer = Consumer({"bootstrap.servers": told.bootstrap_servers, "group.id": told.prefix})
    partitions = [TopicPartition(told.topic, number) for number, end in told.ends.items() if end]
    while not _committed(consumer, partitions, told):
        if (status := job.get_job_status().result()) in {JobStatus.FAILED, JobStatus.FAILING, JobStatus.CANCELED}:
            raise SystemExit(f"the job is {status}")
        time.sleep(0.1)
    told.done()
    consumer.close()
    # PyFlink 2.0's own `stop_with_savepoint` calls a method that Java has no more.
    form = get_gateway().jvm.org.apache.flink.core.execution.SavepointFormatType.NATIVE
    job._j_job_client.stopWithSavepoint(True, (Path(told.folder) / "savepoint").as_uri(), form).get()  # noqa: SLF001
    job.get_job_execution_result().result()


def _committed(consumer: Consumer, partitions: list[TopicPartition], told: Told) -> bool:
    """Whether the group has committed the end of every partition; no as long as nobody coordinates the group yet."""
    try:
        found = consumer.committed(partitions, timeout=30)
    except KafkaException:
        return False
    return all(it.offset >= told.ends[it.partition] for it in found)


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
