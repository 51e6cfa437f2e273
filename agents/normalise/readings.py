"""How a value that stands in a foreign log is read: each reading answers None for what says nothing.

The mapping tables use these functions, and the documentation of the tables their names.

Nothing here raises. What a log writes where it knows nothing (`-`, `unknown`, `None`, ...) says nothing.
"""

import hashlib
import ipaddress
import re
from datetime import UTC, datetime, timedelta
from decimal import ROUND_FLOOR, Decimal, InvalidOperation
from typing import Any, Final

import msgspec

from agents.records import mended
from streams.events import EARLIEST_MS, LATEST_MS
from streams.fingerprint.edge import known

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS: Final = (1, 10**3, 10**6, 10**9)
"""Seconds, milliseconds, microseconds, nanoseconds, as how many of them are a second."""

_NANO: Final = Decimal("1e-9")
_LONGEST_NUMBER: Final = 64
_LONGEST_ID: Final = 64
_PORT: Final = re.compile(r"\[(.+)\](?::\d{1,5})?|([0-9.]+):\d{1,5}")
"""An address in brackets, or an IPv4 address with its port."""

_json: Final = msgspec.json.Decoder(float_hook=Decimal)


def text(value: object) -> str | None:
    """A name: text as it stands, or a whole number as text."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value) if value.bit_length() <= _LONGEST_NUMBER else None
    return known(value) if isinstance(value, str) else None


def identifier(value: object) -> str | None:
    """A name of at most 64 characters; a longer one is its hash (BLAKE2b), so that it still tells repeats."""
    found = text(value)
    if found is None or len(found) <= _LONGEST_ID:
        return found
    return hashlib.blake2b(found.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def exact(value: object) -> Decimal | None:
    """A finite number, exactly, also where it stands in text."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        return None
    if isinstance(value, str) and len(value) > _LONGEST_NUMBER:
        return None
    if isinstance(value, int) and value.bit_length() > _LONGEST_NUMBER:
        return None
    try:
        found = Decimal(value.strip() if isinstance(value, str) else value)
    except InvalidOperation:
        return None
    return found if found.is_finite() else None


def count(value: object) -> int | None:
    """A whole number from 0 to 2^63 - 1; 12.0 is one, 12.5 is none."""
    found = exact(value)
    if found is None or not 0 <= found < 2**63 or found != found.to_integral_value():
        return None
    return int(found)


def number(value: object) -> float | None:
    """A number as a float."""
    found = exact(value)
    return None if found is None or abs(found) > 2**63 else float(found)


def status(value: object) -> int | None:
    """An HTTP status; Envoy's 0, where the client was gone before there was one, is 499, as nginx has it."""
    found = count(value)
    return 499 if found == 0 else found


def moment(value: object) -> int | None:
    """Milliseconds since the epoch of a number of seconds, ms, us or ns since the epoch, or of an ISO 8601 time.

    Years from 2020 to 2100 tell the unit: a number that is such a time in one unit is none in another. Fractions
    are cut, never rounded up. A time without a zone is UTC.
    """
    found = exact(value)
    if found is not None:
        return _of_number(found)
    if not isinstance(value, str) or not len("2026-11-28") < len(value.strip()) <= _LONGEST_NUMBER:
        return None
    try:
        at = datetime.fromisoformat(value.strip())
        return ((at if at.tzinfo else at.replace(tzinfo=UTC)) - _EPOCH) // timedelta(milliseconds=1)
    except (ValueError, OverflowError):
        return None


def _of_number(found: Decimal) -> int | None:
    for a_second in _UNITS:
        if EARLIEST_MS * a_second // 1000 <= found <= LATEST_MS * a_second // 1000:
            nanos = int(found.quantize(_NANO, rounding=ROUND_FLOOR).scaleb(9))
            return nanos // (10**6 * a_second)
    return None


def address(value: object) -> str | None:
    """An IP address, without its port. A name, a socket, or a list of several addresses says nothing."""
    if not isinstance(value, str) or len(value) > _LONGEST_NUMBER:
        return None
    bare = value.strip()
    if split := _PORT.fullmatch(bare):
        bare = split[1] or split[2]
    try:
        ipaddress.ip_address(bare)
    except ValueError:
        return None
    return bare


def first(value: object) -> str | None:
    """The first name of a list, or the name itself."""
    if isinstance(value, list):
        return text(value[0]) if value else None
    return text(value)


def decoded(value: object) -> Any:  # noqa: ANN401 - it is whatever stands there
    """A value that may stand there as JSON in text; None for text that is no JSON, as where it was cut short."""
    if not isinstance(value, str):
        return value
    raw = value.encode("utf-8", "replace")
    for attempt in (raw, mended(raw)):
        try:
            return _json.decode(attempt)
        except (ValueError, RecursionError):
            continue
    return None


def names(value: object) -> list[str] | None:
    """The names of the tools in a list of their definitions, as OpenAI, Anthropic and OpenTelemetry write them."""
    tools = decoded(value)
    if not isinstance(tools, list):
        return None
    found = []
    for tool in tools:
        definition = tool.get("function", tool) if isinstance(tool, dict) else None
        name = definition.get("name") if isinstance(definition, dict) else tool
        if isinstance(name, str):
            found.append(name)
    return found or None
