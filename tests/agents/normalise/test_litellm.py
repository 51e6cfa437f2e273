"""LiteLLM's payloads become records; the shape is that of BerriAI/litellm,
tests/logging_callback_tests/gcs_pub_sub_body/standard_logging_payload.json, and of `StandardLoggingPayload` in
litellm/types/utils.py for the fields that are null there.
"""

import json
from typing import Any

import pytest

from streams.events import ContentPart, Message, RequestRecord
from tests.agents.normalise.reading import one, read

PAYLOAD: dict[str, Any] = {
    "id": "chatcmpl-2299b6a2-82a3-465a-b47c-04e685a2227f",
    "trace_id": None,
    "litellm_call_id": "b980db26-9512-45cc-b1da-c511a363b83f",
    "call_type": "acompletion",
    "stream": True,
    "status": "success",
    "custom_llm_provider": "openai",
    "startTime": 1737710446.847371,
    "endTime": 1737710446.851954,
    "completionStartTime": 1737710446.851954,
    "response_time": 0.007394075393676758,
    "model": "gpt-4o",
    "metadata": {
        "user_api_key_hash": "88dc28d0f030c55ed4ab77ed8faf098196cb1c05df778539800c9f1243fe6b4b",
        "user_api_key_alias": None,
        "user_api_key_team_id": "team-3",
        "user_api_key_org_id": None,
        "user_api_key_user_id": "customer-7",
        "user_api_key_end_user_id": None,
        "requester_ip_address": "192.0.2.10",
        "user_agent": "OpenAI/Python 1.99",
        "usage_object": {"completion_tokens_details": {"reasoning_tokens": 8}},
        "user_api_key_auth_metadata": {"plan": "pro", "payment_hash": "5a8f"},
    },
    "total_tokens": 30,
    "prompt_tokens": 10,
    "completion_tokens": 20,
    "end_user": "",
    "model_group": "",
    "requester_ip_address": None,
    "messages": [{"role": "user", "content": "Hello, world!"}],
    "response": {
        "model": "gpt-4o",
        "choices": [{"finish_reason": "stop", "index": 0, "message": {"content": "hi", "role": "assistant"}}],
        "usage": {"completion_tokens": 20, "prompt_tokens": 10, "completion_tokens_details": None},
    },
    "model_parameters": {
        "temperature": 0.5,
        "max_completion_tokens": 300,
        "reasoning_effort": "low",
        "tools": [{"type": "function", "function": {"name": "get_weather"}}],
    },
    "error_information": {"error_code": "", "error_class": "", "llm_provider": ""},
}

RECORD = RequestRecord(
    event_id="chatcmpl-2299b6a2-82a3-465a-b47c-04e685a2227f",
    occurred_at_ms=1737710446847,
    account_id="customer-7",
    operation="chat",
    request_model="gpt-4o",
    org_id="team-3",
    api_key_id="88dc28d0f030c55ed4ab77ed8faf098196cb1c05df778539800c9f1243fe6b4b",
    plan="pro",
    payment_hash="5a8f",
    client_address="192.0.2.10",
    user_agent="OpenAI/Python 1.99",
    messages=[Message("user", "Hello, world!")],
    tools=["get_weather"],
    max_tokens=300,
    temperature=0.5,
    reasoning_effort="low",
    input_tokens=10,
    output_tokens=20,
    reasoning_tokens=8,
    finish_reason="stop",
    latency_ms=4,
)


def row(**fields: object) -> bytes:
    return json.dumps(PAYLOAD | fields).encode()


def metadata(**fields: object) -> dict[str, object]:
    return {**PAYLOAD["metadata"], **fields}


def test_a_payload_is_a_record() -> None:
    assert one("litellm", row()) == RECORD


def test_times_may_be_text_as_the_older_callbacks_write_them() -> None:
    times = {"startTime": "2025-01-24 09:20:46.847371", "endTime": "2025-01-24 09:20:46.851954"}
    assert one("litellm", row(**times)) == RECORD


@pytest.mark.parametrize(
    "content",
    [
        b"[" + row(id="a") + b", " + row(id="b") + b"]",  # json_array
        row(id="a") + b"\n" + row(id="b"),  # ndjson
        json.dumps([PAYLOAD | {"id": "a"}, PAYLOAD | {"id": "b"}], indent=2).encode(),  # a batch that somebody kept
        b"[" + row(id="a") + b"]\n[" + row(id="b") + b"]\n",
    ],
    ids=["json_array", "ndjson", "pretty", "a batch a line"],
)
def test_batches_are_read_in_every_log_format(content: bytes) -> None:
    records, reader = read("litellm", content)
    assert [record.event_id for record in records] == ["a", "b"]
    assert not reader.bad


@pytest.mark.parametrize(
    ("fields", "account"),
    [
        ({}, "customer-7"),
        ({"user_api_key_user_id": "default_user_id"}, PAYLOAD["metadata"]["user_api_key_hash"]),
        ({"user_api_key_user_id": None}, PAYLOAD["metadata"]["user_api_key_hash"]),
        ({"user_api_key_user_id": "", "user_api_key_hash": None, "user_api_key_end_user_id": "e-1"}, "e-1"),
        ({"user_api_key_user_id": None, "user_api_key_hash": None}, "end-9"),
    ],
)
def test_the_account_is_whom_the_key_belongs_to(fields: dict[str, object], account: str) -> None:
    assert one("litellm", row(metadata=metadata(**fields), end_user="end-9")).account_id == account


def test_without_an_account_the_sentence_says_what_was_tried_and_what_to_do() -> None:
    _, reader = read("litellm", row(metadata={}))
    assert reader.bad == {"missing_account": 1}
    assert reader.first["missing_account"].sentence == (
        "No account: none of `metadata.user_api_key_user_id`, `metadata.user_api_key_hash`, "
        "`metadata.user_api_key_end_user_id`, `end_user` says one; --account-attribute names another."
    )


def test_another_attribute_may_hold_the_account_and_then_it_alone() -> None:
    custom = metadata(requester_custom_headers={"x-account": "h-1"})
    named = "metadata.requester_custom_headers.x-account"
    assert one("litellm", row(metadata=custom), named).account_id == "h-1"
    assert read("litellm", row(), named)[1].bad == {"missing_account": 1}


@pytest.mark.parametrize(
    ("call_type", "operation"),
    [
        ("completion", "chat"),
        ("acompletion", "chat"),
        ("aresponses", "chat"),
        ("anthropic_messages", "chat"),
        ("agenerate_content_stream", "generate_content"),
        ("atext_completion", "text_completion"),
        ("aembedding", "embeddings"),
        ("arerank", "arerank"),
        ("pass_through_endpoint", "pass_through_endpoint"),
    ],
)
def test_a_call_type_is_an_operation(call_type: str, operation: str) -> None:
    assert one("litellm", row(call_type=call_type)).operation == operation


def test_a_call_of_no_model_is_passed_over() -> None:
    records, reader = read("litellm", row(call_type="list_mcp_tools", model="", model_group=None))
    assert (records, reader.passed, reader.bad.total()) == ([], 1, 0)


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, 200),
        ({"status": "failure", "error_information": {"error_code": "429"}}, 429),
        ({"status": "failure", "error_information": {"error_code": ""}}, 500),
        ({"status": "failure", "error_information": None}, 500),
        ({"status": "failure", "error_information": {"error_code": "200"}}, 500),
    ],
)
def test_a_failure_has_the_code_that_is_told_and_is_no_success_without_one(fields: Any, status: int) -> None:  # noqa: ANN401
    assert one("litellm", row(**fields)).status_code == status


@pytest.mark.parametrize(
    ("said", "messages"),
    [
        ("a prompt", [Message("user", "a prompt")]),
        ("[1] looks like a list", [Message("user", "[1] looks like a list")]),
        ('{"role": "system"}', [Message("user", '{"role": "system"}')]),
        (["one", "two"], [Message("user", "one"), Message("user", "two")]),
        ([{"role": "user", "content": "redacted-by-litellm"}], None),
        ({}, None),
        (None, None),
        ([{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Weather?"}]},
          {"type": "function_call", "name": "f", "arguments": "{}"}, {"type": "function_call_output", "output": "57"}],
         [Message("user", [ContentPart("input_text", "Weather?")]), Message("assistant", [ContentPart("tool_use")]),
          Message("tool", [ContentPart("tool_result", "57")])]),
        ([{"role": "system", "content": "S"}, {"role": "user", "content": [
            {"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": "data:..."}}]}],
         [Message("system", "S"), Message("user", [ContentPart("text", "What is it?"), ContentPart("image_url")])]),
        ([{"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]}, {"role": "tool", "content": "57"}],
         [Message("assistant", [ContentPart("tool_use")]), Message("tool", [ContentPart("tool_result", "57")])]),
    ],
)  # fmt: skip
def test_messages_in_every_form_and_never_a_placeholder(said: object, messages: list[Message] | None) -> None:
    assert one("litellm", row(messages=said)).messages == messages


def test_what_does_not_fit_is_left_out_and_the_request_counts() -> None:
    record = one(
        "litellm",
        row(
            metadata=metadata(requester_metadata={"session_id": "s" * 129}, requester_ip_address="192.0.2.1, 10.0.0.1"),
            model_parameters={"temperature": -3, "max_tokens": "many", "tools": 5},
            model="m" * 500,
            prompt_tokens=-1,
        ),
    )
    assert (record.conversation_id, record.client_address, record.temperature, record.max_tokens) == (None,) * 4
    assert (record.request_model, record.input_tokens, record.tools) == ("m" * 128, 0, None)


def test_half_a_character_in_a_prompt_is_mended_and_in_an_account_refused() -> None:
    half = row(messages=[{"role": "user", "content": "cut \ud83d"}])
    assert one("litellm", half).messages == [Message("user", "cut \ufffd")]
    assert read("litellm", row(metadata=metadata(user_api_key_user_id="a\ud83d")))[1].bad == {"not_utf8": 1}


def test_a_payload_that_comes_again_is_refused() -> None:
    assert read("litellm", row() + b"\n" + row())[1].bad == {"duplicate_event_id": 1}
