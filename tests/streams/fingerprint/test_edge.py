"""From a record to an event: what passes, what is counted, what must not get out, and what must not break it."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.events import MAX_EVENT_BYTES, ContentPart, Message, RequestEvent, RequestRecord
from streams.fingerprint import Fingerprinter

FINGERPRINTER = Fingerprinter(b"a key for the tests")
TEXTUAL = {"messages", "client_address", "user_agent", "tools"}


def record(prompt: str | None = None, /, **fields: object) -> RequestRecord:
    """Return a record around a prompt, or with the messages in `fields`."""
    values = {"event_id": "e", "occurred_at_ms": 1_780_000_000_000, "account_id": "a", "operation": "chat"}
    values |= {"request_model": "m", **fields}
    if prompt is not None:
        values["messages"] = [{"role": "user", "content": prompt}]
    return msgspec.json.decode(msgspec.json.encode(values), type=RequestRecord)


def event(prompt: str | None = None, /, **fields: object) -> RequestEvent:
    """Return the event of such a record."""
    return FINGERPRINTER.event(record(prompt, **fields))


def test_every_field_without_text_passes_unchanged() -> None:
    fields = {
        "org_id": "o", "api_key_id": "k", "account_created_at_ms": 5, "plan": "pro", "plan_daily_tokens": 6,
        "payment_hash": "p", "asn": 7, "network_type": "mobile", "country": "FR", "tls_fingerprint": "t",
        "access_path": "web", "conversation_id": "c", "max_tokens": 8, "temperature": 0.5, "reasoning_effort": "low",
        "input_tokens": 9, "output_tokens": 10, "reasoning_tokens": 11, "status_code": 429, "finish_reason": "refusal",
        "latency_ms": 12,
    }  # fmt: skip
    made = event(**fields)
    assert {name: getattr(made, name) for name in fields} == fields
    covered = {*fields, *TEXTUAL, "event_id", "occurred_at_ms", "account_id", "operation", "request_model"}
    assert covered == set(RequestRecord.__struct_fields__), "a new field of the record is not passed on"


@pytest.mark.parametrize("nothing", [" ", "-", "0", "None", " null ", "N/A", "unknown"])
def test_what_a_log_writes_where_it_knows_nothing_is_no_value(nothing: str) -> None:
    fields = ("org_id", "payment_hash", "tls_fingerprint", "conversation_id")
    made = event(**dict.fromkeys(fields, nothing))
    assert [getattr(made, name) for name in fields] == [None] * len(fields)


def test_an_account_is_not_opened_in_the_very_millisecond_of_each_of_its_requests() -> None:
    at_ms = event().occurred_at_ms
    assert event(account_created_at_ms=at_ms).account_created_at_ms is None
    assert event(account_created_at_ms=at_ms - 1).account_created_at_ms == at_ms - 1


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 16"):
        Fingerprinter(b"short")


@pytest.mark.parametrize("messages", [None, [], [{"role": "user"}], [{"role": "user", "content": []}]])
def test_a_request_of_nothing_has_an_event_without_content(messages: object) -> None:
    made = event(messages=messages)
    assert (made.template_hash, made.sketch, made.capability, made.capability_strength) == (None, None, "other", 0.0)
    assert (made.address_hash, made.network_hash, made.user_agent_hash) == (None, None, None)


def test_the_template_is_of_the_last_thing_the_user_asked() -> None:
    ask = "List the rivers of Spain"
    plain = event(ask).template_hash
    assert plain is not None
    in_conversation = [
        {"role": "system", "content": "You are a careful agent of the framework."},
        {"role": "user", "content": "Hello, who are you today?"},
        {"role": "assistant", "content": "A model that likes rivers."},
        {"role": "user", "content": [{"type": "text", "text": ask}]},
        {"role": "assistant", "content": [{"type": "tool_use"}]},
        {"role": "user", "content": [{"type": "tool_result", "content": "Ebro, Tajo"}]},
    ]
    made = event(messages=in_conversation)
    assert made.template_hash == plain
    assert made.turn_count == 6


def test_a_shared_system_prompt_ties_nobody() -> None:
    system = {"role": "system", "content": "You are a careful agent. Follow all the rules of the framework."}
    asks = ["List the rivers of Spain", "Write a poem about autumn leaves"]
    made = [event(messages=[system, {"role": "user", "content": ask}]) for ask in asks]
    assert made[0].template_hash != made[1].template_hash


def test_the_result_of_a_tool_is_not_what_the_user_asked() -> None:
    asked = Message("user", "Fix the failing test of the parser, please")
    result = Message("user", [ContentPart("tool_result", "The file /src/parser.py has been written successfully")])
    both = FINGERPRINTER.asked([asked, result])
    assert both[:2] == FINGERPRINTER.asked([asked])[:2]
    assert both.character_count == len("Fix the failing test of the parser, please") + 53


def test_counts_are_of_all_messages() -> None:
    messages = [
        {"role": "system", "content": "12345"},
        {"role": "user", "content": [{"type": "text", "text": "123"}, {"type": "image"}, {"type": "image_url"}]},
    ]
    made = event(messages=messages, tools=["search", "browse"])
    assert (made.character_count, made.turn_count, made.image_count, made.tool_count) == (8, 2, 2, 2)


def test_one_user_agent_and_one_address_always_have_one_hash() -> None:
    one = event(client_address="192.0.2.7", user_agent="curl/8")
    other = event("Another thing entirely", client_address="::ffff:192.0.2.7", user_agent="curl/8")
    assert (one.address_hash, one.network_hash, one.user_agent_hash) == (
        other.address_hash, other.network_hash, other.user_agent_hash,
    )  # fmt: skip
    assert one.user_agent_hash != event(user_agent="curl/9").user_agent_hash


@pytest.mark.parametrize("unit", ["7", '"', "`", "[[[[", "word ", "\ud800", "\x00", "\n", "é", "请", "'a ", "x"])
def test_a_prompt_of_a_megabyte_gives_a_small_event(unit: str) -> None:
    text = unit * (1_000_000 // len(unit))
    made = FINGERPRINTER.event(msgspec.structs.replace(record(), messages=[Message("user", text)]))
    assert made.character_count == len(text)
    assert len(msgspec.json.encode(made)) < MAX_EVENT_BYTES


def test_a_message_of_ten_thousand_parts_is_one_text() -> None:
    parts = [ContentPart("text", "List the rivers of Spain")] + [ContentPart("text", "and more")] * 9_999
    made = FINGERPRINTER.event(msgspec.structs.replace(record(), messages=[Message("user", parts)]))
    assert made.turn_count == 1
    assert made.template_hash is not None


def test_an_image_alone_asks_for_vision_and_has_no_template() -> None:
    made = event(messages=[{"role": "user", "content": [{"type": "image"}]}])
    assert (made.template_hash, made.sketch, made.capability, made.image_count) == (None, None, "vision", 1)


def test_what_is_remembered_does_not_change_an_event() -> None:
    asked = record("Write a Python function that sorts a list of 3 numbers", client_address="2001:db8::1")
    fresh = Fingerprinter(b"a key for the tests")
    assert fresh.event(asked) == FINGERPRINTER.event(asked) == fresh.event(asked)


_ANY_TEXT = st.text(alphabet=st.characters(codec=None, categories=None))
_CONTENT = st.one_of(
    st.none(),
    _ANY_TEXT,
    st.lists(st.builds(ContentPart, st.sampled_from(["text", "image", "x"]), st.none() | _ANY_TEXT)),
)


@given(st.lists(st.builds(Message, st.sampled_from(["user", "system", "x"]), _CONTENT)), _ANY_TEXT, _ANY_TEXT)
def test_no_text_anywhere_raises(messages: list[Message], address: str, agent: str) -> None:
    asked = msgspec.structs.replace(record(), messages=messages, client_address=address, user_agent=agent)
    made = FINGERPRINTER.event(asked)
    assert msgspec.json.decode(msgspec.json.encode(made), type=RequestEvent) == made


@given(st.lists(st.builds(Message, st.sampled_from(["user", "system", "x"]), _CONTENT)))
def test_a_gateway_can_tell_beforehand_what_the_event_will_say(messages: list[Message]) -> None:
    made = FINGERPRINTER.event(msgspec.structs.replace(record(), messages=messages))
    assert FINGERPRINTER.asked(messages) == (made.template_hash, made.sketch, made.character_count)


_SECRET = st.text(alphabet="abcdefgh 0123456789.:/", min_size=8, max_size=80)


@given(_SECRET, _SECRET, _SECRET)
@settings(max_examples=200)
def test_no_eight_characters_of_prompt_address_or_agent_get_out(prompt: str, address: str, agent: str) -> None:
    encoded = msgspec.json.encode(event(prompt, client_address=address, user_agent=agent)).decode()
    without = msgspec.json.encode(event("")).decode()
    for text in (prompt, address, agent):
        windows = {text[at : at + 8] for at in range(len(text) - 7)}
        assert [window for window in windows if window in encoded and window not in without] == []
