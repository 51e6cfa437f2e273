"""What leaves the house is salted: no account id and no hash that our own gateways compare is ever shared itself.

HMAC-SHA-256 (RFC 2104) under a key that those who are to compare have agreed on. Who has not the key can neither test a
guess nor tell two things apart from one; who has it can compare what is salted with what it salts itself.
"""

import hmac
from typing import Final, Literal

from agents.environment import Environment, SettingsError, path
from agents.keys import read_secret
from agents.settings import SHORTEST_KEY_BYTES

SHARING_VARIABLE: Final = "STILLWATCH_SHARING_KEY"
ID_DIGITS: Final = 16

SharedKind = Literal["template", "payment", "account"]
"""The kinds of things that a campaign is known by and that can be shared."""


class SharingKey:
    """The key that salts what is shared. `key_id` names it, so that two exports can be known to be comparable."""

    def __init__(self, key: bytes) -> None:
        """`key` has at least `SHORTEST_KEY_BYTES` bytes."""
        self._key = key
        self.key_id = self._hash("key")[:ID_DIGITS]

    def salted(self, kind: SharedKind, value: str) -> str:
        """64 hexadecimal digits, the same for the same kind and value under the same key."""
        return self._hash(f"{kind}:{value}")

    def _hash(self, text: str) -> str:
        return hmac.digest(self._key, text.encode("utf-8", "surrogatepass"), "sha256").hex()


def read_sharing_key(environment: Environment) -> SharingKey | None:
    """The key in the file that `STILLWATCH_SHARING_KEY` names, without white space around it; None if it names none.

    Raises SettingsError.
    """
    file = path(environment, SHARING_VARIABLE)
    if file is None:
        return None
    key = read_secret(file, f"the sharing key ({SHARING_VARIABLE})").strip()
    if len(key) < SHORTEST_KEY_BYTES:
        raise SettingsError(f"{file} holds a sharing key of {len(key)} bytes; it needs at least {SHORTEST_KEY_BYTES}.")
    return SharingKey(key)
