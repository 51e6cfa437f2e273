"""The decisions of a real topic: all up to its end, what is none told apart, and a topic that is missing."""

import msgspec
import pytest
from kafka import KafkaProducer

from agents.explaining.topic import decided
from agents.topics import TopicError, TopicNames
from tests.streams.evaluation.deciding import decision

NOON_MS = 1_791_201_600_000

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(120)]


def test_every_decision_comes_once_and_each_subjects_in_order(kafka_bootstrap: str, topics: TopicNames) -> None:
    made = [decision("throttle", f"a-{number % 5}", NOON_MS + number, 1 + number // 5) for number in range(50)]
    with KafkaProducer(bootstrap_servers=kafka_bootstrap, acks="all") as producer:
        for it in made:
            producer.send(topics.enforcement, key=it.subject_id.encode(), value=msgspec.json.encode(it))
        for value in (None, b"no decision", b"\xff"):
            producer.send(topics.enforcement, key=b"a-0", value=value)
        producer.flush()
    records = list(decided(kafka_bootstrap, topics.enforcement))
    assert records.count(None) == 3
    read = [it for it in records if it is not None]
    assert sorted(read, key=lambda it: it.decided_at_ms) == made
    for subject in range(5):
        own = [it.sequence for it in read if it.subject_id == f"a-{subject}"]
        assert own == list(range(1, 11))


def test_an_empty_topic_has_no_decision_and_a_missing_one_is_a_sentence(
    kafka_bootstrap: str, topics: TopicNames, topic_prefix: str
) -> None:
    assert list(decided(kafka_bootstrap, topics.enforcement)) == []
    with pytest.raises(TopicError, match=f"has no topic {topic_prefix}.nothing"):
        list(decided(kafka_bootstrap, f"{topic_prefix}.nothing"))
