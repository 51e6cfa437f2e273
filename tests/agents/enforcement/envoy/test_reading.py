from typing import Any

import pytest
from envoy.extensions.common.ratelimit.v3.ratelimit_pb2 import RateLimitDescriptor
from envoy.service.auth.v3.external_auth_pb2 import CheckRequest
from google.protobuf.struct_pb2 import Struct
from google.protobuf.wrappers_pb2 import UInt64Value
from hypothesis import given
from hypothesis import strategies as st

from agents.enforcement.envoy.options import EnvoyOptions
from agents.enforcement.envoy.reading import ask_of_check, ask_of_descriptor
from agents.enforcement.words import MOST_TOKENS
from streams.enforcement import Ask
from streams.events import LATEST_MS

HEADERS = EnvoyOptions()
METADATA = EnvoyOptions(account_metadata=("jwt", "claims", "sub"))
KEYS = ("account", "template", "sketch", "tokens", "payment", "account_created")


def check(headers: dict[str, str], namespace: str = "", metadata: dict[str, Any] | None = None) -> CheckRequest:
    request = CheckRequest()
    request.attributes.request.http.headers.update(headers)
    if metadata is not None:
        fields = Struct()
        fields.update(metadata)
        request.attributes.metadata_context.filter_metadata[namespace].CopyFrom(fields)
    return request


def descriptor(entries: dict[str, str]) -> RateLimitDescriptor:
    return RateLimitDescriptor(
        entries=[RateLimitDescriptor.Entry(key=key, value=value) for key, value in entries.items()]
    )


def expected(values: dict[str, str]) -> Ask | None:
    """The rules in other words: no account, no question; what is empty or longer than 128 is not there."""
    account, template, sketch, tokens, payment, created = (values.get(key, "") for key in KEYS)
    if not 1 <= len(account) <= 128:
        return None
    is_number = tokens != "" and set(tokens) <= set("0123456789") and len(tokens) <= 13
    return Ask(
        account,
        template if 1 <= len(template) <= 128 else None,
        sketch if 1 <= len(sketch) <= 128 else None,
        min(int(tokens), MOST_TOKENS) if is_number else 0,
        payment if 1 <= len(payment) <= 128 else None,
        int(created) if set(created) <= set("0123456789") and 10**11 <= int(created or "0") <= LATEST_MS else None,
    )


WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=140) | st.sampled_from(
    [
        "a" * 128,
        "a" * 129,
        "12",
        "007",
        "²",
        "-3",
        "1e3",
        str(MOST_TOKENS),
        str(MOST_TOKENS + 1),
        "9" * 30,
        str(LATEST_MS),
    ]
)
VALUES = st.dictionaries(st.sampled_from(KEYS), WORDS)


@given(VALUES)
def test_headers_ask_what_they_say_and_nothing_that_they_hold_is_an_error(values: dict[str, str]) -> None:
    headers = {f"x-stillwatch-{key.replace('_', '-')}": value for key, value in values.items()} | {
        "authorization": "secret"
    }
    assert ask_of_check(check(headers), HEADERS) == expected(values)


@given(VALUES)
def test_a_descriptor_asks_what_its_entries_say(values: dict[str, str]) -> None:
    assert ask_of_descriptor(descriptor(values | {"other": "x"}), 0) == expected(values)


def test_tokens_are_those_of_the_entry_else_of_the_descriptor_else_of_the_request() -> None:
    own = descriptor({"account": "a"})
    own.hits_addend.CopyFrom(UInt64Value(value=2**63))
    both = descriptor({"account": "a", "tokens": "9"})
    both.hits_addend.CopyFrom(UInt64Value(value=5))
    assert ask_of_descriptor(both, 7) == Ask("a", tokens=9)
    assert ask_of_descriptor(own, 7) == Ask("a", tokens=MOST_TOKENS)
    assert ask_of_descriptor(descriptor({"account": "a"}), 7) == Ask("a", tokens=7)
    assert ask_of_descriptor(descriptor({"account": "a"}), 0) == Ask("a")


@pytest.mark.parametrize(
    ("namespace", "metadata", "account"),
    [
        ("jwt", {"claims": {"sub": "a"}}, "a"),
        ("jwt", {"claims": {"sub": 4711}}, "4711"),
        ("jwt", {"claims": {"sub": 1.5}}, None),
        ("jwt", {"claims": {"sub": ""}}, None),
        ("jwt", {"claims": {"sub": ["a"]}}, None),
        ("jwt", {"claims": {"sub": None}}, None),
        ("jwt", {"claims": "sub"}, None),
        ("jwt", {"claims": {}}, None),
        ("jwt", {}, None),
        ("other", {"claims": {"sub": "a"}}, None),
    ],
)
def test_an_account_in_metadata_is_at_the_end_of_its_path(
    namespace: str, metadata: dict[str, Any], account: str | None
) -> None:
    ask = ask_of_check(check({}, namespace, metadata), METADATA)
    assert ask == (None if account is None else Ask(account))


def test_where_the_account_is_in_metadata_the_header_counts_for_nothing() -> None:
    headers = {"x-stillwatch-account": "innocent", "x-stillwatch-template": "t"}
    assert ask_of_check(check(headers), METADATA) is None
    assert ask_of_check(check(headers, "jwt", {"claims": {"sub": "a"}}), METADATA) == Ask("a", "t")


def test_the_account_may_be_in_another_header() -> None:
    assert ask_of_check(check({"x-account": "a"}), EnvoyOptions(account_header="x-account")) == Ask("a")
