"""A batch of records becomes the items of a stage; what cannot be read leaves with its reason and all its bytes."""

from collections.abc import Sequence

import msgspec
import numpy as np
import pytest
from msgspec import Struct

from agents.deadletters import original_headers
from agents.inputs import Origin, Reader, occurred_at, read_batch, read_event, read_events, read_findings, read_links
from streams.batch import EventBatch, Incoming
from streams.columns import block_of
from streams.events import RequestEvent
from streams.findings import Finding, Findings, Tied
from streams.linking import links_of_batch
from streams.links import Source

AT_MS = 1_791_158_400_000
EVENT = RequestEvent(event_id="e", occurred_at_ms=AT_MS, account_id="alice", operation="chat", request_model="large")
LINKS = next(
    links
    for _, links in links_of_batch(
        EventBatch([Incoming(41, AT_MS, msgspec.structs.replace(EVENT, payment_hash="p"))]),
        [False],
        np.zeros(1, np.bool_),
        Source(2, "log"),
        1,
    )
)
FINDINGS = Findings(3, "log", 40, 1, AT_MS, [Finding("payment", "p", AT_MS, (), (Tied("alice"), Tied("bob")))])


OBSERVE = Origin("observe", "stillwatch.requests", 5)
NETWORKS = Origin("networks", "stillwatch.links", 5)
CAMPAIGNS = Origin("campaigns", "stillwatch.findings", 5)


def base64(*columns: Sequence[int]) -> str:
    """A block of columns as JSON has it."""
    block = block_of([np.array(values, np.int64) for values in columns])
    return str(msgspec.to_builtins(block, builtin_types=()))


class Row(Struct):
    """A record as aiokafka has it."""

    value: bytes | None
    offset: int = 7
    timestamp: int = AT_MS + 30
    timestamp_type: int = 1
    key: bytes | None = b"alice"
    headers: Sequence[tuple[str, bytes | None]] = ()


@pytest.mark.parametrize(
    ("value", "at_ms"),
    [
        (msgspec.json.encode(EVENT), AT_MS),
        (msgspec.json.encode(msgspec.structs.replace(EVENT, occurred_at_ms=AT_MS + 31)), AT_MS + 30),
        (b'{"occurred_at_ms":"noon"}', AT_MS + 30),
        (b"{}", AT_MS + 30),
        (b"[" * 100_000, AT_MS + 30),
        (b"\xff", AT_MS + 30),
        (None, AT_MS + 30),
    ],
)
def test_a_record_is_of_when_its_request_was_made_or_else_of_when_it_was_appended(
    value: bytes | None, at_ms: int
) -> None:
    assert occurred_at(Row(value)) == at_ms


def test_an_event_keeps_its_offset_and_the_time_the_log_took_it() -> None:
    (item,) = read_batch([Row(msgspec.json.encode(EVENT))], read_event, OBSERVE).items
    assert (item.offset, item.appended_at_ms, item.event) == (7, AT_MS + 30, EVENT)


def test_links_keep_their_offset() -> None:
    (item,) = read_batch([Row(msgspec.json.encode(LINKS))], read_links, NETWORKS).items
    assert (item.offset, item.links) == (7, LINKS)


def test_findings_keep_their_offset() -> None:
    (item,) = read_batch([Row(msgspec.json.encode(FINDINGS))], read_findings, CAMPAIGNS).items
    assert (item.offset, item.findings) == (7, FINDINGS)


def test_the_good_records_of_a_batch_stay_in_order_around_the_bad_ones() -> None:
    rows = [Row(msgspec.json.encode(EVENT) if offset % 3 else b"{", offset=offset) for offset in range(9)]
    inputs = read_batch(rows, read_event, OBSERVE)
    assert [item.offset for item in inputs.items] == [1, 2, 4, 5, 7, 8]
    assert inputs.faults == ["not_json"] * 3
    assert [dict(it.headers)["__connect.errors.offset"] for it in inputs.refused] == [b"0", b"3", b"6"]


@pytest.mark.parametrize("read", [read_event, read_links, read_findings])
@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "no_value"),
        (b"", "not_json"),
        (b"\xff\xfe", "not_utf8"),
        (b"[" * 50_000, "wrong_type"),
        (b"{}", "missing_field"),
        (b"[]", "wrong_type"),
        (b"NaN", "not_json"),
    ],
)
def test_what_no_stage_can_read_is_a_dead_letter_whole(read: Reader[object], value: bytes | None, reason: str) -> None:
    headers = (("trace", b"\x00"), ("trace", None))
    inputs = read_batch([Row(value, headers=headers)], read, NETWORKS)
    assert inputs.items == []
    assert inputs.faults == [reason]
    (letter,) = inputs.refused
    assert (letter.topic, letter.partition, letter.key, letter.value) == ("dlq", None, b"alice", value)
    assert tuple(original_headers(letter.headers)) == headers
    assert dict(letter.headers)["__connect.errors.stage"] == b"networks"
    assert dict(letter.headers)["__connect.errors.partition"] == b"5"


@pytest.mark.parametrize(
    ("read", "good", "change", "reason"),
    [
        (read_links, LINKS, {"source_partition": -1}, "out_of_range"),
        (read_links, LINKS, {"source_offset": "41"}, "wrong_type"),
        (read_links, LINKS, {"links": [["address", "p"]]}, "out_of_range"),
        (read_links, LINKS, {"events": "AAAA"}, "out_of_range"),
        (read_links, LINKS, {"events": "no base64"}, "out_of_range"),
        (read_links, LINKS, {"uses": base64([0], [1])}, "out_of_range"),
        (read_links, LINKS, {"uses": base64([-1], [0])}, "out_of_range"),
        (read_links, LINKS, {"link_hashes": base64([1, 2])}, "out_of_range"),
        (read_findings, FINDINGS, {"part": -1}, "out_of_range"),
        (read_findings, FINDINGS, {"findings": [{"kind": "payment"}]}, "missing_field"),
    ],
)
def test_what_another_program_put_on_our_topics_is_a_dead_letter(
    read: Reader[object], good: object, change: dict[str, object], reason: str
) -> None:
    value = msgspec.json.encode(msgspec.to_builtins(good) | change)
    assert read_batch([Row(value)], read, NETWORKS).faults == [reason]


def test_fields_of_a_later_version_are_ignored() -> None:
    value = msgspec.json.encode(msgspec.to_builtins(LINKS) | {"news": 1})
    assert [item.links for item in read_batch([Row(value)], read_links, NETWORKS).items] == [LINKS]


GOOD, OTHER, LATE = msgspec.json.encode(EVENT), b"{", AT_MS - 25 * 3_600_000


@pytest.mark.parametrize(
    "rows",
    [
        [Row(GOOD, offset=offset) for offset in range(5)],
        [Row(GOOD), Row(OTHER, offset=8), Row(GOOD, offset=9)],
        [Row(GOOD), Row(None, offset=8)],
        [Row(GOOD), Row(GOOD, offset=8, key=b"bob"), Row(GOOD, offset=9, key=None)],
        [Row(GOOD), Row(GOOD, offset=8, timestamp=LATE)],
        [Row(GOOD), Row(GOOD[:-1] + b" " * 70_000 + b"}", offset=8)],
        [],
    ],
)
def test_a_batch_of_events_read_in_one_go_is_the_same_as_one_by_one(rows: list[Row]) -> None:
    together, singly = read_events(rows, OBSERVE), read_batch(rows, read_event, OBSERVE)
    assert (together.refused, together.faults) == (singly.refused, singly.faults)
    batch, expected = together.items, EventBatch(singly.items)
    assert (batch.offsets, batch.accounts, batch.profiles) == (expected.offsets, expected.accounts, expected.profiles)
    assert np.array_equal(batch.columns, expected.columns)
    assert np.array_equal(batch.appended_at_ms, expected.appended_at_ms)


def test_nothing_is_read_of_nothing() -> None:
    inputs = read_batch([], read_event, OBSERVE)
    assert (inputs.items, inputs.refused, inputs.faults) == ([], [], [])
