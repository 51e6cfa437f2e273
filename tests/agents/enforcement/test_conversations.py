"""What is read of a request's body."""

import gzip
import json
import zlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.enforcement.conversations import of_body, of_data, said_at
from streams.events import ContentPart, Message, RequestRecord
from streams.fingerprint import Fingerprinter

LARGEST = 4_096
OPENAI = b'{"model": "m", "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]}'
ANTHROPIC = (
    b'{"model": "m", "system": "Be brief.", "max_tokens": 9, "messages": [{"role": "user", "content": '
    b'[{"type": "text", "text": "Hi"}, {"type": "image", "source": {"type": "base64", "data": "AAAA"}}]}]}'
)
PACKED = gzip.compress(OPENAI, mtime=0)
"""Without the time of day, by which each process would call the tests otherwise."""
MESSAGES = st.lists(
    st.builds(
        Message,
        st.sampled_from(["user", "assistant"]),
        st.none() | st.text() | st.lists(st.builds(ContentPart, st.just("text"), st.none() | st.text())),
    ),
    max_size=5,
)
FINGERPRINTER = Fingerprinter(b"a key for the tests")
RECORD = RequestRecord(
    event_id="e", occurred_at_ms=1_780_000_000_000, account_id="a", operation="chat", request_model="m"
)


def test_the_shape_of_openai_is_read() -> None:
    assert of_body(OPENAI, largest=LARGEST) == [Message("system", "Be brief."), Message("user", "Hi")]


def test_the_shape_of_anthropic_is_read() -> None:
    assert of_body(ANTHROPIC, largest=LARGEST) == [
        Message("user", [ContentPart("text", "Hi"), ContentPart("image")]),
    ]


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("", OPENAI),
        ("identity", OPENAI),
        ("gzip", PACKED),
        ("X-GZIP ", PACKED),
        ("deflate", zlib.compress(OPENAI)),
    ],
)
def test_a_compressed_body_is_read_like_any(encoding: str, packed: bytes) -> None:
    assert of_body(packed, encoding, largest=LARGEST) == of_body(OPENAI, largest=LARGEST)


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (b"", ""),
        (b"{", ""),
        (b"[]", ""),
        (b'{"messages": 7}', ""),
        (b'{"messages": [{"role": "user", "content": "\xff"}]}', ""),
        (OPENAI, "gzip"),
        (OPENAI, "br"),
        (PACKED[:-9], "gzip"),
        (gzip.compress(OPENAI + b" " * LARGEST, mtime=0), "gzip"),
        (b"[" * 100_000, ""),
    ],
)
def test_what_cannot_be_read_is_no_conversation(body: bytes, encoding: str) -> None:
    assert of_body(body, encoding, largest=LARGEST) is None


@given(body=st.binary(), encoding=st.sampled_from(["", "gzip", "deflate", "br", "gzip, gzip"]))
def test_no_body_raises(body: bytes, encoding: str) -> None:
    of_body(body, encoding, largest=64)


@given(messages=MESSAGES)
def test_a_body_and_what_a_gateway_made_of_it_are_read_alike(messages: list[Message]) -> None:
    body = msgspec.json.encode({"messages": messages})
    assert of_body(body, largest=len(body)) == (messages or None)
    assert of_data(msgspec.json.decode(body)) == (messages or None)


@pytest.mark.parametrize(
    "data", [{}, {"messages": None}, {"messages": 7}, {"messages": [7]}, {"input": []}, {"x": "Hi"}]
)
def test_data_in_which_nothing_is_said_is_none(data: dict[str, object]) -> None:
    assert of_data(data) is None


@pytest.mark.parametrize(
    "data",
    [
        {"prompt": "Hi"},
        {"input": "Hi"},
        {"input": [{"role": "user", "content": "Hi"}]},
        {"messages": [{"role": "user", "content": "Hi"}], "prompt": "not this"},
    ],
)
def test_a_prompt_and_an_input_are_what_the_user_said(data: dict[str, object]) -> None:
    assert of_data(data) == of_body(msgspec.json.encode(data), largest=LARGEST) == [Message("user", "Hi")]


@given(asked=st.text(min_size=1).filter(lambda it: it.strip() != ""))
def test_a_gateway_sees_the_template_that_the_log_will_give(asked: str) -> None:
    openai = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": asked}]
    parts = [{"role": "user", "content": [{"type": "text", "text": asked}]}]
    event = msgspec.structs.replace(RECORD, messages=[Message("user", asked)])
    expected = FINGERPRINTER.event(event)
    for said in (openai, parts):
        seen = of_body(json.dumps({"messages": said}).encode(), largest=10**6)
        assert seen is not None
        template_hash, sketch, _ = FINGERPRINTER.asked(seen)
        assert (template_hash, sketch) == (expected.template_hash, expected.sketch)


def test_what_litellm_writes_for_a_hidden_text_hides_nothing_else() -> None:
    said = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "redacted-by-litellm"}]
    assert of_data({"messages": said}) == [Message("user", "Hi"), Message("assistant", "redacted-by-litellm")]
    assert of_data({"messages": said[1:]}) is None


def test_what_is_said_is_read_where_the_endpoint_reads_it() -> None:
    body = b'{"messages": [{"role": "user", "content": "a"}], "input": "b", "prompt": "c"}'
    paths = ("/v1/chat/completions", "/v1/messages", "/v1/responses", "/v1/completions")
    read = [of_body(body, first=said_at(path), largest=1_000) for path in paths]
    assert [said[-1].content if said else None for said in read] == ["a", "a", "b", "c"]
    (only,) = of_body(b'{"prompt": "c"}', first=said_at("/v1/responses"), largest=1_000) or []
    assert only.content == "c"
