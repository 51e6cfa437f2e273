"""What was said in a request, read as it will be read from the gateway's logs: only then its template is the same.

Of OpenAI's chat completions and Anthropic's messages it stands in `messages`, of OpenAI's responses in `input`, of the
older completions in `prompt`. Anthropic's system prompt stands apart and is no matter: the fingerprint is of what the
user asked.
"""

import zlib
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from agents.normalise.messages import messages
from streams.events import Message

SAID_IN: Final = ("messages", "input", "prompt")

_EITHER_CONTAINER: Final = zlib.MAX_WBITS | 32
"""zlib's word for: gzip or zlib, as the data says."""

_BODY: Final = msgspec.json.Decoder(
    msgspec.defstruct("Body", [(name, Any, None) for name in SAID_IN], frozen=True),
)


def said_at(path: str) -> str:
    """Where it stands in the body of a request to that path: a server may ignore what stands elsewhere."""
    if path.endswith("/responses"):
        return "input"
    return "prompt" if path.endswith("/completions") and not path.endswith("/chat/completions") else "messages"


def of_body(body: bytes, encoding: str = "", *, first: str = "messages", largest: int) -> list[Message] | None:
    """What is said in a body with that `Content-Encoding`, `first` of all there; None where nothing can be read.

    It is unpacked to at most `largest` bytes. Compressed any other way than by gzip or deflate it is not read.
    """
    try:
        read = _BODY.decode(_unpacked(body, encoding.strip().lower(), largest))
    except (msgspec.DecodeError, ValueError, RecursionError, zlib.error):
        return None
    return of_data(msgspec.structs.asdict(read), first)


def of_data(data: Mapping[str, Any], first: str = "messages") -> list[Message] | None:
    """The same of a body that the gateway has decoded."""
    return messages(next((data[name] for name in (first, *SAID_IN) if data.get(name)), None))


def _unpacked(body: bytes, encoding: str, largest: int) -> bytes:
    """The body as it was before it was compressed. Raises zlib.error, and ValueError where it cannot be unpacked."""
    if encoding in {"", "identity"}:
        return body
    if encoding not in {"gzip", "x-gzip", "deflate"}:
        raise ValueError(encoding)
    unpacking = zlib.decompressobj(_EITHER_CONTAINER)
    unpacked = unpacking.decompress(body, largest)
    if not unpacking.eof:
        raise ValueError("it is cut off, or too large")
    return unpacked
