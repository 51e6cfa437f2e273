"""LiteLLM's `generic_api` callback: StandardLoggingPayload objects, alone, in arrays, or one a line.

Source: `StandardLoggingPayload` in litellm/types/utils.py of BerriAI/litellm, and its documentation,
"StandardLoggingPayload Specification". The callback's `log_format` is `json_array` (unless told otherwise), `ndjson`
or `single`.
"""

from collections.abc import Mapping
from typing import Any, Final

from agents.normalise.mapping import Source, Table, at, entries_of, for_account, merged, own, read_fields, record
from agents.normalise.messages import messages
from agents.normalise.readings import address, count, identifier, moment, names, number, status, text
from agents.records import Found, Parse

NOBODY: Final = frozenset({"default_user_id", "litellm_proxy_admin"})
"""What LiteLLM calls the user of its master key: no account."""

OPERATIONS: Final = {
    "completion": "chat",
    "anthropic_messages": "chat",
    "responses": "chat",
    "generate_content": "generate_content",
    "text_completion": "text_completion",
    "embedding": "embeddings",
}
"""`call_type` -> `operation`; another one stays as it is."""

FAILED: Final = 500
"""The status of a call that failed for a reason that is not told."""


def account(value: object) -> str | None:
    """A name, unless it is one that LiteLLM gives to nobody."""
    found = text(value)
    return None if found in NOBODY else found


def operation(value: object) -> str | None:
    """What the contract calls a `call_type`; `a` stands before an asynchronous one, `_stream` after one in pieces."""
    found = text(value)
    if found is None:
        return None
    bare = found.removesuffix("_stream")
    for name in (bare, bare.removeprefix("a")):
        if name in OPERATIONS:
            return OPERATIONS[name]
    return found


TABLE: Final[Table] = merged(
    (
        Source("event_id", ("id", "litellm_call_id"), identifier),
        Source("occurred_at_ms", ("startTime",), moment),
        Source(
            "account_id",
            (
                "metadata.user_api_key_user_id",
                "metadata.user_api_key_hash",
                "metadata.user_api_key_end_user_id",
                "end_user",
            ),
            account,
        ),
        Source("operation", ("call_type",), operation),
        Source("request_model", ("model_group", "model")),
        Source("org_id", ("metadata.user_api_key_org_id", "metadata.user_api_key_team_id")),
        Source("api_key_id", ("metadata.user_api_key_hash",)),
        Source("client_address", ("requester_ip_address", "metadata.requester_ip_address"), address),
        Source("user_agent", ("user_agent", "metadata.user_agent")),
        Source("conversation_id", ("metadata.requester_metadata.session_id",)),
        Source("messages", ("messages",), messages),
        Source("tools", ("model_parameters.tools",), names),
        Source(
            "max_tokens",
            tuple(f"model_parameters.{it}" for it in ("max_tokens", "max_completion_tokens", "max_output_tokens")),
            count,
        ),
        Source("temperature", ("model_parameters.temperature",), number),
        Source("reasoning_effort", ("model_parameters.reasoning_effort", "model_parameters.reasoning.effort")),
        Source("input_tokens", ("prompt_tokens",), count),
        Source("output_tokens", ("completion_tokens",), count),
        Source(
            "reasoning_tokens",
            (
                "metadata.usage_object.completion_tokens_details.reasoning_tokens",
                "response.usage.completion_tokens_details.reasoning_tokens",
            ),
            count,
        ),
        Source(
            "status_code", ("error_information.error_code", "status"), None, f"{FAILED} if it failed without a code"
        ),
        Source("finish_reason", ("response.choices.0.finish_reason", "response.stop_reason")),
        Source("latency_ms", ("endTime", "startTime"), None, "the one less the other, in milliseconds"),
    ),
    own("metadata.user_api_key_auth_metadata."),
)
"""The account is whom the key belongs to, as the proxy knows it. What the client says of its own user (`end_user`)
comes last: who may say anything would be somebody else at every request."""


def parser(account_attribute: str | None = None) -> Parse:
    """Reads one payload or an array of them."""
    return entries_of(for_account(TABLE, account_attribute), _found)


def _found(entry: Mapping[str, Any], table: Table) -> Found:
    fields = read_fields(entry, table)
    if "request_model" not in fields and "operation" in fields and fields["operation"] not in OPERATIONS.values():
        return None  # a call for a list of tools, for a file or a batch: of no model
    code = status(at(entry, "error_information.error_code"))
    if entry.get("status") == "failure":
        fields["status_code"] = code if code is not None and code in range(400, 600) else FAILED
    began, ended = moment(entry.get("startTime")), moment(entry.get("endTime"))
    if began is not None and ended is not None and began <= ended:
        fields["latency_ms"] = ended - began
    return record(fields, table)
