"""Rows of a file become records or are set apart, byte for byte and with a reason; a file that is none is refused."""

import gzip
import json
import os
from io import BytesIO
from pathlib import Path

import msgspec
import pytest

from agents.records import BadRow, RecordReader, UnreadableError, opened
from streams.events import MAX_EVENT_BYTES, MAX_RECORD_BYTES, RequestRecord
from streams.fingerprint import Fingerprinter

NOW_MS = 1_790_000_000_000
YEAR_MS = 365 * 24 * 60 * 60 * 1000
GOOD = {
    "event_id": "e-1",
    "occurred_at_ms": NOW_MS,
    "account_id": "acct-1",
    "operation": "chat",
    "request_model": "m",
    "input_tokens": 12,
    "temperature": 0.5,
}


def row(**fields: object) -> bytes:
    """One row; a field that is `...` is left out."""
    return json.dumps({name: value for name, value in (GOOD | fields).items() if value is not ...}).encode() + b"\n"


def read(content: bytes) -> tuple[list[RequestRecord], bytes, RecordReader]:
    """The records, the rejects and the reader."""
    rejects = bytearray()
    reader = RecordReader(lambda: NOW_MS, rejects.extend)
    records = list(reader.read(BytesIO(content), "rows"))
    return records, bytes(rejects), reader


def read_file(path: Path) -> list[RequestRecord]:
    with opened(str(path)) as lines:
        return list(RecordReader(lambda: NOW_MS).read(lines, str(path)))


def deep(levels: int) -> bytes:
    return row(extra="deep").replace(b'"deep"', b"[" * levels + b"]" * levels)


def padded(size: int) -> bytes:
    """A row of exactly `size` bytes, its line end not counted, that is long because of its prompt."""
    empty = row(messages=[{"role": "user", "content": ""}])
    return row(messages=[{"role": "user", "content": "p" * (size - len(empty) + 1)}])


@pytest.mark.parametrize(
    ("bad", "fault"),
    [
        (b"not json\n", "not_json"),
        (b"[1, 2]\n", "wrong_type"),
        (b'"text"\n', "wrong_type"),
        (b"\x00\n", "not_json"),
        (b"\x00" * 1000 + b"\n", "not_json"),
        (row() [:-1] + row(), "not_json"),
        (row(event_id=...), "missing_field"),
        (row(occurred_at_ms=...), "missing_field"),
        (row(account_id=None), "wrong_type"),
        (row(occurred_at_ms=str(NOW_MS)), "wrong_type"),
        (row(input_tokens=1.5), "wrong_type"),
        (row(input_tokens=True), "wrong_type"),
        (row(messages=[{"role": "user", "content": 5}]), "wrong_type"),
        (row(temperature=float("nan")), "not_json"),
        (row(temperature=float("inf")), "not_json"),
        (row(temperature=float("-inf")), "not_json"),
        (row().replace(b"0.5", b"1e999"), "out_of_range"),
        (row().replace(b"12", b"1e999"), "out_of_range"),
        (row().replace(b"12", b"9" * 400), "out_of_range"),
        (row(input_tokens=-1), "out_of_range"),
        (row(output_tokens=-1), "out_of_range"),
        (row(reasoning_tokens=-1), "out_of_range"),
        (row(event_id=""), "out_of_range"),
        (row(account_id="a" * 129), "out_of_range"),
        (row(status_code=99), "out_of_range"),
        (row(occurred_at_ms=0), "out_of_range"),
        (row(occurred_at_ms=NOW_MS // 1000), "out_of_range"),  # seconds, so a day in January 1970
        (row(occurred_at_ms=NOW_MS + YEAR_MS), "in_the_future"),
        (row(account_id="raw").replace(b"raw", b"\xff\xfe"), "not_utf8"),
        (row(account_id="raw").replace(b"raw", b"\xed\xa0\xbd"), "not_utf8"),
        (row(account_id="half \ud83d"), "not_utf8"),
        (row(event_id="\ude00"), "not_utf8"),
        (row(conversation_id="half \ud83d"), "not_utf8"),
        (row(account_id="half \ud83d", input_tokens=-1), "out_of_range"),
        (row().replace(b"acct-1", b"a\\udx"), "not_json"),
        (deep(100_000), "not_json"),
    ],
    ids=lambda value: str(value[:40]) if isinstance(value, bytes) else value,
)  # fmt: skip
def test_a_bad_row_is_kept_as_it_was_and_the_rows_around_it_are_read(bad: bytes, fault: str) -> None:
    before, after = row(event_id="before"), row(event_id="after")
    records, rejects, reader = read(before + bad + after)
    assert [record.event_id for record in records] == ["before", "after"]
    assert rejects == bad
    assert (reader.good, reader.bad) == (2, {fault: 1})
    (first,) = reader.first.values()
    assert (first.line, first.fault) == (2, fault)
    assert first.sentence.endswith(".")


def test_a_sentence_names_the_field_and_repeats_none_of_the_text() -> None:
    _, _, reader = read(row(input_tokens=-1) + row(plan="secret words" * 20))
    assert list(reader.first.values()) == [
        BadRow(1, "out_of_range", "`input_tokens` must be at least 0."),
    ]
    assert "secret" not in str(reader.first)


def test_bad_rows_keep_their_order_and_their_line_ends() -> None:
    content = b"one\r\n" + row() + b"two\n\n   \n" + b"three"
    records, rejects, reader = read(content)
    assert len(records) == 1
    assert rejects == b"one\r\ntwo\nthree"
    assert reader.first["not_json"].line == 1


@pytest.mark.parametrize(
    "good",
    [
        row(something_new={"a": [1, 2]}),
        row(event_id="e" * 64, account_id="ä" * 128),
        row(account_id="with a NUL \0"),
        row(occurred_at_ms=NOW_MS + 60_000),
        row(messages=[{"role": "user", "content": "cut \ud83d"}]),
        row(messages=[{"role": "user", "content": [{"type": "tool_result", "content": {"a": "\ud83d"}}]}]),
        row(messages=[{"role": "user", "content": "\ud83d\ude00 and \\ud83d"}, {"role": "user", "content": "\ude00"}]),
        row(user_agent="cut \ud83d"),
        row(messages=None, tools=[]),
        deep(500),
        row(messages=[{"role": "user", "content": [{"type": "tool_result", "content": "deep"}]}]).replace(
            b'"deep"', b"[" * 500 + b"]" * 500
        ),
    ],
    ids=lambda value: str(value[130:180]),
)
def test_a_row_that_the_contract_allows_is_read_and_gives_an_event(good: bytes) -> None:
    records, rejects, reader = read(good)
    assert (reader.good, rejects) == (1, b"")
    event = Fingerprinter(b"k" * 16).event(records[0])
    assert len(msgspec.json.encode(event)) <= MAX_EVENT_BYTES


def test_half_a_surrogate_pair_in_a_prompt_is_one_replacement_character() -> None:
    content = "\ud83d \\ud83d \U0001f600 \ude00\ud83d!"
    records, _, _ = read(row(messages=[{"role": "user", "content": content}]))
    assert records[0].messages
    assert records[0].messages[0].content == "\ufffd \\ud83d \U0001f600 \ufffd\ufffd!"


def test_an_event_id_that_came_before_is_refused_the_second_time() -> None:
    records, rejects, reader = read(row(account_id="first") + row(account_id="second") + row(event_id="e-2"))
    assert [record.account_id for record in records] == ["first", "acct-1"]
    assert rejects == row(account_id="second")
    assert reader.bad == {"duplicate_event_id": 1}


def test_a_bad_row_does_not_use_its_event_id_up() -> None:
    assert read(row(input_tokens=-1) + row())[2].good == 1


@pytest.mark.parametrize("content", [b"", b"\n", b"\r\n\r\n", b" \t\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n"])
def test_a_file_without_rows_has_neither_good_nor_bad_ones(content: bytes) -> None:
    records, rejects, reader = read(content)
    assert (records, rejects, reader.good, reader.bad.total()) == ([], b"", 0, 0)


@pytest.mark.parametrize(
    "content",
    [
        row(event_id="a") + row(event_id="b"),
        (row(event_id="a") + row(event_id="b")).rstrip(b"\n"),
        (row(event_id="a") + row(event_id="b")).replace(b"\n", b"\r\n"),
        b"\xef\xbb\xbf" + row(event_id="a") + row(event_id="b"),
        b"\n" + row(event_id="a") + b"\n\n" + row(event_id="b") + b"\n",
    ],
    ids=["plain", "no newline at the end", "CRLF", "byte order mark", "blank lines"],
)
def test_line_ends_and_a_byte_order_mark_are_no_part_of_a_row(content: bytes) -> None:
    assert [record.event_id for record in read(content)[0]] == ["a", "b"]


def test_a_row_as_long_as_the_limit_is_read_and_one_byte_more_is_not() -> None:
    limit, above = padded(MAX_RECORD_BYTES), padded(MAX_RECORD_BYTES + 1)
    for end in (b"\n", b"\r\n"):
        records, rejects, reader = read(limit.rstrip(b"\n") + end + above.rstrip(b"\n") + end + row(event_id="next"))
        assert [record.event_id for record in records] == ["e-1", "next"]
        assert rejects == above.rstrip(b"\n") + end
        assert reader.bad == {"too_large": 1}


@pytest.mark.parametrize("end", [b"", b"\n", b"\n" + row()], ids=["end of file", "newline", "another row"])
def test_a_line_of_twenty_megabytes_is_one_bad_row(end: bytes) -> None:
    line = b"x" * 20_000_000
    _, rejects, reader = read(line + end)
    assert rejects == line + end[:1]
    assert reader.bad == {"too_large": 1}
    assert reader.good == end.count(b"{")


def test_no_record_makes_an_event_above_the_limit_of_the_bus() -> None:
    widest = "\x00" * 128  # six bytes each as JSON
    words = {
        field.name: widest
        for field in msgspec.structs.fields(RequestRecord)
        if "str" in str(field.type) and field.name not in {"event_id", "country", "user_agent", "messages", "tools"}
    }
    words["operation"] = words["request_model"] = words["account_id"] = widest
    content = row(
        **words,
        event_id="\x00" * 64,
        country="\x00\x00",
        user_agent="u" * 1_000_000,
        tools=["t" * 1_000] * 10_000,
        messages=[{"role": "user", "content": "word " * 200_000}] * 3,
    )
    records, _, _ = read(content)
    assert len(msgspec.json.encode(Fingerprinter(b"k" * 16).event(records[0]))) <= MAX_EVENT_BYTES


def test_a_gzip_file_is_known_by_its_content_and_not_by_its_name(tmp_path: Path) -> None:
    packed, plain = tmp_path / "rows.jsonl", tmp_path / "rows.jsonl.gz"
    packed.write_bytes(gzip.compress(row()) + gzip.compress(row(event_id="second member")))
    plain.write_bytes(row())
    assert [record.event_id for record in read_file(packed)] == ["e-1", "second member"]
    assert [record.event_id for record in read_file(plain)] == ["e-1"]


def test_a_gzip_cut_short_says_after_which_line(tmp_path: Path) -> None:
    path = tmp_path / "rows.gz"
    path.write_bytes(gzip.compress(row(event_id="a") + row(event_id="b"))[:-4])
    records: list[RequestRecord] = []
    with (
        pytest.raises(UnreadableError, match=rf"^{path} is cut short or damaged after line 2: "),
        opened(str(path)) as it,
    ):
        records.extend(RecordReader(lambda: NOW_MS).read(it, str(path)))
    assert len(records) == 2


@pytest.mark.parametrize("damage", [slice(0, 30), slice(0, -1)], ids=["in its rows", "in its checksum"])
def test_a_damaged_gzip_is_refused(tmp_path: Path, damage: slice) -> None:
    path = tmp_path / "rows.gz"
    path.write_bytes(gzip.compress(b"".join(row(event_id=str(number)) for number in range(1000)))[damage])
    with pytest.raises(UnreadableError, match="is cut short or damaged after line"):
        read_file(path)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (row().decode().encode("utf-16"), "UTF-16"),
        (row().decode().encode("utf-16-le"), "UTF-16"),
        (row().decode().encode("utf-16-be"), "UTF-16"),
        (row().decode().encode("utf-32"), "UTF-32"),
        (b"PK\x03\x04rest", "a zip archive"),
        (b"\x28\xb5\x2f\xfdrest", "Zstandard"),
    ],
)
def test_a_file_in_another_form_is_refused_whole(tmp_path: Path, content: bytes, kind: str) -> None:
    path = tmp_path / "rows"
    path.write_bytes(content)
    with pytest.raises(UnreadableError, match=f"{kind}.*; it must be JSON Lines in UTF-8, plain or gzip$"):
        read_file(path)


def test_what_cannot_be_opened_is_one_sentence(tmp_path: Path) -> None:
    for path, reason in ((tmp_path, "Is a directory"), (tmp_path / "absent", "No such file or directory")):
        with pytest.raises(UnreadableError, match=rf"^{path} cannot be opened: {reason}$"):
            read_file(path)
    with pytest.raises(UnreadableError, match="embedded null"), opened("nul\0byte"):
        pass


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_of_somebody_else_is_one_sentence(tmp_path: Path) -> None:
    unreadable = tmp_path / "unreadable"
    unreadable.touch(mode=0)
    with pytest.raises(UnreadableError, match=r"cannot be opened: Permission denied$"):
        read_file(unreadable)


def test_a_disc_that_fails_while_reading_is_one_sentence() -> None:
    class Failing(BytesIO):
        def readline(self, size: int | None = -1, /) -> bytes:
            if self.tell():
                raise OSError(5, "Input/output error")
            return super().readline(size)

    with pytest.raises(UnreadableError, match=r"^rows cannot be read after line 1: Input/output error$"):
        list(RecordReader(lambda: NOW_MS).read(Failing(row() * 2), "rows"))


def test_a_reader_that_runs_for_days_goes_by_the_time_of_each_record(tmp_path: Path) -> None:
    now_ms = NOW_MS
    reader = RecordReader(lambda: now_ms)
    later = row(event_id="later", occurred_at_ms=NOW_MS + 2 * 86_400_000)
    (tmp_path / "rows").write_bytes(later)
    with (tmp_path / "rows").open("rb") as lines:
        assert list(reader.read(lines, "rows")) == []
    now_ms += 2 * 86_400_000
    with (tmp_path / "rows").open("rb") as lines:
        assert [record.event_id for record in reader.read(lines, "rows")] == ["later"]
