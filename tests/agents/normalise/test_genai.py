"""OpenTelemetry's GenAI spans and logs become records, the same from JSON and from protobuf.

The cases are the examples of docs/gen-ai/non-normative/examples-llm-calls.md in
open-telemetry/semantic-conventions-genai ("Simple chat completion", "Multimodal inputs example", "Tool calls"), and
what v1.36 of the conventions had instead.
"""

import json
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.normalise import MAX_BATCH_BYTES
from agents.normalise.frames import read_frames
from agents.records import RecordReader, UnreadableError
from streams.events import CAPABILITIES, EARLIEST_MS, ContentPart, Message, RequestRecord
from tests.agents.normalise import otlp
from tests.agents.normalise.reading import NOW_MS, one, read, reader

pytest.importorskip("opentelemetry.proto", reason="opentelemetry-proto is not installed")

SIMPLE: dict[str, object] = {
    "gen_ai.provider.name": "openai",
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "gpt-4",
    "gen_ai.request.max_tokens": 200,
    "gen_ai.request.top_p": 1.0,
    "gen_ai.response.id": "chatcmpl-9J3uIL87gldCFtiIbyaOvTeYBRA3l",
    "gen_ai.response.model": "gpt-4-0613",
    "gen_ai.usage.input_tokens": 52,
    "gen_ai.usage.output_tokens": 47,
    "gen_ai.usage.cache_read.input_tokens": 20,
    "gen_ai.response.finish_reasons": ["stop"],
    "user.id": "customer-7",
}
SAID = [
    {"role": "system", "parts": [{"type": "text", "content": "You are a helpful bot"}]},
    {"role": "user", "parts": [{"type": "text", "content": "Tell me a joke about OpenTelemetry"}]},
]
MESSAGES = [
    Message("system", [ContentPart("text", "You are a helpful bot")]),
    Message("user", [ContentPart("text", "Tell me a joke about OpenTelemetry")]),
]
RECORD = RequestRecord(
    event_id="4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
    occurred_at_ms=1_789_000_000_123,
    account_id="customer-7",
    operation="chat",
    request_model="gpt-4",
    max_tokens=200,
    input_tokens=52,
    output_tokens=47,
    finish_reason="stop",
    latency_ms=1500,
)


def both(export: dict[str, Any]) -> list[RequestRecord]:
    """The records of an export, once JSON and protobuf have agreed."""
    found = []
    for name, row in (("otlp-json", otlp.as_json(export)), ("otlp-protobuf", otlp.as_protobuf(export))):
        taking = reader(name)
        found.append((list(taking.take(row, 1)), taking.bad, taking.passed))
    assert [otlp.plain(it) for it in found[0][0]] == [otlp.plain(it) for it in found[1][0]]
    assert found[0][1:] == found[1][1:]
    return found[0][0]


def of_span(attributes: dict[str, object], **fields: object) -> RequestRecord:
    (record,) = both(otlp.traces(otlp.span(SIMPLE | attributes, **fields)))
    return record


def test_a_span_without_content_is_a_record() -> None:
    assert of_span({}) == RECORD


@pytest.mark.parametrize("said", [SAID, json.dumps(SAID)], ids=["structured", "as JSON in text"])
def test_messages_are_read_from_a_span_in_both_forms(said: object) -> None:
    assert of_span({"gen_ai.input.messages": said}).messages == MESSAGES


def test_messages_are_read_from_the_details_event_of_a_span_and_of_the_log() -> None:
    event = {
        "name": "gen_ai.client.inference.operation.details",
        "attributes": otlp.pairs({"gen_ai.input.messages": SAID}),
    }
    assert of_span({}, events=[event]).messages == MESSAGES
    (record,) = both(otlp.logs(otlp.log(SIMPLE | {"gen_ai.input.messages": SAID})))
    assert record.messages == MESSAGES
    assert (record.event_id, record.latency_ms) == (RECORD.event_id, None)


def test_a_span_and_its_details_in_the_log_are_one_request() -> None:
    rows = otlp.as_json(otlp.traces(otlp.span(SIMPLE))) + b"\n" + otlp.as_json(otlp.logs(otlp.log(SIMPLE)))
    records, taking = read("otlp-json", rows)
    assert len(records) == 1
    assert taking.bad == {"duplicate_event_id": 1}


def test_instructions_that_stand_apart_come_first() -> None:
    apart = [{"type": "text", "content": "You are a language translator."}]
    record = of_span({"gen_ai.system_instructions": apart, "gen_ai.input.messages": SAID[1:]})
    assert record.messages == [Message("system", [ContentPart("text", "You are a language translator.")]), MESSAGES[1]]


def test_the_conventions_of_before_are_read() -> None:
    before: dict[str, object] = {
        "gen_ai.system": "openai",
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "gpt-4",
        "gen_ai.request.max_tokens": 200,
        "gen_ai.usage.prompt_tokens": 52,
        "gen_ai.usage.completion_tokens": 47,
        "gen_ai.response.finish_reasons": ["stop"],
        "enduser.id": "customer-7",
    }
    events = [
        {"name": "gen_ai.system.message", "attributes": otlp.pairs({"content": "You are a helpful bot"})},
        {"name": "gen_ai.user.message", "attributes": otlp.pairs({"content": "Tell me a joke about OpenTelemetry"})},
        {"name": "gen_ai.choice", "attributes": otlp.pairs({"index": 0, "message": "Why did ..."})},
    ]
    (record,) = both(otlp.traces(otlp.span(before, events=events)))
    said = [Message("system", "You are a helpful bot"), Message("user", "Tell me a joke about OpenTelemetry")]
    assert record.messages == said
    assert otlp.plain(record) | {"messages": None} == otlp.plain(RECORD)
    prompt = {"name": "gen_ai.content.prompt", "attributes": otlp.pairs({"gen_ai.prompt": json.dumps(SAID)})}
    (older,) = both(otlp.traces(otlp.span(before, events=[prompt])))
    assert older.messages == MESSAGES
    for said_plainly in ("[a] prompt", '{"a": "prompt"}'):
        (plain,) = both(otlp.traces(otlp.span(before | {"gen_ai.prompt": said_plainly})))
        assert plain.messages == [Message("user", said_plainly)]


def test_messages_that_were_cut_short_are_left_out() -> None:
    assert of_span({"gen_ai.input.messages": json.dumps(SAID)[:-30]}).messages is None


def test_parts_of_every_kind() -> None:
    parts = [
        {"type": "text", "content": "What is in the attached data?"},
        {"type": "uri", "modality": "image", "mime_type": "image/png", "uri": "https://example.com/logo.png"},
        {"type": "uri", "modality": "video", "mime_type": "video/mp4", "uri": "gs://my-bucket/my-video.mp4"},
        {"type": "file", "file_id": "provider_fileid_123"},
        {"type": "blob", "modality": "image", "mime_type": "image/png", "content": "aGVsbG8="},
        {"type": "tool_call", "id": "call_1", "name": "get_weather", "arguments": {"location": "Paris"}},
        {"type": "tool_call_response", "id": "call_1", "result": "rainy, 57F"},
        {"type": "reasoning", "content": "It rains."},
    ]
    record = of_span({"gen_ai.input.messages": [{"role": "user", "parts": parts}]})
    assert record.messages == [
        Message(
            "user",
            [
                ContentPart("text", "What is in the attached data?"),
                ContentPart("image"),
                ContentPart("video"),
                ContentPart("file"),
                ContentPart("image"),
                ContentPart("tool_use"),
                ContentPart("tool_result", "rainy, 57F"),
                ContentPart("reasoning", "It rains."),
            ],
        )
    ]


@pytest.mark.parametrize("operation", ["execute_tool", "invoke_agent", "create_agent", "retrieval", "search_memory"])
def test_a_span_of_something_else_is_passed_over(operation: str) -> None:
    export = otlp.traces(otlp.span(SIMPLE | {"gen_ai.operation.name": operation}), otlp.span({"http.method": "GET"}))
    taking = reader("otlp-json")
    assert list(taking.take(otlp.as_json(export), 1)) == []
    assert (taking.passed, taking.bad.total(), both(export)) == (2, 0, [])


def test_message_events_of_the_log_are_passed_over() -> None:
    body = otlp.value({"content": "Tell me a joke about OpenTelemetry"})
    export = otlp.logs(otlp.log({"gen_ai.system": "openai"}, eventName="gen_ai.user.message", body=body))
    assert both(export) == []
    assert both(otlp.logs(otlp.log({"gen_ai.system": "openai", "event.name": "gen_ai.choice"}, eventName=""))) == []


@pytest.mark.parametrize(
    ("attributes", "fields", "status"),
    [
        ({}, {}, 200),
        ({"http.response.status_code": 429}, {}, 429),
        ({"error.type": "429"}, {}, 429),
        ({"error.type": "timeout"}, {}, 500),
        ({}, {"status": {"code": 2}}, 500),
        ({}, {"status": {"code": 1}}, 200),
    ],
)
def test_a_failure_is_never_a_success(attributes: dict[str, object], fields: dict[str, Any], status: int) -> None:
    assert of_span(attributes, **fields).status_code == status


def test_the_resource_says_what_the_span_does_not() -> None:
    attributes = {name: of for name, of in SIMPLE.items() if name != "user.id"}
    export = otlp.traces(otlp.span(attributes), resource={"user.id": "tenant-3", "gen_ai.request.model": "other"})
    (record,) = both(export)
    assert (record.account_id, record.request_model) == ("tenant-3", "gpt-4")


def test_without_an_account_or_an_id_a_span_is_refused() -> None:
    nobody = otlp.traces(otlp.span(SIMPLE | {"user.id": "unknown"}))
    taking = reader("otlp-json")
    assert list(taking.take(otlp.as_json(nobody), 1)) == []
    assert taking.first["missing_account"].sentence.startswith("No account: none of `user.id`, `enduser.id`, ")
    no_ids = otlp.log({name: of for name, of in SIMPLE.items() if name != "gen_ai.response.id"}, traceId="", spanId="")
    taking = reader("otlp-protobuf")
    assert list(taking.take(otlp.as_protobuf(otlp.logs(no_ids)), 1)) == []
    assert taking.first["missing_field"].sentence == (
        "`event_id` is not known: none of `stillwatch.event_id`, `(trace id and span id)`, `gen_ai.response.id` "
        "says it."
    )


def test_what_is_no_protobuf_is_one_refusal() -> None:
    taking = reader("otlp-protobuf")
    for garbage in (b"not protobuf at all", b"\xff" * 40, otlp.as_json(otlp.traces(otlp.span(SIMPLE)))):
        assert list(taking.take(garbage, 1)) == []
    assert taking.bad == {"not_protobuf": 3}
    assert list(taking.take(b"", 1)) == []
    assert taking.bad.total() == 3


@given(st.lists(st.binary(max_size=60), max_size=4))
def test_a_log_record_is_never_taken_for_a_span(texts: list[bytes]) -> None:
    said = [{"role": "user", "parts": [{"type": "text", "content": it.decode("latin-1")}]} for it in texts]
    export = otlp.logs(*(otlp.log(SIMPLE | {"gen_ai.input.messages": said}) for _ in range(2)))
    assert len(both(export)) == 1  # the second is the repeat of the first


def test_frames_are_read_one_after_the_other_and_where_they_break_off_it_is_said() -> None:
    spans = [otlp.traces(otlp.span(SIMPLE, spanId=f"{number:016x}")) for number in range(1, 4)]
    content = otlp.framed(map(otlp.as_protobuf, spans))
    assert len(list(read_frames(reader("otlp-protobuf"), BytesIO(content), "in"))) == 3
    for cut, words in (
        (content[:-1], "in breaks off in message 3"),
        (content + b"\0\0", "in breaks off after message 3"),
    ):
        records: list[RequestRecord] = []
        with pytest.raises(UnreadableError, match=words):
            records.extend(read_frames(reader("otlp-protobuf"), BytesIO(cut), "in"))
        assert len(records) >= 2 or not records
    with pytest.raises(UnreadableError, match="in has no message that could be one after message 0; it must be what"):
        list(read_frames(reader("otlp-protobuf"), BytesIO(otlp.as_json(spans[0])), "in"))


def test_a_bad_frame_is_kept_with_its_length() -> None:
    kept: list[bytes] = []
    taking = RecordReader(lambda: NOW_MS, kept.append, lambda _row: [("not_protobuf", "No.")], largest=MAX_BATCH_BYTES)
    assert list(read_frames(taking, BytesIO(otlp.framed([b"abc", b"d"])), "in")) == []
    assert b"".join(kept) == otlp.framed([b"abc", b"d"])


def test_the_documented_encodings_of_numbers_and_ids_are_all_read() -> None:
    as_numbers = otlp.span(SIMPLE, startTimeUnixNano=otlp.BEGAN_NS, traceId=otlp.TRACE.upper())
    as_numbers["attributes"].append({"key": "gen_ai.request.max_tokens", "value": {"intValue": 200}})
    assert one("otlp-json", otlp.as_json(otlp.traces(as_numbers))) == RECORD


words = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=40).filter(
    lambda it: (
        it.strip().casefold() not in {"", "-", "--", "0", "n/a", "na", "nil", "none", "null", "undefined", "unknown"}
    )
)
maybe = st.none() | words
parts = st.lists(
    st.one_of(
        st.builds(ContentPart, st.sampled_from(["text", "reasoning", "tool_result"]), words),
        st.sampled_from([ContentPart("image"), ContentPart("tool_use")]),
    ),
    min_size=1,
    max_size=3,
)
any_record = st.builds(
    RequestRecord,
    event_id=words,
    occurred_at_ms=st.integers(EARLIEST_MS, NOW_MS),
    account_id=words,
    operation=st.sampled_from(["chat", "text_completion", "embeddings", "generate_content", *CAPABILITIES]),
    request_model=words,
    org_id=maybe,
    api_key_id=maybe,
    account_created_at_ms=st.none() | st.integers(EARLIEST_MS, NOW_MS),
    plan=maybe,
    plan_daily_tokens=st.none() | st.integers(0, 2**40),
    payment_hash=maybe,
    client_address=st.none() | st.ip_addresses().map(str),
    asn=st.none() | st.integers(0, 2**32 - 1),
    network_type=maybe,
    country=st.none() | st.sampled_from(["CH", "DE"]),
    user_agent=maybe,
    tls_fingerprint=maybe,
    access_path=maybe,
    conversation_id=maybe,
    messages=st.none()
    | st.lists(
        st.builds(Message, st.sampled_from(["user", "assistant", "system"]), words | parts), min_size=1, max_size=3
    ),
    tools=st.none() | st.lists(words, min_size=1, max_size=3),
    max_tokens=st.none() | st.integers(0, 2**40),
    temperature=st.none() | st.floats(0, 10),
    reasoning_effort=maybe,
    input_tokens=st.integers(0, 2**40),
    output_tokens=st.integers(0, 2**40),
    reasoning_tokens=st.integers(0, 2**40),
    status_code=st.integers(100, 599),
    finish_reason=maybe,
    latency_ms=st.integers(0, 2**40),
)


@given(any_record)
def test_a_record_that_went_through_otlp_is_the_same(record: RequestRecord) -> None:
    (found,) = both(otlp.traces(otlp.span_of(record)))
    assert otlp.plain(found) == otlp.plain(record)
