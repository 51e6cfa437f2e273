import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.deadletters import (
    MAX_AHEAD_MS,
    DeadLetter,
    Reason,
    Refusal,
    classify,
    dead_letter,
    decode_event,
    original_headers,
)
from agents.topics import FRAME_BYTES, TopicNames, specs
from streams.events import MAX_EVENT_BYTES, RequestEvent, RequestRecord

TYPED_TEXT = "marmalade"
AT_MS = 1_790_000_000_000
FIELDS: dict[str, object] = {
    "event_id": "e1",
    "occurred_at_ms": AT_MS,
    "account_id": "a1",
    "operation": "chat",
    "request_model": "m1",
}


def bytes_of(**changed: object) -> bytes:
    return json.dumps({**FIELDS, **changed}).encode()


def read(value: bytes | None, key: bytes | None = b"a1", appended_at_ms: int = AT_MS) -> RequestEvent | Refusal:
    return decode_event(value, key, appended_at_ms=appended_at_ms)


def refusal(value: bytes | None, key: bytes | None = b"a1", appended_at_ms: int = AT_MS) -> Refusal:
    answer = read(value, key, appended_at_ms)
    assert isinstance(answer, Refusal)
    return answer


def test_a_good_event_is_read_and_unknown_fields_are_ignored() -> None:
    assert read(bytes_of(colour="red"), b"a1") == RequestEvent(
        event_id="e1", occurred_at_ms=AT_MS, account_id="a1", operation="chat", request_model="m1"
    )


BAD: dict[str, tuple[bytes | None, Reason, str]] = {
    "no value": (None, Reason.NO_VALUE, "The record has no value."),
    "one byte above 64 KiB": (
        b" " * (MAX_EVENT_BYTES + 1),
        Reason.TOO_LARGE,
        "The value has 65537 bytes, more than the 65536 an event may have.",
    ),
    "empty": (b"", Reason.NOT_JSON, "The value is not JSON."),
    "plain text": (TYPED_TEXT.encode(), Reason.NOT_JSON, "The value is not JSON."),
    "cut short": (bytes_of()[:-1], Reason.NOT_JSON, "The value is not JSON."),
    "two objects": (bytes_of() + bytes_of(), Reason.NOT_JSON, "The value is not JSON."),
    "a byte order mark": (b"\xef\xbb\xbf" + bytes_of(), Reason.NOT_JSON, "The value is not JSON."),
    "NaN": (bytes_of(temperature=float("nan")), Reason.NOT_JSON, "The value is not JSON."),
    "Infinity": (bytes_of(temperature=float("inf")), Reason.NOT_JSON, "The value is not JSON."),
    "-Infinity": (bytes_of(temperature=float("-inf")), Reason.NOT_JSON, "The value is not JSON."),
    "NaN in an unknown field": (bytes_of(colour=float("nan")), Reason.NOT_JSON, "The value is not JSON."),
    "a lone surrogate": (bytes_of(account_id="\ud800"), Reason.NOT_JSON, "The value is not JSON."),
    "too deep": (b'{"x":' + b"[" * 20_000, Reason.NOT_JSON, "The value is nested too deeply to be read."),
    "Latin-1 in a field": (
        bytes_of(plan="PLAN").replace(b"PLAN", b"caf\xe9"),
        Reason.NOT_UTF8,
        "The value is not UTF-8.",
    ),
    "UTF-16": (bytes_of().decode().encode("utf-16"), Reason.NOT_UTF8, "The value is not UTF-8."),
    "an array": (b"[]", Reason.WRONG_TYPE, "The value must be object, not array."),
    "null": (b"null", Reason.WRONG_TYPE, "The value must be object, not null."),
    "a missing field": (b"{}", Reason.MISSING_FIELD, "The required field `event_id` is missing."),
    "a number as text": (
        bytes_of(input_tokens=TYPED_TEXT),
        Reason.WRONG_TYPE,
        "`input_tokens` must be int, not str.",
    ),
    "a fraction of a millisecond": (
        bytes_of(occurred_at_ms=AT_MS + 0.5),
        Reason.WRONG_TYPE,
        "`occurred_at_ms` must be int, not float.",
    ),
    "a truth value as a number": (
        bytes_of(input_tokens=True),
        Reason.WRONG_TYPE,
        "`input_tokens` must be int, not bool.",
    ),
    "text as a number": (bytes_of(plan=7), Reason.WRONG_TYPE, "`plan` must be str or null, not int."),
    "negative tokens": (bytes_of(input_tokens=-1), Reason.OUT_OF_RANGE, "`input_tokens` must be at least 0."),
    "too many tokens": (
        bytes_of(output_tokens=2**70),
        Reason.OUT_OF_RANGE,
        "`output_tokens` must be at most 1099511627776.",
    ),
    "1970": (
        bytes_of(occurred_at_ms=0),
        Reason.OUT_OF_RANGE,
        "`occurred_at_ms` must be at least 1577836800000.",
    ),
    "seconds for milliseconds": (
        bytes_of(occurred_at_ms=AT_MS // 1000),
        Reason.OUT_OF_RANGE,
        "`occurred_at_ms` must be at least 1577836800000.",
    ),
    "an endless number": (
        bytes_of(temperature=1.5).replace(b"1.5", b"1e999"),
        Reason.OUT_OF_RANGE,
        "`temperature` is not a value that the contract allows.",
    ),
    "a temperature below zero": (
        bytes_of(temperature=-0.5),
        Reason.OUT_OF_RANGE,
        "`temperature` must be at least 0.0.",
    ),
    "an empty account": (
        bytes_of(account_id=""),
        Reason.OUT_OF_RANGE,
        "`account_id` must have a length of at least 1.",
    ),
    "a long event id": (
        bytes_of(event_id=TYPED_TEXT * 8),
        Reason.OUT_OF_RANGE,
        "`event_id` must have a length of at most 64.",
    ),
    "an unheard-of capability": (
        bytes_of(capability=TYPED_TEXT),
        Reason.OUT_OF_RANGE,
        "`capability` is not a value that the contract allows.",
    ),
}


@pytest.mark.parametrize(("value", "reason", "sentence"), BAD.values(), ids=BAD)
def test_a_bad_record_gets_its_reason_and_one_sentence(value: bytes | None, reason: Reason, sentence: str) -> None:
    answer = refusal(value)
    assert (answer.reason, answer.sentence) == (reason, sentence)


def test_an_event_of_exactly_64_kib_is_read() -> None:
    value = bytes_of()
    assert isinstance(read(value + b" " * (MAX_EVENT_BYTES - len(value)), b"a1"), RequestEvent)


@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        (None, "The record has no key."),
        (b"", "The record's key is not the event's `account_id`."),
        (b"a2", "The record's key is not the event's `account_id`."),
        (b"\xff", "The record's key is not the event's `account_id`."),
    ],
)
def test_a_key_that_is_not_the_account_is_refused(key: bytes | None, sentence: str) -> None:
    answer = refusal(bytes_of(), key)
    assert (answer.reason, answer.sentence) == (Reason.KEY_MISMATCH, sentence)


def test_a_key_beyond_ascii_is_compared_in_utf8() -> None:
    assert isinstance(read(bytes_of(account_id="a\u0301\U0001f600"), "a\u0301\U0001f600".encode()), RequestEvent)


def test_an_event_a_day_ahead_of_its_append_is_read_and_one_further_is_refused() -> None:
    at_the_bound = bytes_of(occurred_at_ms=AT_MS + MAX_AHEAD_MS)
    assert isinstance(read(at_the_bound, b"a1", appended_at_ms=AT_MS), RequestEvent)
    answer = refusal(bytes_of(occurred_at_ms=AT_MS + MAX_AHEAD_MS + 1), appended_at_ms=AT_MS)
    assert answer.reason is Reason.IN_THE_FUTURE
    assert answer.sentence == "`occurred_at_ms` is 24 hours after the time at which the record was appended."


def test_an_event_of_next_year_is_refused() -> None:
    next_year = bytes_of(occurred_at_ms=AT_MS + 365 * 86_400_000)
    assert refusal(next_year, appended_at_ms=AT_MS).reason is Reason.IN_THE_FUTURE


def test_every_reason_is_reached_by_some_record() -> None:
    reached = {reason for _, reason, _ in BAD.values()}
    assert reached | {Reason.KEY_MISMATCH, Reason.IN_THE_FUTURE} == set(Reason)


@pytest.mark.parametrize("value", [value for value, _, _ in BAD.values()], ids=BAD)
def test_no_sentence_repeats_the_payload(value: bytes | None) -> None:
    answer = refusal(value)
    assert TYPED_TEXT not in answer.sentence + answer.error
    assert answer.sentence.endswith(".")
    assert len(answer.sentence) < 300


def test_a_place_deep_in_a_record_is_named() -> None:
    value = bytes_of(messages=[{"role": "user", "content": [{"type": 7}]}])
    with pytest.raises(msgspec.ValidationError) as raised:
        msgspec.json.decode(value, type=RequestRecord)
    assert classify(raised.value, value).sentence == "`messages[0].content[0].type` must be str, not int."
    missing = bytes_of(messages=[{"content": "x"}])
    with pytest.raises(msgspec.ValidationError) as raised:
        msgspec.json.decode(missing, type=RequestRecord)
    assert classify(raised.value, missing) == Refusal(
        Reason.MISSING_FIELD, "The required field `role` is missing in `messages[0]`.", "ValidationError"
    )


@given(st.binary(max_size=200), st.none() | st.binary(max_size=20))
def test_any_bytes_at_all_are_answered_without_an_error(value: bytes, key: bytes | None) -> None:
    assert isinstance(read(value, key), RequestEvent | Refusal)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text("ab\u00e9\U0001f600", max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab\u00e9", max_size=4), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from([*RequestEvent.__struct_fields__, "colour"]), JSON_VALUES, max_size=4))
def test_any_values_in_known_fields_are_answered_without_an_error(changed: dict[str, object]) -> None:
    assert isinstance(read(bytes_of(**changed), b"a1"), RequestEvent | Refusal)


def letter(value: bytes | None, headers: tuple[tuple[str, bytes | None], ...] = ()) -> DeadLetter:
    return dead_letter(
        refusal(value), stage="observe", source=("stillwatch.requests", 3, 42), key=b"a1", value=value, headers=headers
    )


def test_a_dead_letter_keeps_the_original_and_adds_what_kafka_connect_adds() -> None:
    value = bytes_of(input_tokens=-1)
    assert letter(value, (("traceparent", b"00-aa-bb-01"), ("empty", None))) == DeadLetter(
        key=b"a1",
        value=value,
        headers=(
            ("traceparent", b"00-aa-bb-01"),
            ("empty", None),
            ("__connect.errors.topic", b"stillwatch.requests"),
            ("__connect.errors.partition", b"3"),
            ("__connect.errors.offset", b"42"),
            ("__connect.errors.connector.name", b"stillwatch"),
            ("__connect.errors.stage", b"observe"),
            ("__connect.errors.class.name", b"agents.deadletters.decode_event"),
            ("__connect.errors.exception.class.name", b"ValidationError"),
            ("__connect.errors.exception.message", b"`input_tokens` must be at least 0."),
            ("stillwatch.reason", b"out_of_range"),
        ),
    )


def test_a_replayed_dead_letter_gets_its_own_headers_back_and_does_not_grow() -> None:
    first = letter(b"{}", (("traceparent", b"00-aa-bb-01"),))
    assert original_headers(first.headers) == (("traceparent", b"00-aa-bb-01"),)
    again = dead_letter(
        refusal(b"{}"),
        stage="observe",
        source=("stillwatch.requests", 3, 42),
        key=first.key,
        value=first.value,
        headers=original_headers(first.headers),
    )
    assert again == first


def test_what_is_added_fits_the_room_kept_for_it_even_with_the_longest_names() -> None:
    worst = max((refusal(value) for value, _, _ in BAD.values()), key=lambda answer: len(answer.sentence))
    source = ("t" * 249, 2**31 - 1, 2**63 - 1)
    headers = dead_letter(worst, stage="campaigns", source=source, key=None, value=b"").headers
    framing = 100 + 10 * len(headers)  # Kafka's own takes less
    assert sum(len(name.encode()) + len(value or b"") for name, value in headers) + framing < FRAME_BYTES


def test_the_topics_are_created_with_the_limits_that_dead_letters_count_on() -> None:
    names = TopicNames()
    limits = {spec.name: spec.max_message_bytes for spec in specs(names)}
    assert limits[names.dlq] >= 4 * limits[names.requests] + FRAME_BYTES
