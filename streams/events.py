"""What goes in: the request record (at the gateway, with text) and the request event (on the bus, without).

Field names follow OpenTelemetry GenAI where one exists. Times are integer milliseconds since the epoch.
Unknown fields are ignored; a missing field, a wrong type or a number out of range is a `msgspec.ValidationError`.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

MAX_EVENT_BYTES = 64 * 1024
"""A record on the bus above this many bytes is a dead letter."""

MAX_RECORD_BYTES = 16 * 1024 * 1024
"""A request record (which holds the prompt and never leaves the gateway) above this many bytes is refused."""

EARLIEST_MS = 1_577_836_800_000
"""2020-01-01T00:00:00Z. An older time is a clock that was never set, not a request to a language model."""

LATEST_MS = 4_102_444_800_000
"""2100-01-01T00:00:00Z. Times after *now* are the reader's to refuse; this bound keeps arithmetic sane."""

SKETCH_HASH_CHARACTERS = 2
"""A sketch is a string of hashes, each of so many characters (see `streams.fingerprint.sketch`)."""

SKETCH_ALPHABET = "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
"""The characters of a hash, in their order."""

TimeMs = Annotated[int, Meta(ge=EARLIEST_MS, le=LATEST_MS)]
CreatedMs = Annotated[int, Meta(ge=0, le=LATEST_MS)]
Count = Annotated[int, Meta(ge=0, le=2**40)]
Id64 = Annotated[str, Meta(min_length=1, max_length=64)]
Id128 = Annotated[str, Meta(min_length=1, max_length=128)]
Word = Annotated[str, Meta(max_length=128)]
Country = Annotated[str, Meta(min_length=2, max_length=2)]
Asn = Annotated[int, Meta(ge=0, le=2**32 - 1)]
StatusCode = Annotated[int, Meta(ge=100, le=599)]
Temperature = Annotated[float, Meta(ge=0, le=10)]
Share = Annotated[float, Meta(ge=0, le=1)]

Capability = Literal[
    "reasoning",
    "coding",
    "tool_use",
    "data_analysis",
    "vision",
    "rubric_grading",
    "policy_sensitive",
    "other",
]
CAPABILITIES: tuple[Capability, ...] = (
    "reasoning",
    "coding",
    "tool_use",
    "data_analysis",
    "vision",
    "rubric_grading",
    "policy_sensitive",
    "other",
)
"""The order is part of the stored format: windows keep capability counts by position."""


class ContentPart(Struct, frozen=True, gc=False):
    """One part of a message: its `type` (text, image, tool_use, tool_result, ...) and the text, if it has one."""

    type: str
    text: str | None = None
    content: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET  # a tool result may carry anything: kept undecoded


class Message(Struct, frozen=True, gc=False):
    """One message of the conversation; `content` is text or a list of parts."""

    role: str
    content: str | list[ContentPart] | None = None


class RequestRecord(Struct, frozen=True, kw_only=True, gc=False):
    """One request as the gateway saw it, with its text. It never leaves the gateway."""

    event_id: Id64
    occurred_at_ms: TimeMs
    account_id: Id128
    operation: Word
    request_model: Word
    org_id: Id128 | None = None
    api_key_id: Id128 | None = None
    account_created_at_ms: CreatedMs | None = None
    plan: Word | None = None
    plan_daily_tokens: Count | None = None
    payment_hash: Word | None = None
    client_address: Word | None = None
    asn: Asn | None = None
    network_type: Word | None = None
    country: Country | None = None
    user_agent: str | None = None
    tls_fingerprint: Word | None = None
    access_path: Word | None = None
    conversation_id: Word | None = None
    messages: list[Message] | None = None
    tools: list[str] | None = None
    max_tokens: Count | None = None
    temperature: Temperature | None = None
    reasoning_effort: Word | None = None
    input_tokens: Count = 0
    output_tokens: Count = 0
    reasoning_tokens: Count = 0
    status_code: StatusCode = 200
    finish_reason: Word | None = None
    latency_ms: Count | None = None


class RequestEvent(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """One request on the bus (topic `stillwatch.requests`, key = account_id): no text, no address, no user agent.

    `address_hash`, `user_agent_hash`, `network_hash` and `template_hash` are keyed, 16 hexadecimal digits:
    equal inputs give equal hashes under one key, and nobody without the key can look one up.
    `sketch` is a similarity sketch of the request's words (see `streams.fingerprint.sketch`).
    """

    event_id: Id64
    occurred_at_ms: TimeMs
    account_id: Id128
    operation: Word
    request_model: Word
    org_id: Id128 | None = None
    api_key_id: Id128 | None = None
    account_created_at_ms: CreatedMs | None = None
    plan: Word | None = None
    plan_daily_tokens: Count | None = None
    payment_hash: Word | None = None
    address_hash: Word | None = None
    network_hash: Word | None = None
    asn: Asn | None = None
    network_type: Word | None = None
    country: Country | None = None
    user_agent_hash: Word | None = None
    tls_fingerprint: Word | None = None
    access_path: Word | None = None
    conversation_id: Word | None = None
    template_hash: Word | None = None
    sketch: Word | None = None
    capability: Capability = "other"
    capability_strength: Share = 0.0
    character_count: Count = 0
    turn_count: Count = 0
    image_count: Count = 0
    tool_count: Count = 0
    max_tokens: Count | None = None
    temperature: Temperature | None = None
    reasoning_effort: Word | None = None
    input_tokens: Count = 0
    output_tokens: Count = 0
    reasoning_tokens: Count = 0
    status_code: StatusCode = 200
    finish_reason: Word | None = None
    latency_ms: Count | None = None
