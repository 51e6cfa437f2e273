"""From an entry of a foreign log to a request record, by a table: which field comes from which attributes."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from agents.deadletters import classify
from agents.normalise.readings import count, moment, text
from agents.records import Found, Parse, Refused
from streams.events import RequestRecord


class Source(Struct, frozen=True):
    """Where a field of a request record comes from: attributes, of which the first that says something counts.

    An attribute may be a path: `a.b.0` is the attribute of that name, or element 0 of `b` in `a`. `reading` answers
    with the value of the field, or None for what says nothing; without one, the format's own code reads it. `note` says
    what the name of the reading does not.
    """

    field: str
    attributes: tuple[str, ...]
    reading: Callable[[Any], object] | None = text
    note: str = ""


Table = tuple[Source, ...]

OWN: Final[dict[str, Callable[[Any], object]]] = {
    "org_id": text,
    "api_key_id": text,
    "plan": text,
    "plan_daily_tokens": count,
    "payment_hash": text,
    "account_created_at_ms": moment,
    "asn": count,
    "network_type": text,
    "country": text,
    "access_path": text,
}
"""What no log knows by itself, but a gateway's owner may: an attribute of this name under a prefix of ours is taken."""

REQUIRED: Final = ("event_id", "occurred_at_ms", "account_id", "operation", "request_model")
_LONGEST_INDEX: Final = 9
_TYPES: Final = {it.name: it.type for it in msgspec.structs.fields(RequestRecord)}
_CUT: Final = {"operation": 128, "request_model": 128}
"""What a client may make as long as it likes, and what is left of it: a request must not get lost by that."""


def own(prefix: str) -> Table:
    """The lines of a table for what a gateway's owner adds."""
    return tuple(Source(field, (f"{prefix}{field}",), reading) for field, reading in OWN.items())


def merged(*tables: Table) -> Table:
    """One table of several: a field's attributes in the order of the tables; the reading is that of the first."""
    found: dict[str, Source] = {}
    for source in (it for table in tables for it in table):
        before = found.get(source.field)
        found[source.field] = (
            source if before is None else replace(before, attributes=before.attributes + source.attributes)
        )
    return tuple(found.values())


def for_account(table: Table, attribute: str | None) -> Table:
    """The table with another attribute as the account, and that one alone: a second would be somebody else's."""
    if attribute is None:
        return table
    return tuple(replace(it, attributes=(attribute,)) if it.field == "account_id" else it for it in table)


def at(entry: Any, path: str) -> Any:  # noqa: ANN401 - it is whatever stands there
    """What stands at `path`, or None: an attribute of that whole name before one inside another."""
    if isinstance(entry, dict):
        found = entry.get(path)
        if found is not None:
            return found
        for head, rest in _splits(path):
            if head in entry and (found := at(entry[head], rest)) is not None:
                return found
    elif isinstance(entry, list):
        head, dot, rest = path.partition(".")
        if head.isdecimal() and len(head) < _LONGEST_INDEX and int(head) < len(entry):
            return at(entry[int(head)], rest) if dot else entry[int(head)]
    return None


@lru_cache(maxsize=1_000)
def _splits(path: str) -> tuple[tuple[str, str], ...]:
    """A path at each of its dots: the attribute, and the path inside it."""
    words = path.split(".")
    return tuple((".".join(words[:number]), ".".join(words[number:])) for number in range(1, len(words)))


def read_fields(entry: Mapping[str, Any], table: Table) -> dict[str, Any]:
    """The fields that `entry` says something about, as the readings of the table have them."""
    fields: dict[str, Any] = {}
    for source in table:
        if source.reading is None:
            continue
        for attribute in source.attributes:
            raw = at(entry, attribute)
            value = None if raw is None else source.reading(raw)
            if value is not None:
                fields[source.field] = value
                break
    return fields


def record(fields: dict[str, Any], table: Table) -> Found:
    """The record of `fields`, without those that do not fit the contract; or what is missing, and what was tried."""
    for name in REQUIRED:
        if name not in fields:
            return _missing(name, table)
    for name, length in _CUT.items():
        fields[name] = fields[name][:length]
    try:
        return msgspec.convert(fields, RequestRecord)
    except msgspec.ValidationError:
        fitting = {name: value for name, value in fields.items() if name in REQUIRED or _fits(name, value)}
    try:
        return msgspec.convert(fitting, RequestRecord)
    except msgspec.ValidationError as error:
        refusal = classify(error, b"")
        return refusal.reason.value, refusal.sentence


def entries_of(table: Table, found: Callable[[Mapping[str, Any], Table], Found]) -> Parse:
    """Reads a row that is one JSON object or an array of them, each by `found`."""
    decode = msgspec.json.Decoder(float_hook=Decimal).decode

    def parse(row: bytes) -> list[Found]:
        document = decode(row)
        entries = document if isinstance(document, list) else [document]
        return [
            found(entry, table) if isinstance(entry, Mapping) else ("wrong_type", "An entry is no object.")
            for entry in entries
        ]

    return parse


def attributes_of(field: str, table: Table) -> tuple[str, ...]:
    """The attributes that are tried for a field, in order."""
    return next((it.attributes for it in table if it.field == field), ())


def _missing(name: str, table: Table) -> Refused:
    tried = ", ".join(f"`{it}`" for it in attributes_of(name, table))
    if name == "account_id":
        return "missing_account", f"No account: none of {tried} says one; --account-attribute names another."
    return "missing_field", f"`{name}` is not known: none of {tried} says it."


def _fits(name: str, value: object) -> bool:
    try:
        msgspec.convert(value, _TYPES[name])
    except msgspec.ValidationError:
        return False
    return True
