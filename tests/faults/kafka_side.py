"""Kafka as the suite sees it: what stands on topics, and what an operator, or bad luck, does to them."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient, MemberToRemove
from kafka.errors import CoordinatorNotAvailableError, KafkaError

from agents.topics import specs
from tests.integration.worker_harness import Deployment

Raw = tuple[int, bytes | None, bytes | None, int | None]
"""A record to produce as it is: partition, key, value, and the time it claims (None: the producer's own)."""

READ_SECONDS = 60.0
ADMIN_MS = 20_000


class KafkaSide:
    """One deployment's Kafka, through one consumer that stays connected."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._consumer: Any = None

    def ends(self, topic: str) -> dict[int, int]:
        """One past the last offset, by partition."""
        found = self._reader().end_offsets(self._partitions(topic))
        return {tp.partition: offset for tp, offset in found.items()}

    def read(self, topic: str) -> list[Any]:
        """All records of a topic, by partition and offset."""
        consumer = self._reader()
        partitions = self._partitions(topic)
        ends = consumer.end_offsets(partitions)
        consumer.assign(partitions)
        consumer.seek_to_beginning(*partitions)
        records: list[Any] = []
        deadline = time.monotonic() + READ_SECONDS
        while any(consumer.position(tp) < end for tp, end in ends.items()):
            assert time.monotonic() < deadline, f"{topic} cannot be read to its end"
            for batch in consumer.poll(timeout_ms=500).values():
                records.extend(batch)
        consumer.unsubscribe()
        return sorted(records, key=lambda record: (record.partition, record.offset))

    def put(self, topic: str, records: Sequence[Raw]) -> list[int]:
        """Produce records as they are; the offset of each."""
        producer = KafkaProducer(bootstrap_servers=self._servers, acks="all", enable_idempotence=True, linger_ms=50)
        sent = [
            producer.send(topic, key=key, value=value, partition=partition, timestamp_ms=at_ms)
            for partition, key, value, at_ms in records
        ]
        producer.flush(timeout=60)
        producer.close(timeout=10)
        return [it.get(timeout=1).offset for it in sent]

    @contextmanager
    def configured(self, topic: str, **settings: object) -> Iterator[None]:
        """Change a topic's settings (`_` for `.`) for the block."""
        wanted = {name.replace("_", "."): str(value) for name, value in settings.items()}
        names = {spec.name: spec for spec in specs(self._deployment.topics, partitions=self._deployment.partitions)}
        before = names[topic].configs(self.replication(topic))
        self._configure(topic, wanted)
        try:
            yield
        finally:
            self._configure(topic, {name: before[name] for name in wanted})

    def replication(self, topic: str) -> int:
        """How many copies a topic has."""
        with self._admin() as admin:
            return len(admin.describe_topics([topic])[0]["partitions"][0]["replica_nodes"])

    def remove_before(self, topic: str, offsets: Mapping[int, int]) -> None:
        """Delete the records of each partition before an offset, as retention does."""
        with self._admin() as admin:
            admin.delete_records({TopicPartition(topic, number): offset for number, offset in offsets.items()})

    @contextmanager
    def without(self, topic: str) -> Iterator[None]:
        """Delete a topic for the block, and create it again, empty."""
        table = {spec.name: spec for spec in specs(self._deployment.topics, partitions=self._deployment.partitions)}
        copies = self.replication(topic)
        wanted = {
            topic: {
                "num_partitions": table[topic].partitions,
                "replication_factor": copies,
                "configs": table[topic].configs(copies),
            }
        }
        with self._admin() as admin:
            admin.delete_topics([topic])
        try:
            yield
        finally:
            with self._admin() as admin:
                _until_created(admin, wanted)
                admin.wait_for_topics([topic], timeout_ms=ADMIN_MS)
            self.close()

    def evict(self) -> None:
        """Remove every member of the consumer group: the dead would hold their partitions for a session's time."""
        with self._admin() as admin, suppress(CoordinatorNotAvailableError):  # then nobody has joined a group yet
            members = admin.describe_groups([self._deployment.prefix])[self._deployment.prefix]["members"]
            if members:
                admin.remove_group_members(
                    self._deployment.prefix, [MemberToRemove(member_id=it["member_id"]) for it in members]
                )

    def close(self) -> None:
        """Disconnect; the next question connects anew."""
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None

    @property
    def _servers(self) -> list[str]:
        return self._deployment.bootstrap_servers.split(",")

    def _reader(self) -> Any:  # noqa: ANN401  kafka-python is untyped
        if self._consumer is None:
            self._consumer = KafkaConsumer(
                bootstrap_servers=self._servers, enable_auto_commit=False, max_partition_fetch_bytes=8 * 1024 * 1024
            )
        return self._consumer

    def _partitions(self, topic: str) -> list[TopicPartition]:
        return [TopicPartition(topic, number) for number in sorted(self._reader().partitions_for_topic(topic) or ())]

    def _admin(self) -> Any:  # noqa: ANN401  kafka-python is untyped
        return KafkaAdminClient(
            bootstrap_servers=self._servers, bootstrap_timeout_ms=ADMIN_MS, request_timeout_ms=ADMIN_MS
        )

    def _configure(self, topic: str, settings: Mapping[str, str]) -> None:
        with self._admin() as admin:
            answer = admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, dict(settings))])
        assert answer == {"topic": {topic: "OK"}}, answer


def _until_created(admin: Any, wanted: Mapping[str, Any]) -> None:  # noqa: ANN401
    """Create topics; a name may still be taken for a moment by the topic that is going."""
    deadline = time.monotonic() + ADMIN_MS / 1000
    while True:
        try:
            admin.create_topics(dict(wanted))
        except KafkaError:
            assert time.monotonic() < deadline, f"{list(wanted)} cannot be created again"
            time.sleep(0.2)
        else:
            return
