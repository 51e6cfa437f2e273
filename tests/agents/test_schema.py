"""The published schemas: valid by their own rules, of one mind with msgspec, and equal to the committed files."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft7Validator, Draft202012Validator
from msgspec import Struct

from agents.cli.schema import schema
from agents.deadletters import Refusal, dead_letter, decode_event
from agents.schema import TOPICS, asyncapi, documents, json_schema
from agents.topics import TopicNames
from streams.decisions import Decision
from streams.events import LATEST_MS, RequestEvent, RequestRecord

DEPLOY = Path(__file__).parent.parent.parent / "deploy"

PUBLISHED: dict[str, type[Struct]] = {
    "request-record": RequestRecord,
    "request-event": RequestEvent,
    "decision": Decision,
}
REQUEST = {
    "event_id": "e-1",
    "occurred_at_ms": 1_790_000_000_000,
    "account_id": "acc-1",
    "operation": "chat",
    "request_model": "m-1",
}
WHOLE: dict[str, dict[str, Any]] = {
    "request-record": REQUEST
    | {
        "client_address": "2001:db8::1",
        "messages": [
            {"role": "user", "content": "Solve 3x = 9."},
            {"role": "tool", "content": [{"type": "tool_result", "content": {"any": [1, None]}}]},
        ],
        "tools": ["search"],
        "temperature": 0.7,
        "status_code": 429,
    },
    "request-event": REQUEST | {"address_hash": "0123456789abcdef", "capability": "reasoning", "asn": 64500},
    "decision": {
        "decision_id": "d-1",
        "subject_kind": "campaign",
        "subject_id": "c-1",
        "action": "throttle",
        "reasons": [
            {
                "signal": "accounts_per_payment",
                "family": "identity",
                "sentence": "200 accounts share one payment method.",
                "observed": 200.0,
                "baseline": 1.25,
                "weight": 3.5,
            }
        ],
        "score": 0.75,
        "decided_at_ms": 1_790_000_000_000,
        "expires_at_ms": 1_790_021_600_000,
        "policy_version": "2026-11-23",
        "model_version": "1",
        "shadow": False,
        "sequence": 1,
        "campaign_id": "c-1",
        "members": ["acc-1", "acc-2"],
        "limits": {"requests": 30, "tokens": 60_000, "window_ms": 3_600_000},
    },
}
"""One whole example each."""

VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-1, 2**41),
        st.sampled_from([0, 1, 99, 100, 599, 600, 2**32 - 1, 2**32, 2**40, 2**40 + 1, LATEST_MS, LATEST_MS + 1]),
        st.floats(-1, 11).filter(lambda value: not value.is_integer()),  # JSON Schema takes 1.0 for an integer
        st.sampled_from([0, 1, 2, 3, 64, 65, 128, 129]).map(lambda length: "é" * length),
        st.sampled_from(["reasoning", "suspend", "account", "volume", "🙂" * 64, "🙂" * 65]),
    ),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["role", "content", "type"]), inner),
    max_leaves=4,
)


def paths_in(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key)
        yield from paths_in(inner, (*path, key))


def is_accepted(name: str, value: object) -> bool:
    try:
        msgspec.json.decode(msgspec.json.encode(value), type=PUBLISHED[name])
    except msgspec.ValidationError:
        return False
    return True


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_schema_is_valid_by_its_own_metaschema(name: str) -> None:
    Draft202012Validator.check_schema(json_schema(name))


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_schema_accepts_a_whole_example(name: str) -> None:
    assert is_accepted(name, WHOLE[name])
    Draft202012Validator(json_schema(name)).validate(WHOLE[name])


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_schema_names_every_field_of_its_struct_and_what_is_required(name: str) -> None:
    fields = msgspec.structs.fields(PUBLISHED[name])
    assert set(json_schema(name)["properties"]) == {field.encode_name for field in fields}
    assert set(json_schema(name)["required"]) == {field.encode_name for field in fields if field.required}


@pytest.mark.parametrize("name", PUBLISHED)
@given(data=st.data())
def test_a_schema_accepts_and_refuses_what_msgspec_does(name: str, data: st.DataObject) -> None:
    value = msgspec.json.decode(msgspec.json.encode(WHOLE[name]))
    optional = sorted(json_schema(name)["properties"])
    path = data.draw(st.sampled_from([*paths_in(value), *((field,) for field in optional), ("unknown",)]))
    place = value
    for key in path[:-1]:
        place = place[key]
    if data.draw(st.booleans()) or path[-1] not in place:
        place[path[-1]] = data.draw(VALUES)
    else:
        del place[path[-1]]
    assert Draft202012Validator(json_schema(name)).is_valid(value) == is_accepted(name, value)


@pytest.mark.parametrize("name", ["request-event", "decision"])
def test_what_msgspec_writes_is_what_the_schema_describes(name: str) -> None:
    written = msgspec.json.encode(msgspec.convert(WHOLE[name], PUBLISHED[name]))
    Draft202012Validator(json_schema(name)).validate(msgspec.json.decode(written))


def test_the_committed_files_are_what_the_code_says() -> None:
    assert {name: (DEPLOY / name).read_bytes() for name in documents()} == documents()


def test_the_topics_are_those_that_are_created() -> None:
    addresses = {channel["address"] for channel in asyncapi()["channels"].values()}
    assert addresses == set(msgspec.structs.astuple(TopicNames()))


def test_every_topic_is_published_with_its_key_and_content_type() -> None:
    document = asyncapi()
    messages = document["components"]["messages"]
    assert all(message["bindings"]["kafka"]["key"]["description"] for message in messages.values())
    kinds = {name: message["contentType"] for name, message in messages.items()}
    assert kinds.pop("dlq") == "application/octet-stream"
    assert set(kinds.values()) == {"application/json"}


def test_every_reference_leads_somewhere() -> None:
    document = asyncapi()
    references = [value for path, value in leaves(document) if path[-1] == "$ref"]
    assert references
    for reference in references:
        place: Any = document
        for key in reference.removeprefix("#/").split("/"):
            place = place[key]
        assert place


def leaves(value: object) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    for path in paths_in(value):
        place: Any = value
        for key in path:
            place = place[key]
        if not isinstance(place, dict | list):
            yield path, place


def test_an_operation_names_messages_of_its_own_channel() -> None:
    document = asyncapi()
    assert len(document["operations"]) == sum(len(topic.actions) for topic in TOPICS)
    for operation in document["operations"].values():
        assert operation["action"] in {"send", "receive"}
        channel = operation["channel"]["$ref"]
        assert all(message["$ref"].startswith(f"{channel}/messages/") for message in operation["messages"])


def test_the_schemas_inside_asyncapi_follow_the_older_json_schema_that_it_uses() -> None:
    for part in asyncapi()["components"]["schemas"].values():
        Draft7Validator.check_schema(part)
        assert not {"prefixItems", "$defs"} & set(part)


def test_the_headers_of_a_dead_letter_are_those_published() -> None:
    refusal = decode_event(b"{", None, appended_at_ms=0)
    assert isinstance(refusal, Refusal)
    letter = dead_letter(refusal, stage="observe", source=("stillwatch.requests", 3, 17), key=None, value=b"{")
    headers = {name: (value or b"").decode() for name, value in letter.headers}
    published = asyncapi()["components"]["messages"]["dlq"]["headers"]
    assert set(headers) == set(published["properties"]) == set(published["required"])
    Draft7Validator(published).validate(headers)
    assert headers["stillwatch.reason"] in published["properties"]["stillwatch.reason"]["description"]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(schema, arguments)


def test_the_command_writes_what_it_then_finds_in_order(tmp_path: Path) -> None:
    written = run("--out", str(tmp_path))
    assert (written.exit_code, written.stderr) == (0, "")
    assert {line.removesuffix(": written") for line in written.stdout.splitlines()} == {
        str(tmp_path / name) for name in documents()
    }
    checked = run("--out", str(tmp_path), "--check")
    assert (checked.exit_code, checked.stdout) == (0, f"{tmp_path}: the published schemas are what the code says.\n")


def test_the_check_names_each_file_that_drifted_and_writes_nothing(tmp_path: Path) -> None:
    run("--out", str(tmp_path))
    (tmp_path / "schema" / "decision.json").write_text("{}")
    (tmp_path / "schema" / "old.json").write_text("{}")
    (tmp_path / "asyncapi.json").unlink()
    result = run("--out", str(tmp_path), "--check")
    remedy = "run `stillwatch schema` and commit what it writes."
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.splitlines() == [
        f"{tmp_path}/asyncapi.json is missing: {remedy}",
        f"{tmp_path}/schema/decision.json differs from the code: {remedy}",
        f"{tmp_path}/schema/old.json belongs to no struct: {remedy}",
    ]
    assert not (tmp_path / "asyncapi.json").exists()


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = run("--out", str(tmp_path / "file"))
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == f"{tmp_path}/file/schema/request-record.json: cannot be written: Not a directory.\n"
