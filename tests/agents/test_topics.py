from collections.abc import Sequence
from typing import Any, Self

import pytest

from agents import topics
from agents.copying.entry import CopyError
from agents.copying.source import takes_times
from agents.topics import BROKERS_TIME, TIMESTAMPS, WRITERS_TIME, Described, TopicError, TopicNames, end_copy


def test_the_names_are_the_contracts() -> None:
    assert TopicNames.under("stillwatch") == TopicNames()
    assert TopicNames().requests == "stillwatch.requests"
    assert TopicNames().dlq == "stillwatch.dlq"


def test_a_prefix_isolates_every_topic() -> None:
    names = TopicNames.under("test-1")
    assert all(spec.name.startswith("test-1.") for spec in topics.specs(names))
    assert len({spec.name for spec in topics.specs(names)}) == 7


def test_only_what_is_keyed_by_account_or_link_is_cut_into_more_partitions() -> None:
    partitions = {spec.name: spec.partitions for spec in topics.specs(TopicNames(), partitions=3)}
    assert partitions == {
        topics.REQUESTS: 3,
        topics.LINKS: 3,
        topics.FINDINGS: 1,
        topics.FEEDBACK: 3,
        topics.ENFORCEMENT: 3,
        topics.ALERTS: 1,
        topics.DLQ: 1,
    }


def test_what_windows_are_rebuilt_from_outlives_the_longest_window() -> None:
    longest_window_ms = 28 * 24 * 60 * 60 * 1000
    kept = {spec.name: spec.retention_ms for spec in topics.specs(TopicNames())}
    assert (
        min(kept[topics.REQUESTS], kept[topics.LINKS], kept[topics.FINDINGS], kept[topics.FEEDBACK]) > longest_window_ms
    )


@pytest.mark.parametrize(("copies", "in_sync"), [(1, "1"), (2, "1"), (3, "2")])
def test_a_write_waits_for_all_copies_but_one(copies: int, in_sync: str) -> None:
    assert {spec.configs(copies)["min.insync.replicas"] for spec in topics.specs(TopicNames())} == {in_sync}


@pytest.mark.parametrize("servers", ["nonsense:port", "127.0.0.1:1"])
def test_a_kafka_that_does_not_answer_is_one_sentence(servers: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topics, "ADMIN_TIMEOUT_MS", 200)
    with pytest.raises(TopicError, match=f"^the topics could not be created at {servers}: "):
        topics.create_topics(servers)


class Refusing:
    """An admin client of a broker that changes the first topic and not the second, in the words of kafka-python."""

    def __init__(self, **_: object) -> None:
        """There is nothing to connect to."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """There is nothing to leave."""

    def alter_configs(self, resources: Sequence[Any]) -> dict[str, dict[str, str]]:
        first, second = (it.name for it in resources)
        return {"topic": {first: "OK", second: "[Error 29] TopicAuthorizationFailedError"}}


def test_a_topic_that_kafka_does_not_change_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topics, "KafkaAdminClient", Refusing)
    with pytest.raises(TopicError, match=r"^Kafka refused to set .*=LogAppendTime for x\.feedback: \[Error 29\]"):
        end_copy("nowhere:9092", TopicNames.under("x"))


def test_whose_time_a_topic_takes_is_not_guessed_where_its_settings_cannot_be_seen() -> None:
    assert takes_times("x.requests", Described(1, 1, {TIMESTAMPS: WRITERS_TIME}))
    assert not takes_times("x.requests", Described(1, 1, {TIMESTAMPS: BROKERS_TIME}))
    with pytest.raises(CopyError, match=r"^Kafka does not let us see the settings of x\.requests: "):
        takes_times("x.requests", Described(1, 1, {}))
