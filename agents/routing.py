"""Which partition a key goes to: Kafka's own rule, so that replay, ingest and any gateway agree."""

from functools import lru_cache

from kafka.partitioner.default import murmur2


@lru_cache(maxsize=200_000)
def bytes_partition(key: bytes, partitions: int) -> int:
    """The partition of a key as it is in a record, whether it is text or not."""
    return _partition(key, partitions)


@lru_cache(maxsize=200_000)
def key_partition(key: str, partitions: int) -> int:
    """The partition of `key` by Kafka's default partitioner (murmur2 over the UTF-8 key)."""
    return _partition(key.encode("utf-8", "surrogatepass"), partitions)


def _partition(key: bytes, partitions: int) -> int:
    return int(murmur2(key) & 0x7FFFFFFF) % partitions
