"""Logs of gateways that people run, as request records: one file a format, each with its table of fields.

A format reads one row (a line of a file, a message of a topic) into what stands in it: records, what should be one
and is not, and what is something else and is passed over (`agents.records.Parse`). Every table is in deploy/ingest.md.

What a log does not say is left out, and so is a value that says nothing (`-`, `unknown`) or does not fit the contract:
a client that makes its user agent or its conversation too long must not keep its request from being counted.
"""

from collections.abc import Callable
from typing import Final

from msgspec import Struct

from agents.normalise import envoy, genai, litellm, otlp_json, otlp_protobuf
from agents.normalise.mapping import Table
from agents.records import Parse
from streams.events import MAX_RECORD_BYTES

MAX_BATCH_BYTES: Final = 4 * MAX_RECORD_BYTES
"""A row that may hold many records, above this many bytes, is refused."""


class Format(Struct, frozen=True):
    """A format: its table, how a row of it is read, and whether its files have frames instead of lines.

    `parser` takes the attribute that holds the account, or None for the ones that the table names.
    """

    table: Table
    parser: Callable[[str | None], Parse]
    framed: bool = False


FORMATS: Final = {
    "litellm": Format(litellm.TABLE, litellm.parser),
    "otlp-json": Format(genai.TABLE, otlp_json.parser),
    "otlp-protobuf": Format(genai.TABLE, otlp_protobuf.parser, framed=True),
    "envoy": Format(envoy.TABLE, envoy.parser),
}
"""The formats by the names that the command line has for them."""
