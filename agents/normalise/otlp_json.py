"""OTLP as JSON: ExportTraceServiceRequest or ExportLogsServiceRequest, one a line as the collector's exporters write.

Source: "JSON Protobuf Encoding" in the OTLP specification (lower camel case, ids hexadecimal, 64-bit numbers as text
or number, unknown fields ignored) and "OpenTelemetry Protocol File Exporter" (JSON Lines).
"""

from collections.abc import Iterator
from typing import Any, Final

import msgspec
from msgspec import Struct

from agents.normalise.genai import Signal, found
from agents.normalise.readings import count
from agents.records import Found, Parse

Whole = int | str | float | None
"""A 64-bit number: text or number, as the encoding allows both."""


class _Value(Struct, rename="camel"):
    string_value: str | None = None
    bool_value: bool | None = None
    int_value: Whole = None
    double_value: Whole = None
    array_value: "_Array | None" = None
    kvlist_value: "_KeyValues | None" = None


class _Array(Struct):
    values: list[_Value] = []


class _KeyValue(Struct):
    key: str = ""
    value: _Value | None = None


class _KeyValues(Struct):
    values: list[_KeyValue] = []


class _Attributed(Struct):
    attributes: list[_KeyValue] = []


class _Event(Struct):
    name: str = ""
    attributes: list[_KeyValue] = []


class _Status(Struct):
    code: int | str = 0


class _Span(Struct, rename="camel"):
    trace_id: str = ""
    span_id: str = ""
    start_time_unix_nano: Whole = 0
    end_time_unix_nano: Whole = 0
    attributes: list[_KeyValue] = []
    events: list[_Event] = []
    status: _Status | None = None


class _Log(Struct, rename="camel"):
    trace_id: str = ""
    span_id: str = ""
    time_unix_nano: Whole = 0
    observed_time_unix_nano: Whole = 0
    event_name: str = ""
    body: _Value | None = None
    attributes: list[_KeyValue] = []


class _ScopeSpans(Struct):
    spans: list[_Span] = []


class _ScopeLogs(Struct, rename="camel"):
    log_records: list[_Log] = []


class _ResourceSpans(Struct, rename="camel"):
    resource: _Attributed | None = None
    scope_spans: list[_ScopeSpans] = []


class _ResourceLogs(Struct, rename="camel"):
    resource: _Attributed | None = None
    scope_logs: list[_ScopeLogs] = []


class _Export(Struct, rename="camel"):
    resource_spans: list[_ResourceSpans] = []
    resource_logs: list[_ResourceLogs] = []


_FAILED_STATUS: Final = frozenset({2, "2", "STATUS_CODE_ERROR"})


def parser(account_attribute: str | None = None) -> Parse:
    """Reads one export request, or an array of them."""
    decode = msgspec.json.Decoder(_Export | list[_Export]).decode

    def parse(row: bytes) -> list[Found]:
        document = decode(row)
        exports = document if isinstance(document, list) else [document]
        return found((it for export in exports for it in _signals(export)), account_attribute)

    return parse


def _signals(export: _Export) -> Iterator[Signal]:
    for spans in export.resource_spans:
        resource = _plain_all(spans.resource.attributes) if spans.resource else {}
        yield from (_span(span, resource) for scope in spans.scope_spans for span in scope.spans)
    for logs in export.resource_logs:
        resource = _plain_all(logs.resource.attributes) if logs.resource else {}
        yield from (_log(log, resource) for scope in logs.scope_logs for log in scope.log_records)


def _span(span: _Span, resource: dict[str, Any]) -> Signal:
    return Signal(
        is_span=True,
        trace_id=span.trace_id,
        span_id=span.span_id,
        began_ns=count(span.start_time_unix_nano) or 0,
        ended_ns=count(span.end_time_unix_nano) or 0,
        attributes=resource | _plain_all(span.attributes),
        status=2 if span.status is not None and span.status.code in _FAILED_STATUS else 0,
        events=tuple((event.name, _plain_all(event.attributes)) for event in span.events),
    )


def _log(log: _Log, resource: dict[str, Any]) -> Signal:
    body = _plain(log.body)
    at_ns = count(log.time_unix_nano) or count(log.observed_time_unix_nano) or 0
    return Signal(
        is_span=False,
        trace_id=log.trace_id,
        span_id=log.span_id,
        began_ns=at_ns,
        ended_ns=at_ns,
        attributes=resource | (body if isinstance(body, dict) else {}) | _plain_all(log.attributes),
        name=log.event_name,
    )


def _plain_all(pairs: list[_KeyValue]) -> dict[str, Any]:
    return {pair.key: _plain(pair.value) for pair in pairs}


def _plain(value: _Value | None) -> Any:  # noqa: ANN401 - an attribute may hold anything
    if value is None:
        return None
    if value.array_value is not None:
        return [_plain(it) for it in value.array_value.values]
    if value.kvlist_value is not None:
        return _plain_all(value.kvlist_value.values)
    if value.int_value is not None:
        return count(value.int_value) if not isinstance(value.int_value, int) else value.int_value
    simple = (value.string_value, value.bool_value, value.double_value)
    return next((it for it in simple if it is not None), None)
