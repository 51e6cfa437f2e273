"""What is read of a request's body."""

import gzip
import zlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.enforcement.conversations import of_body, of_data
from streams.events import ContentPart, Message

LARGEST = 4_096
OPENAI = b'{"model": "m", "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]}'
ANTHROPIC = (
    b'{"model": "m", "system": "Be brief.", "max_tokens": 9, "messages": [{"role": "user", "content": '
    b'[{"type": "text", "text": "Hi"}, {"type": "image", "source": {"type": "base64", "data": "AAAA"}}]}]}'
)
MESSAGES = st.lists(
    st.builds(
        Message,
        st.sampled_from(["user", "assistant"]),
        st.none()
        | st.text()
        | st.lists(st.builds(ContentPart, st.sampled_from(["text", "image"]), st.none() | st.text())),
    )
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
        ("gzip", gzip.compress(OPENAI)),
        ("X-GZIP ", gzip.compress(OPENAI)),
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
        (b'{"prompt": "Hi"}', ""),
        (b'{"messages": "Hi"}', ""),
        (b'{"messages": [{"content": "Hi"}]}', ""),
        (b'{"messages": [{"role": "user", "content": "\xff"}]}', ""),
        (OPENAI, "gzip"),
        (OPENAI, "br"),
        (gzip.compress(OPENAI)[:-9], "gzip"),
        (gzip.compress(OPENAI + b" " * LARGEST), "gzip"),
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
    assert of_body(body, largest=len(body)) == messages
    assert of_data(msgspec.json.decode(body)["messages"]) == messages


@pytest.mark.parametrize("data", [None, "Hi", 7, [object()], [{"role": "user", "content": object()}], {"role": "user"}])
def test_data_that_is_no_conversation_is_none(data: object) -> None:
    assert of_data(data) is None
