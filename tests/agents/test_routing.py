"""Replay, ingest and any gateway must choose the same partition for an account, or its windows would be in pieces."""

import pytest
from aiokafka.partitioner import DefaultPartitioner as OfAiokafka
from hypothesis import given
from hypothesis import strategies as st
from kafka.cluster import ClusterMetadata
from kafka.partitioner.default import DefaultPartitioner as OfKafkaPython

from agents.routing import key_partition


class Cluster(ClusterMetadata):  # type: ignore[misc]  # kafka-python is untyped
    """A cluster of one topic whose partitions are all there."""

    def __init__(self, partitions: int) -> None:
        super().__init__()
        self._numbers = set(range(partitions))

    def topics(self, exclude_internal_topics: bool = True) -> set[str]:  # noqa: ARG002
        return {"requests"}

    def partitions_for_topic(self, _topic: str) -> set[int]:
        return self._numbers

    def available_partitions_for_topic(self, _topic: str) -> set[int]:
        return self._numbers


@given(st.text(max_size=128), st.integers(1, 64))
def test_the_partition_is_what_both_client_libraries_choose_for_the_key(key: str, partitions: int) -> None:
    chosen = key_partition(key, partitions)
    numbers = list(range(partitions))
    raw = key.encode("utf-8", "surrogatepass")
    assert chosen == OfAiokafka()(raw, numbers, numbers)
    assert chosen == OfKafkaPython().partition("requests", key, raw, None, None, Cluster(partitions))


@pytest.mark.parametrize(
    ("key", "partition"),
    # What org.apache.kafka.common.utils.Utils.murmur2 gives in UtilsTest.testMurmur2 of Apache Kafka, of 8 partitions.
    [("21", -973932308), ("foobar", -790332482), ("a-little-bit-long-string", -985981536)],
)
def test_the_hash_is_that_of_kafka_itself(key: str, partition: int) -> None:
    assert key_partition(key, 8) == (partition & 0x7FFFFFFF) % 8


@pytest.mark.parametrize("key", ["", "\ud800", "\udfff\ud800", "a\udcffb", "\0", "\U0001f600" * 128])
def test_any_key_has_a_partition(key: str) -> None:
    assert {key_partition(key, count) < count for count in (1, 3, 8)} == {True}


def test_keys_are_spread_over_all_partitions() -> None:
    assert {key_partition(f"account-{number}", 8) for number in range(200)} == set(range(8))
