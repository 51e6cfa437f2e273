"""The conversation in a request, of the two shapes that gateways see: OpenAI's chat completions, Anthropic's messages.

Both have `messages` with a `role` and a `content`, text or parts. Anthropic's system prompt stands apart and is no
matter: the fingerprint is of what the user asked.
"""

import zlib
from typing import Final

import msgspec
from msgspec import Struct

from streams.events import Message

_EITHER_CONTAINER: Final = zlib.MAX_WBITS | 32
"""zlib's word for: gzip or zlib, as the data says."""


class _Body(Struct, frozen=True, gc=False):
    messages: list[Message] | None = None


_BODY: Final = msgspec.json.Decoder(_Body)
_MESSAGES: Final = msgspec.json.Decoder(list[Message])


def of_body(body: bytes, encoding: str = "", *, largest: int) -> list[Message] | None:
    """The messages in a body with that `Content-Encoding`; None where there are none that can be read.

    It is unpacked to at most `largest` bytes. Compressed any other way than by gzip or deflate it is not read.
    """
    try:
        return _BODY.decode(_unpacked(body, encoding.strip().lower(), largest)).messages
    except (msgspec.DecodeError, ValueError, zlib.error):
        return None


def of_data(messages: object) -> list[Message] | None:
    """The same from what a gateway in Python has made of the messages."""
    try:
        return _MESSAGES.decode(msgspec.json.encode(messages))
    except (msgspec.MsgspecError, TypeError, ValueError, RecursionError):
        return None


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
