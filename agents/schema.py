"""What is published about the contract: JSON Schemas of what crosses a border, and an AsyncAPI document of the topics.

All of it is generated from the structs, by `msgspec.json.schema_components`, and from the tables below; nothing here
reads or writes a file. `stillwatch schema` writes the documents to deploy/, and a test refuses a drift.

AsyncAPI 3.0.0: https://www.asyncapi.com/docs/reference/specification/v3.0.0, Kafka bindings 0.5.0.
"""

import inspect
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

import msgspec
from msgspec import Struct

from agents.deadletters import Reason, Refusal, dead_letter
from agents.signing import CONTEXT, KEY_ID_HEADER, SIGNATURE_HEADER
from streams.decisions import Decision
from streams.events import RequestEvent, RequestRecord
from streams.feedback import Verdict
from streams.findings import Findings
from streams.links import Links

CONTRACT_VERSION = "1.0.0"
"""The contract's version, not the program's: a field that is taken away or means something else is a new major."""

JSON_SCHEMA = "https://json-schema.org/draft/2020-12/schema"
KAFKA_BINDING = "0.5.0"


STRUCTS: Mapping[str, type[Struct]] = MappingProxyType(
    {"request-record": RequestRecord, "request-event": RequestEvent, "decision": Decision, "verdict": Verdict}
)
"""What others write or read, by the name of its schema file."""

Document = dict[str, Any]


class Topic(Struct, frozen=True):
    """One topic as others see it. `actions` are Stillwatch's own; `key` and `value` say what a record holds.

    `value` is a struct, or None for bytes that are passed on as they came. `headers` maps a name to what it says; they
    are there without exception if `always_headers`.
    `rules` is what a reader must know beyond the summary.
    """

    name: str
    summary: str
    key: str
    value: type[Struct] | None
    actions: tuple[Literal["send", "receive"], ...]
    headers: Mapping[str, str] = MappingProxyType({})
    always_headers: bool = True
    rules: str = ""

    @property
    def word(self) -> str:
        """The name less `stillwatch.`: what the document calls the channel and its message."""
        return self.name.removeprefix("stillwatch.")


def _dead_letter_headers() -> dict[str, str]:
    """Return the names that a dead letter adds, taken from one, so that they cannot drift."""
    refusal = Refusal(Reason.NOT_JSON, "", "")
    sample = dead_letter(refusal, stage="", source=("", 0, 0), key=None, value=None)
    return {name: _HEADER_MEANINGS[name] for name, _ in sample.headers}


_HEADER_MEANINGS: Mapping[str, str] = MappingProxyType(
    {
        "__connect.errors.topic": "The topic the record came from.",
        "__connect.errors.partition": "Its partition there, in decimal digits.",
        "__connect.errors.offset": "Its offset there, in decimal digits.",
        "__connect.errors.connector.name": "Always stillwatch.",
        "__connect.errors.stage": "The stage that refused it, such as observe.",
        "__connect.errors.class.name": "The function that refused it.",
        "__connect.errors.exception.class.name": "The class of the error.",
        "__connect.errors.exception.message": "One sentence, without any text of the record.",
        "stillwatch.reason": f"One of {', '.join(Reason)}.",
    }
)

_SIGNATURE_HEADERS: Mapping[str, str] = MappingProxyType(
    {
        KEY_ID_HEADER: "The first 16 hexadecimal digits of the SHA-256 of the raw public key that the record is of.",
        SIGNATURE_HEADER: (
            f"64 raw bytes: the Ed25519 signature of four parts, each after its length in 4 bytes, big endian: "
            f"`{CONTEXT.decode()}`, the topic's word (`enforcement` or `alerts`), the record's key, its value."
        ),
    }
)

_ENFORCEMENT_RULES = (
    "Delivery is at least once, and in order for each subject only, not among subjects. The topic is kept for 90 days "
    "and is not compacted, because each decision about a campaign holds only the members it adds: a new gateway reads "
    "it from its beginning. How a gateway applies decisions is in the description of the schema Decision. The headers "
    "are there where the worker has a signing key; a gateway that has the public key takes no decision without them."
)

TOPICS: tuple[Topic, ...] = (
    Topic(
        name="stillwatch.requests",
        summary="One request each, without text, as the edge fingerprint made it at the gateway.",
        key="account_id, as in the value; any other key is a dead letter.",
        value=RequestEvent,
        actions=("receive", "send"),
    ),
    Topic(
        name="stillwatch.links",
        summary="Inside Stillwatch: what accounts share, one row a use, a record for each batch of requests.",
        key="None: the partition is that of the link, xxh64 of its value seeded by its kind, modulo their number.",
        value=Links,
        actions=("send", "receive"),
    ),
    Topic(
        name="stillwatch.findings",
        summary="Inside Stillwatch: shared things that tie accounts together, with reasons.",
        key="None: the topic has one partition, because campaigns are tied over all findings together.",
        value=Findings,
        actions=("send", "receive"),
    ),
    Topic(
        name="stillwatch.feedback",
        summary="What a reviewer says of an account or a campaign: `stillwatch release` and `stillwatch confirm`.",
        key="subject_id, as in the value; any other key is a dead letter.",
        value=Verdict,
        actions=("receive", "send"),
        rules=(
            "It has as many partitions as stillwatch.requests, and a verdict about an account is in the partition of "
            "the account's requests: Kafka's default partitioner does that. Only who may release somebody may write it."
        ),
    ),
    Topic(
        name="stillwatch.enforcement",
        summary="Every decision, for the gateways to enforce.",
        key="subject_id, as in the value.",
        value=Decision,
        actions=("send",),
        headers=_SIGNATURE_HEADERS,
        always_headers=False,
        rules=_ENFORCEMENT_RULES,
    ),
    Topic(
        name="stillwatch.alerts",
        summary="Decisions about campaigns, for the engineer on call: one a campaign, not one an account.",
        key="subject_id, as in the value.",
        value=Decision,
        actions=("send",),
        headers=_SIGNATURE_HEADERS,
        always_headers=False,
    ),
    Topic(
        name="stillwatch.dlq",
        summary="Records that could not be used: key, value and headers byte for byte as they came, and why.",
        key="As it came, or none.",
        value=None,
        actions=("send", "receive"),
        headers=MappingProxyType(_dead_letter_headers()),
    ),
)


def documents() -> dict[str, bytes]:
    """Return every published document by its path below deploy/, as UTF-8 JSON that ends with a newline."""
    published = {f"schema/{name}.json": json_schema(name) for name in STRUCTS}
    published["asyncapi.json"] = asyncapi()
    return {path: msgspec.json.format(msgspec.json.encode(it), indent=2) + b"\n" for path, it in published.items()}


def json_schema(name: str) -> Document:
    """Return the JSON Schema (2020-12) of one of `STRUCTS`: a self-contained document."""
    shape = STRUCTS[name]
    parts = _components((shape,), "#/$defs/{name}")
    own = parts.pop(shape.__name__)
    return {"$schema": JSON_SCHEMA, "$id": f"urn:stillwatch:{name}"} | own | ({"$defs": parts} if parts else {})


def asyncapi() -> Document:
    """Return the AsyncAPI document of `TOPICS`: channels, Stillwatch's operations on them, messages and schemas."""
    values = tuple(dict.fromkeys(topic.value for topic in TOPICS if topic.value))
    reference = "#/components/schemas/{name}"
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Stillwatch",
            "version": CONTRACT_VERSION,
            "description": "Request events in, enforcement decisions out. Operations are named from Stillwatch's side.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {topic.word: _channel(topic) for topic in TOPICS},
        "operations": {
            f"{action}_{topic.word}": {
                "action": action,
                "channel": {"$ref": f"#/channels/{topic.word}"},
                "messages": [{"$ref": f"#/channels/{topic.word}/messages/{topic.word}"}],
            }
            for topic in TOPICS
            for action in topic.actions
        },
        "components": {
            "messages": {topic.word: _message(topic) for topic in TOPICS},
            "schemas": {name: _draft_07(part) for name, part in _components(values, reference).items()},
        },
    }


def _draft_07(part: Document) -> Document:
    """Spell a tuple as AsyncAPI's schemas do, which follow an older JSON Schema."""
    return {"items" if key == "prefixItems" else key: value for key, value in part.items()}


def _channel(topic: Topic) -> Document:
    return {
        "address": topic.name,
        "summary": topic.summary,
        **({"description": topic.rules} if topic.rules else {}),
        "messages": {topic.word: {"$ref": f"#/components/messages/{topic.word}"}},
        "bindings": {"kafka": {"topic": topic.name, "bindingVersion": KAFKA_BINDING}},
    }


def _message(topic: Topic) -> Document:
    message: Document = {"name": topic.word, "summary": topic.summary}
    if topic.value is None:
        message |= {"contentType": "application/octet-stream", "payload": {"description": "The original bytes."}}
    else:
        reference = f"#/components/schemas/{topic.value.__name__}"
        message |= {"contentType": "application/json", "payload": {"$ref": reference}}
    if topic.headers:
        headers = {name: {"type": "string", "description": meaning} for name, meaning in topic.headers.items()}
        required = {"required": list(headers)} if topic.always_headers else {}
        message["headers"] = {"type": "object", **required, "properties": headers}
    key = {"type": "string", "description": topic.key}
    return message | {"bindings": {"kafka": {"key": key, "bindingVersion": KAFKA_BINDING}}}


def _components(shapes: tuple[type[Struct], ...], reference: str) -> dict[str, Document]:
    """Return the schema of every struct that `shapes` reach, by name, with docstrings as plain descriptions."""
    _, parts = msgspec.json.schema_components(shapes, ref_template=reference)
    for part in parts.values():
        part["description"] = inspect.cleandoc(part["description"])
    return parts
