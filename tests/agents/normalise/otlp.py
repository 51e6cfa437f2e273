"""OTLP made for tests: JSON as the specification encodes it, protobuf of the same, and a record as a span."""

import base64
import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from streams.events import ContentPart, Message, RequestRecord

TRACE: Final = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN: Final = "00f067aa0ba902b7"
BEGAN_NS: Final = 1_789_000_000_123_999_999

SHARED: Final = {
    "account_id": "user.id",
    "operation": "gen_ai.operation.name",
    "request_model": "gen_ai.request.model",
    "client_address": "client.address",
    "user_agent": "user_agent.original",
    "tls_fingerprint": "tls.client.ja4",
    "conversation_id": "gen_ai.conversation.id",
    "max_tokens": "gen_ai.request.max_tokens",
    "temperature": "gen_ai.request.temperature",
    "reasoning_effort": "gen_ai.request.reasoning.level",
    "input_tokens": "gen_ai.usage.input_tokens",
    "output_tokens": "gen_ai.usage.output_tokens",
    "reasoning_tokens": "gen_ai.usage.reasoning.output_tokens",
    "status_code": "http.response.status_code",
    "event_id": "stillwatch.event_id",
    "org_id": "stillwatch.org_id",
    "api_key_id": "stillwatch.api_key_id",
    "account_created_at_ms": "stillwatch.account_created_at_ms",
    "plan": "stillwatch.plan",
    "plan_daily_tokens": "stillwatch.plan_daily_tokens",
    "payment_hash": "stillwatch.payment_hash",
    "asn": "stillwatch.asn",
    "network_type": "stillwatch.network_type",
    "country": "geo.country.iso_code",
    "access_path": "stillwatch.access_path",
}
"""Field -> the attribute that carries it as it is."""


def value(of: object) -> dict[str, Any]:
    """An AnyValue; a 64-bit number is text."""
    if isinstance(of, bool):
        return {"boolValue": of}
    if isinstance(of, int):
        return {"intValue": str(of)}
    if isinstance(of, float):
        return {"doubleValue": of}
    if isinstance(of, list):
        return {"arrayValue": {"values": [value(it) for it in of]}}
    if isinstance(of, dict):
        return {"kvlistValue": {"values": pairs(of)}}
    return {} if of is None else {"stringValue": of}


def pairs(attributes: Mapping[str, object]) -> list[dict[str, Any]]:
    return [{"key": key, "value": value(of)} for key, of in attributes.items()]


def span(attributes: Mapping[str, object], **fields: object) -> dict[str, Any]:
    """A span of 1.5 s; `fields` replace or add its own."""
    return {
        "traceId": TRACE,
        "spanId": SPAN,
        "name": "chat gpt-4",
        "kind": 3,
        "startTimeUnixNano": str(BEGAN_NS),
        "endTimeUnixNano": str(BEGAN_NS + 1_500_000_000),
        "attributes": pairs(attributes),
    } | fields


def log(attributes: Mapping[str, object], **fields: object) -> dict[str, Any]:
    """A log record, the details of a call unless `fields` name another event."""
    return {
        "timeUnixNano": str(BEGAN_NS),
        "traceId": TRACE,
        "spanId": SPAN,
        "eventName": "gen_ai.client.inference.operation.details",
        "attributes": pairs(attributes),
    } | fields


def traces(*spans: dict[str, Any], resource: Mapping[str, object] | None = None) -> dict[str, Any]:
    scopes = [{"scope": {"name": "test"}, "spans": list(spans)}]
    return {"resourceSpans": [{"resource": {"attributes": pairs(resource or {})}, "scopeSpans": scopes}]}


def logs(*records: dict[str, Any], resource: Mapping[str, object] | None = None) -> dict[str, Any]:
    scopes = [{"scope": {"name": "test"}, "logRecords": list(records)}]
    return {"resourceLogs": [{"resource": {"attributes": pairs(resource or {})}, "scopeLogs": scopes}]}


def as_json(export: dict[str, Any]) -> bytes:
    return json.dumps(export).encode()


def as_protobuf(export: dict[str, Any]) -> bytes:
    """The same export in protobuf, made by the official messages."""
    from google.protobuf import json_format  # noqa: PLC0415
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest  # noqa: PLC0415
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest  # noqa: PLC0415

    request: Any = ExportTraceServiceRequest() if "resourceSpans" in export else ExportLogsServiceRequest()
    (resources,) = request.DESCRIPTOR.fields
    (scopes,) = (it for it in resources.message_type.fields if it.number == 2)
    names = {
        ("scopeSpans" if "resourceSpans" in export else "scopeLogs"): scopes.json_name,
        "scope": scopes.message_type.fields_by_number[1].json_name,
        "logRecords": scopes.message_type.fields_by_number[2].json_name,
    }
    json_format.ParseDict(_renamed(_with_base64_ids(export), names), request, ignore_unknown_fields=True)
    return bytes(request.SerializeToString())


def _renamed(of: Any, names: Mapping[str, str]) -> Any:  # noqa: ANN401
    """With the names that the installed version of OTLP has for its fields: see `agents.normalise.otlp_protobuf`."""
    if isinstance(of, list):
        return [_renamed(it, names) for it in of]
    if not isinstance(of, dict):
        return of
    return {names.get(key, key): _renamed(it, names) for key, it in of.items()}


def _with_base64_ids(of: Any) -> Any:  # noqa: ANN401
    """Protobuf's own JSON has base64 where OTLP's has hexadecimal."""
    if isinstance(of, list):
        return [_with_base64_ids(it) for it in of]
    if not isinstance(of, dict):
        return of
    return {
        key: base64.b64encode(bytes.fromhex(it)).decode() if key in {"traceId", "spanId"} else _with_base64_ids(it)
        for key, it in of.items()
    }


def span_of(record: RequestRecord) -> dict[str, Any]:
    """The span that a gateway with our attributes would write of a record."""
    attributes: dict[str, object] = {
        attribute: of for field, attribute in SHARED.items() if (of := getattr(record, field)) is not None
    }
    if record.messages is not None:
        attributes["gen_ai.input.messages"] = [_message(it) for it in record.messages]
    if record.tools is not None:
        attributes["gen_ai.tool.definitions"] = [{"type": "function", "name": name} for name in record.tools]
    if record.finish_reason is not None:
        attributes["gen_ai.response.finish_reasons"] = [record.finish_reason]
    began = record.occurred_at_ms * 1_000_000
    ended = began + (record.latency_ms or 0) * 1_000_000
    return span(attributes, startTimeUnixNano=str(began), endTimeUnixNano=str(ended))


def _message(message: Message) -> dict[str, Any]:
    if message.content is None or isinstance(message.content, str):
        return {"role": message.role, "content": message.content}
    return {"role": message.role, "parts": list(map(_part, message.content))}


def _part(part: ContentPart) -> dict[str, Any]:
    if part.type == "image":
        return {"type": "uri", "modality": "image", "uri": "s3://bucket/image"}
    names = {"tool_use": ("tool_call", "arguments"), "tool_result": ("tool_call_response", "result")}
    kind, text = names.get(part.type, (part.type, "content"))
    return {"type": kind} | ({} if part.text is None else {text: part.text})


def plain(record: RequestRecord) -> dict[str, Any]:
    """A record to compare: parts have an undecoded field that never equals another."""
    return msgspec.to_builtins(record)  # type: ignore[no-any-return]


def framed(exports: Iterable[bytes]) -> bytes:
    """As the collector's file exporter writes with `format: proto`."""
    return b"".join(len(it).to_bytes(4, "big") + it for it in exports)
