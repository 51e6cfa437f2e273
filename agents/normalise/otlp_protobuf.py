"""OTLP as protobuf: what the collector's Kafka exporter puts on a topic (`otlp_proto`), or its file exporter in a file.

Needs the package `opentelemetry-proto` (the extra `otlp`), which has the messages of the OTLP specification.

Nothing in a message says whether it is an ExportTraceServiceRequest or an ExportLogsServiceRequest. But field 1 of a
span is its trace id, of the wire type LEN, and field 1 of a log record is a time, of the wire type I64: read as spans,
log records have no trace id. A span always has one.

The package `xds-protos`, which the extra `gateway` needs, puts an older copy of the same modules in the same place, and
whichever was installed last is there. Numbers of fields never change, names did: so what was renamed or is new is
asked for by its number.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from agents.normalise.genai import Signal, found
from agents.records import Found, Parse

Message = Any
"""A message of whichever version of OTLP is installed."""

_RESOURCE_SCOPES: Final = 2
"""`scope_spans` of ResourceSpans and `scope_logs` of ResourceLogs; both were called instrumentation libraries."""

_SCOPE_RECORDS: Final = 2
"""`spans` of ScopeSpans and `log_records` of ScopeLogs, which were `logs`."""

_OBSERVED_TIME: Final = 11
_EVENT_NAME: Final = 12
"""`observed_time_unix_nano` and `event_name` of a LogRecord; older copies have neither."""


class MissingPackageError(Exception):
    """A package that the format needs is not installed; one sentence."""


def parser(account_attribute: str | None = None) -> Parse:
    """Reads one export request. Raises `MissingPackageError`."""
    try:
        from google.protobuf.message import DecodeError  # noqa: PLC0415 - the extra may be missing
        from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (  # noqa: PLC0415
            ExportLogsServiceRequest,
        )
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (  # noqa: PLC0415
            ExportTraceServiceRequest,
        )
    except ImportError as error:
        raise MissingPackageError(
            "OTLP as protobuf needs the package opentelemetry-proto: install stillwatch with its extra `otlp`."
        ) from error

    def parse(row: bytes) -> list[Found]:
        try:
            spans = list(_spans(ExportTraceServiceRequest.FromString(row).resource_spans))
            if any(span.trace_id for span in spans):
                return found(spans, account_attribute)
        except DecodeError:
            pass  # a log record's text may be no message, where a span has one
        try:
            logs = list(_logs(ExportLogsServiceRequest.FromString(row).resource_logs))
        except DecodeError:
            return [("not_protobuf", "The value is no export request of traces or logs in protobuf.")]
        return found(logs, account_attribute)

    return parse


def _spans(exported: Iterable[Message]) -> Iterator[Signal]:
    for spans in exported:
        resource = _plain_all(spans.resource.attributes)
        scopes = _numbered(spans, _RESOURCE_SCOPES)
        yield from (_span(span, resource) for scope in scopes for span in _numbered(scope, _SCOPE_RECORDS))


def _logs(exported: Iterable[Message]) -> Iterator[Signal]:
    for logs in exported:
        resource = _plain_all(logs.resource.attributes)
        scopes = _numbered(logs, _RESOURCE_SCOPES)
        yield from (_log(log, resource) for scope in scopes for log in _numbered(scope, _SCOPE_RECORDS))


def _span(span: Message, resource: dict[str, Any]) -> Signal:
    return Signal(
        is_span=True,
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        began_ns=span.start_time_unix_nano,
        ended_ns=span.end_time_unix_nano,
        attributes=resource | _plain_all(span.attributes),
        status=span.status.code,
        events=tuple((event.name, _plain_all(event.attributes)) for event in span.events),
    )


def _log(log: Message, resource: dict[str, Any]) -> Signal:
    body = _plain(log.body)
    at_ns = log.time_unix_nano or _numbered(log, _OBSERVED_TIME) or 0
    return Signal(
        is_span=False,
        trace_id=log.trace_id.hex(),
        span_id=log.span_id.hex(),
        began_ns=at_ns,
        ended_ns=at_ns,
        attributes=resource | (body if isinstance(body, dict) else {}) | _plain_all(log.attributes),
        name=_numbered(log, _EVENT_NAME) or "",
    )


def _numbered(message: Message, number: int) -> Any:  # noqa: ANN401 - whatever that field holds
    """The field of that number; None where this version of OTLP has none."""
    field = message.DESCRIPTOR.fields_by_number.get(number)
    return None if field is None else getattr(message, field.name)


def _plain_all(pairs: Iterable[Message]) -> dict[str, Any]:
    return {pair.key: _plain(pair.value) for pair in pairs}


def _plain(value: Message) -> Any:  # noqa: ANN401 - an attribute may hold anything
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_plain(it) for it in value.array_value.values]
    if kind == "kvlist_value":
        return _plain_all(value.kvlist_value.values)
    return None if kind is None or kind == "bytes_value" else getattr(value, kind)
