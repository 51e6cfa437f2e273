"""OpenTelemetry's GenAI conventions: a span or a log record as a request record, however OTLP carried it.

Source: the registry of attributes, spans and events in open-telemetry/semantic-conventions-genai
(`gen_ai.provider.name`, `gen_ai.input.messages`, `gen_ai.client.inference.operation.details`), and before it v1.36 of
the semantic conventions (`gen_ai.system`, messages as events of a span). A request is a span of a model call, or the
log record with its details. Both have the ids of the span, so one is refused as the repeat of the other. The message
events that v1.36 writes to the *log* (`gen_ai.user.message`) have no model and no account, and are passed over.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from msgspec import Struct

from agents.normalise.mapping import Source, Table, at, for_account, merged, own, read_fields, record
from agents.normalise.messages import instructions, messages
from agents.normalise.readings import address, count, decoded, first, identifier, moment, names, number, status, text
from agents.records import Found
from streams.events import Message

OTHER_OPERATIONS: Final = frozenset(
    "create_agent create_memory create_memory_store delete_memory delete_memory_store execute_tool invoke_agent"
    " invoke_workflow plan retrieval search_memory update_memory upsert_memory".split()
)
"""Well-known values of `gen_ai.operation.name` that are no call of a model, though they may sum up several."""

FAILED: Final = 500
"""The status of a call that failed for a reason that is no HTTP status."""

ERROR: Final = 2
"""STATUS_CODE_ERROR of a span."""

SPAN: Final = "(trace id and span id)"
START: Final = "(start time)"
DURATION: Final = "(end time less start time)"
STATUS: Final = "(span status)"
"""What OTLP says beside the attributes, by names that no attribute has."""

MESSAGE_EVENTS: Final = {f"gen_ai.{role}.message": role for role in ("system", "user", "assistant", "tool")}
"""The events of a span that were its messages up to v1.36 -> the role."""

TABLE: Final[Table] = merged(
    (
        Source("event_id", ("stillwatch.event_id", SPAN, "gen_ai.response.id"), identifier),
        Source("occurred_at_ms", (START,), moment),
        Source("account_id", ("user.id", "enduser.id", "enduser.pseudo.id", "user.hash")),
        Source("operation", ("gen_ai.operation.name", "llm.request.type")),
        Source("request_model", ("gen_ai.request.model", "gen_ai.response.model")),
        Source("client_address", ("client.address", "http.client_ip"), address),
        Source("user_agent", ("user_agent.original", "http.user_agent")),
        Source("tls_fingerprint", ("tls.client.ja4", "tls.client.ja3")),
        Source("conversation_id", ("gen_ai.conversation.id", "session.id")),
        Source(
            "messages",
            ("gen_ai.system_instructions", "gen_ai.input.messages", "gen_ai.prompt", *MESSAGE_EVENTS),
            None,
            "attributes of the span, else of its events; the instructions come first",
        ),
        Source("tools", ("gen_ai.tool.definitions",), names),
        Source("max_tokens", ("gen_ai.request.max_tokens",), count),
        Source("temperature", ("gen_ai.request.temperature",), number),
        Source(
            "reasoning_effort",
            (
                "gen_ai.request.reasoning.level",
                "gen_ai.request.reasoning_effort",
                "gen_ai.openai.request.reasoning_effort",
            ),
        ),
        Source("input_tokens", ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"), count),
        Source("output_tokens", ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"), count),
        Source("reasoning_tokens", ("gen_ai.usage.reasoning.output_tokens", "gen_ai.usage.reasoning_tokens"), count),
        Source(
            "status_code",
            ("http.response.status_code", "http.status_code", "error.type", STATUS),
            None,
            f"{FAILED} if it failed for a reason that is no HTTP status",
        ),
        Source("finish_reason", ("gen_ai.response.finish_reasons",), first),
        Source("latency_ms", (DURATION,), count, "nanoseconds, cut to milliseconds; spans only"),
        Source("country", ("geo.country.iso_code",)),
    ),
    own("stillwatch."),
)


class Signal(Struct, frozen=True):
    """A span, or a log record (`is_span` false), with the attributes of its resource below its own.

    `trace_id` and `span_id` are hexadecimal, "" where there is none; times are nanoseconds, 0 where there is none.
    """

    is_span: bool
    trace_id: str
    span_id: str
    began_ns: int
    ended_ns: int
    attributes: Mapping[str, Any]
    name: str = ""
    status: int = 0
    events: tuple[tuple[str, Mapping[str, Any]], ...] = ()


def found(signals: Iterable[Signal], account_attribute: str | None) -> list[Found]:
    """The record of each signal, or why it is none; None for one that is no call of a model."""
    table = for_account(TABLE, account_attribute)
    return [_found(signal, table) for signal in signals]


def _found(signal: Signal, table: Table) -> Found:
    if not _is_call(signal):
        return None
    entry = dict(signal.attributes)
    if signal.trace_id.strip("0") and signal.span_id.strip("0"):
        entry[SPAN] = f"{signal.trace_id}-{signal.span_id}".lower()
    if signal.began_ns:
        entry[START] = signal.began_ns
    if signal.is_span and signal.ended_ns >= signal.began_ns:
        entry[DURATION] = (signal.ended_ns - signal.began_ns) // 1_000_000
    fields = read_fields(entry, table)
    fields["messages"] = _messages(signal)
    if (code := _status(signal)) is not None:
        fields["status_code"] = code
    return record(fields, table)


def _is_call(signal: Signal) -> bool:
    event = signal.name or text(signal.attributes.get("event.name")) or ""
    if not signal.is_span and (event in MESSAGE_EVENTS or event in {"gen_ai.choice", "gen_ai.evaluation.result"}):
        return False
    asked = text(signal.attributes.get("gen_ai.operation.name"))
    if asked is None:
        return any(text(at(signal.attributes, it)) for it in ("gen_ai.request.model", "llm.request.type"))
    return asked not in OTHER_OPERATIONS


def _messages(signal: Signal) -> list[Message] | None:
    """What was said to the model: in the attributes of the signal, or else in those of its events."""
    for attributes in (signal.attributes, *(of_event for _, of_event in signal.events)):
        prompt = attributes.get("gen_ai.prompt")
        for value in (decoded(attributes.get("gen_ai.input.messages")), decoded(prompt), prompt):
            said = messages(value)
            if said:
                return instructions(attributes.get("gen_ai.system_instructions")) + said
    said = [
        message
        for name, attributes in signal.events
        if (role := MESSAGE_EVENTS.get(name)) is not None
        for message in messages([{"role": role, "content": attributes.get("content")}]) or []
    ]
    return said or None


def _status(signal: Signal) -> int | None:
    for name in ("http.response.status_code", "http.status_code"):
        if (code := status(signal.attributes.get(name))) is not None and code in range(100, 600):
            return code
    error = text(signal.attributes.get("error.type"))
    if error is None and signal.status != ERROR:
        return None
    code = status(error)
    return code if code is not None and code in range(400, 600) else FAILED
