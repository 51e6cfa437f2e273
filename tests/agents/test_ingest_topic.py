"""What `ingest --from-topic` does where something fails: nothing of it needs a broker."""

import base64
import json
import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import CommitFailedError

from agents import ingest_topic
from agents.ingest import IngestError
from agents.ingest_topic import Rejects, TopicIngest
from agents.records import RecordReader
from streams.fingerprint import Fingerprinter

NOW_MS = 1_790_000_000_000


def message(offset: int, value: bytes | None) -> Any:  # noqa: ANN401
    return SimpleNamespace(partition=3, offset=offset, value=value)


def record(number: int) -> bytes:
    row = {"event_id": f"e-{number}", "occurred_at_ms": NOW_MS, "account_id": "a"}
    return json.dumps(row | {"operation": "chat", "request_model": "m"}).encode()


class Producer:
    """Takes all events, or refuses them."""

    def __init__(self, refuses: bool = False) -> None:
        self.taken: list[str] = []
        self._refuses = refuses

    def put(self, events: Any) -> int:  # noqa: ANN401
        self.taken.extend(event.event_id for event in events)
        if self._refuses:
            raise IngestError("Kafka refused them.")
        return len(self.taken)


def test_a_bad_message_is_kept_and_holds_nothing_up(tmp_path: Path) -> None:
    producer: Any = Producer()
    reader = RecordReader(lambda: NOW_MS)
    with Rejects(tmp_path / "rejects") as rejects:
        taking = TopicIngest(reader, Fingerprinter(b"k" * 16), producer, rejects)
        taking.take([message(4, record(1)), message(5, b"no \xff"), message(6, None), message(7, record(2))])
        rows = [json.loads(line) for line in (tmp_path / "rejects").read_bytes().splitlines()]
    assert producer.taken == ["e-1", "e-2"]
    assert reader.bad == {"not_utf8": 1, "no_value": 1}
    assert [(row["partition"], row["offset"], base64.b64decode(row["value"])) for row in rows] == [
        (3, 5, b"no \xff"),
        (3, 6, b""),
    ]


def test_rejects_are_added_to_those_of_the_last_run(tmp_path: Path) -> None:
    for offset in (1, 2):
        with Rejects(tmp_path / "rejects") as rejects:
            rejects.add(message(offset, b"x"))
    assert [json.loads(row)["offset"] for row in (tmp_path / "rejects").read_bytes().splitlines()] == [1, 2]


def test_where_rejects_cannot_be_written_it_is_said(tmp_path: Path) -> None:
    with pytest.raises(IngestError, match=r"^.* cannot be written: Is a directory\.$"), Rejects(tmp_path):
        pass


def test_without_a_file_rejects_are_only_counted() -> None:
    with Rejects(None) as rejects:
        rejects.add(message(1, b"x"))
        rejects.sync()


def test_what_the_broker_refuses_ends_it() -> None:
    producer: Any = Producer(refuses=True)
    with Rejects(None) as rejects, pytest.raises(IngestError):
        TopicIngest(RecordReader(lambda: NOW_MS), Fingerprinter(b"k" * 16), producer, rejects).take(
            [message(1, record(1))]
        )


async def test_a_commit_that_another_member_made_void_is_said_and_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    class Consumer:
        async def commit(self, offsets: object) -> None:
            raise CommitFailedError(str(offsets))

    with caplog.at_level(logging.WARNING, "stillwatch.ingest"):
        await ingest_topic._commit(Consumer(), {TopicPartition("t", 0): 7})  # noqa: SLF001
    assert "their messages will be read again: CommitFailedError" in caplog.text
