"""The access log of Envoy AI Gateway, or of any Envoy, as JSON: deploy/envoy-access-log.json is a format to configure.

Source: "Access Logs With AI/LLM/MCP Metadata" in the documentation of envoyproxy/ai-gateway, whose names of both ages
(`gen_ai.request.model`, `genai_model_name`) are read, and Envoy's command operators. Such a log has no text, so
nothing is known of templates.
"""

from collections.abc import Mapping
from typing import Any, Final

from agents.normalise.mapping import Source, Table, at, entries_of, for_account, merged, own, read_fields, record
from agents.normalise.readings import address, count, identifier, moment, number, status, text
from agents.records import Found, Parse

OPERATIONS: Final = {
    "chat/completions": "chat",
    "messages": "chat",
    "responses": "chat",
    "completions": "text_completion",
    "embeddings": "embeddings",
}
"""How a path ends -> `operation`; the longest that fits counts, and other paths are their last part."""

_PATHS: Final = ("x-envoy-origin-path", "x-envoy-original-path", "path", ":path")


def operation(value: object) -> str | None:
    """The operation that a path of the API stands for, without its query."""
    path = text(value)
    if path is None or not path.startswith("/"):
        return path
    bare = path.partition("?")[0].strip("/")
    for end, name in OPERATIONS.items():
        if bare == end or bare.endswith(f"/{end}"):
            return name
    return text(bare.rpartition("/")[2])


TABLE: Final[Table] = merged(
    (
        Source(
            "event_id",
            ("stillwatch.event_id", "x-request-id"),
            None,
            "the request's id with its time, since a client may send an id again",
        ),
        Source("occurred_at_ms", ("start_time",), moment),
        Source("account_id", ("user.id", "enduser.id", "x-user-id")),
        Source("operation", ("gen_ai.operation.name", *_PATHS), operation),
        Source("request_model", ("gen_ai.request.model", "genai_model_name", "x-ai-eg-model")),
        Source("client_address", ("client.address", "downstream_remote_address"), address),
        Source("user_agent", ("user_agent.original", "user-agent")),
        Source("tls_fingerprint", ("tls.client.ja4", "tls.client.ja3")),
        Source("conversation_id", ("gen_ai.conversation.id", "session.id")),
        Source("max_tokens", ("gen_ai.request.max_tokens",), count),
        Source("temperature", ("gen_ai.request.temperature",), number),
        Source("input_tokens", ("gen_ai.usage.input_tokens", "genai_tokens_input"), count),
        Source("output_tokens", ("gen_ai.usage.output_tokens", "genai_tokens_output"), count),
        Source("reasoning_tokens", ("gen_ai.usage.reasoning.output_tokens",), count),
        Source("status_code", ("response_code",), status),
        Source("finish_reason", ("gen_ai.response.finish_reason",)),
        Source("latency_ms", ("duration",), count, "count, of milliseconds"),
    ),
    own("stillwatch."),
)
"""The account is a header or metadata that the gateway's own authentication sets. `downstream_remote_address` is the
client's as Envoy's settings trust it; `x-forwarded-for` is not read, for anybody may send one."""


def parser(account_attribute: str | None = None) -> Parse:
    """Reads one entry, or an array of them."""
    return entries_of(for_account(TABLE, account_attribute), _found)


def _found(entry: Mapping[str, Any], table: Table) -> Found:
    fields = read_fields(entry, table)
    if "request_model" not in fields:
        return None  # a health check, a call of a tool: of no model
    if (event_id := _event_id(entry, fields.get("occurred_at_ms"))) is not None:
        fields["event_id"] = event_id
    return record(fields, table)


def _event_id(entry: Mapping[str, Any], occurred_at_ms: object) -> str | None:
    if (given := identifier(at(entry, "stillwatch.event_id"))) is not None:
        return given
    request = text(at(entry, "x-request-id"))
    return None if request is None else identifier(f"{request}-{occurred_at_ms}")
