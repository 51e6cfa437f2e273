"""Keyed hashes: equal inputs give equal hashes under one key, and nobody without the key can look one up.

BLAKE2b (RFC 7693) in its keyed mode, 8 bytes as 16 hexadecimal digits. Each field has its own `person` parameter,
so that the same text in two fields does not match.
"""

import hashlib
import ipaddress
from typing import Literal, get_args

Field = Literal["address", "network", "user_agent", "template", "word"]

MIN_KEY_BYTES = 16
"""A shorter key could be guessed."""

HASH_BYTES = 8
"""Two of 4 billion different values share a hash with probability about one in two: enough to count, short to carry."""

IPV4_PREFIX = 24
IPV6_PREFIX = 48


class Keys:
    """Hashes texts under one secret key, field by field."""

    def __init__(self, key: bytes) -> None:
        """Derive the hashes from `key`; raise `ValueError` when it is shorter than `MIN_KEY_BYTES`."""
        if len(key) < MIN_KEY_BYTES:
            raise ValueError(f"The fingerprint key has {len(key)} bytes; it needs at least {MIN_KEY_BYTES}.")
        # BLAKE2b takes 64 bytes of key at most; hashing first lets a longer one count in full.
        whole = hashlib.blake2b(key).digest()
        self._keyed = {
            field: hashlib.blake2b(digest_size=HASH_BYTES, key=whole, person=field.encode())
            for field in get_args(Field)
        }

    def hash(self, field: Field, text: str) -> str:
        """Return the keyed hash of `text` (any string, lone surrogates too) in `field` as 16 hexadecimal digits."""
        keyed = self._keyed[field].copy()  # a copy is cheaper than taking the key in again
        keyed.update(text.encode("utf-8", "surrogatepass"))
        return keyed.hexdigest()

    def address(self, text: str) -> tuple[str, str | None]:
        """Return the hashes of a client address and of its network (the /24 or the /48).

        Every spelling of one address gives one hash, and an IPv4 address mapped into IPv6 is the IPv4 address.
        What is no address is hashed as text and has no network.
        """
        try:
            address = ipaddress.ip_address(text.strip().partition("%")[0])
        except ValueError:
            return self.hash("address", text.strip()), None
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        prefix = IPV4_PREFIX if address.version == 4 else IPV6_PREFIX  # noqa: PLR2004 - the version is its own name
        hidden_bits = address.max_prefixlen - prefix
        network = f"{int(address) >> hidden_bits:x}/{prefix}"
        return self.hash("address", address.compressed), self.hash("network", network)
