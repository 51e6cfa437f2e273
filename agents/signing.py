"""Who decided: decisions are signed where they leave (Ed25519, RFC 8032), and checked before a gateway enforces them.

What is signed is a context, the topic's word, the record's key and its value, each with its length before it: nothing
can be moved from one to the other, and a signature counts nowhere else. It travels in two Kafka headers, so the value
stays what it was; value and headers may be copied anywhere, Redis for one, and are checked there as well.
"""

import re
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Final, Literal

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import Struct

from agents.keys import ID_DIGITS, PublicKeys, Watched, key_id, read_private, read_public
from agents.settings import VERIFY_VARIABLE
from streams.decisions import Decision

CONTEXT: Final = b"stillwatch decision 1"
KEY_ID_HEADER: Final = "stillwatch-key-id"
SIGNATURE_HEADER: Final = "stillwatch-signature"
SIGNATURE_BYTES: Final = 64
SIGNED: Final = frozenset({"enforcement", "alerts"})
"""The words of the topics whose records are signed."""

ABSENT: Final = 0xFFFF_FFFF
"""Stands for the length of a key that is not there."""

Headers = Iterable[tuple[str, bytes | None]]
RefusedFor = Literal["unsigned", "unknown_key", "bad_signature", "garbage"]
"""Why a record is not taken: no signature, one by a key that is not trusted, a wrong one, or no decision at all."""

_decode = msgspec.json.Decoder(Decision).decode
_id = re.compile(rb"[0-9a-f]{%d}" % ID_DIGITS)


class Verified(Struct, frozen=True):
    """A decision that the decider made. `key_id` is None where no keys are set, so that nothing was checked."""

    decision: Decision
    key_id: str | None


class Refused(Struct, frozen=True):
    """A record that nobody is to act on."""

    reason: RefusedFor


class Signer:
    """Signs with the key in a file, and with the next one once that file holds it."""

    def __init__(self, path: Path) -> None:
        """Raises SettingsError."""
        self._key = Watched(path, _key_and_id)

    @property
    def key_id(self) -> str:
        """The id of the key that signs now."""
        return self._key.value[1]

    def refresh(self) -> bool:
        """Take the file's new key, if it has one; whether it had."""
        return self._key.refresh()

    def headers(self, topic: str, key: bytes | None, value: bytes) -> tuple[tuple[str, bytes], ...]:
        """The headers that vouch for a record. `topic` is its word, not its full name."""
        name, signature = self.sign(message(topic, key, value))
        return ((KEY_ID_HEADER, name.encode()), (SIGNATURE_HEADER, signature))

    def sign(self, message: bytes) -> tuple[str, bytes]:
        """The id of the key that signs, and its signature of `message`, which says itself what it is for."""
        private, name = self._key.value
        return name, private.sign(message)

    @property
    def public(self) -> PublicKeys:
        """The public half of the key that signs now, by its id."""
        private, name = self._key.value
        return {name: private.public_key()}


class Verifier:
    """Checks records against the public keys in a file or folder, all of which are good at the same time.

    Without a path nothing is checked but that it is a decision. `refresh` looks for new keys: call it now and then, and
    on SIGHUP.
    """

    def __init__(self, path: Path | None, *, topic: str = "enforcement") -> None:
        """Raises SettingsError."""
        self._keys: Watched[PublicKeys] | None = None if path is None else Watched(path, read_public)
        self._topic = topic

    @property
    def key_ids(self) -> tuple[str, ...]:
        """The ids of the keys that are good now; empty where nothing is checked."""
        return () if self._keys is None else tuple(sorted(self._keys.value))

    @property
    def sentence(self) -> str:
        """What is checked, for a person."""
        if self._keys is None:
            return f"{VERIFY_VARIABLE} is not set: whoever may write decisions to Kafka is obeyed."
        return f"Decisions are checked against the key(s) {', '.join(self.key_ids)}."

    def refresh(self) -> bool:
        """Take the keys as they are now; whether they are others."""
        return self._keys is not None and self._keys.refresh()

    def verify(self, key: bytes | None, value: bytes | None, headers: Headers) -> Verified | Refused:
        """Whether the decider made this record. Never raises, whatever it is given."""
        name = None
        if self._keys is not None:
            checked = _checked(self._keys.value, message(self._topic, key, value or b""), headers)
            if isinstance(checked, Refused):
                return checked
            name = checked
        try:
            decision = _decode(value or b"")
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return Refused("garbage")
        if key != decision.subject_id.encode("utf-8", "surrogatepass"):
            return Refused("garbage")
        return Verified(decision, name)


def message(topic: str, key: bytes | None, value: bytes) -> bytes:
    """The bytes that are signed of a record."""
    return framed(CONTEXT, topic.encode(), key, value)


def framed(*parts: bytes | None) -> bytes:
    """The parts, each after its length (4 bytes, big endian): what is one part cannot be taken for two."""
    return b"".join(struct.pack(">I", ABSENT if it is None else len(it)) + (it or b"") for it in parts)


def _key_and_id(path: Path) -> tuple[Ed25519PrivateKey, str]:
    key = read_private(path)
    return key, key_id(key.public_key())


def _checked(keys: PublicKeys, signed: bytes, headers: Headers) -> str | Refused:
    """The id of the key that signed, or why there is none."""
    names: list[bytes | None] = []
    signatures: list[bytes | None] = []
    for header, content in headers:
        if header == KEY_ID_HEADER:
            names.append(content)
        elif header == SIGNATURE_HEADER:
            signatures.append(content)
    if not names or not signatures:
        return Refused("unsigned")
    name, signature = names[0], signatures[0]
    if not (
        len(names) == len(signatures) == 1
        and isinstance(name, bytes)
        and isinstance(signature, bytes)
        and len(signature) == SIGNATURE_BYTES
        and _id.fullmatch(name)
    ):
        return Refused("garbage")
    public = keys.get(name.decode())
    if public is None:
        return Refused("unknown_key")
    try:
        public.verify(signature, signed)
    except InvalidSignature:
        return Refused("bad_signature")
    return name.decode()
