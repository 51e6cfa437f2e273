"""A follower of the log of decisions, on a real Kafka."""

import asyncio
import threading
from collections.abc import Mapping, Sequence

import pytest

from agents.enforcement.reading import Log, LogReader
from agents.topics import LogOfDecisions, TopicError, create_topics, log_of_decisions
from agents.transport import Record

pytestmark = pytest.mark.kafka
SECONDS = 60.0


async def test_who_ends_while_it_asks_kafka_leaves_nothing_that_goes_on(
    kafka_bootstrap: str, topic_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agents.enforcement.reading.LOOK_S", 0.0)
    topics = create_topics(kafka_bootstrap, partitions=1, prefix=topic_prefix)
    described = [log_of_decisions(kafka_bootstrap, topics)]
    asked, answer = threading.Event(), threading.Event()

    def describe() -> LogOfDecisions:
        if described:
            return described.pop()
        asked.set()
        answer.wait(SECONDS)
        raise TopicError("No Kafka answers.")

    async def start(_log: LogOfDecisions) -> Mapping[int, int]:
        return {}

    async def take(_log: LogOfDecisions, _partition: int, _records: Sequence[Record]) -> None:
        raise AssertionError("there is no decision")

    async def turn(_is_all: bool) -> bool:
        return False

    reader = LogReader(Log(describe, {"bootstrap_servers": kafka_bootstrap}))
    reading = asyncio.ensure_future(reader.read(start, take, turn))
    try:
        assert await asyncio.to_thread(asked.wait, SECONDS)
        reading.cancel()
        await asyncio.wait([reading])
        assert asyncio.all_tasks() == {asyncio.current_task()}
    finally:
        answer.set()
