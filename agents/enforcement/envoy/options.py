"""Where the gRPC server listens, how far it goes, and where in a request the account is."""

from ipaddress import ip_address
from pathlib import Path
from typing import Final

from msgspec import Struct

from agents.settings import SettingsError

ACCOUNT_HEADER: Final = "x-stillwatch-account"
TEMPLATE_HEADER: Final = "x-stillwatch-template"
SKETCH_HEADER: Final = "x-stillwatch-sketch"
TOKENS_HEADER: Final = "x-stillwatch-tokens"
REMAINING_HEADER: Final = "x-stillwatch-remaining"
DECISION_HEADER: Final = "x-stillwatch-decision"

UNIX: Final = "unix:"


class Tls(Struct, frozen=True):
    """Files in PEM: the server's certificate and key; with `client_authorities` a client needs a certificate of those.

    They are read once, at the start.
    """

    certificate: Path
    key: Path
    client_authorities: Path | None = None


class EnvoyOptions(Struct, frozen=True, kw_only=True):
    """How Envoy is answered.

    `address` is `host:port` (port 0: a free one) or `unix:/path`. Without `tls` it must be this machine's own.
    `domain` is the one of the rate limit requests that are ours. `account_header` has the account, unless
    `account_metadata` says where in Envoy's dynamic metadata it is: the namespace (`envoy.filters.http.jwt_authn`),
    then the keys on the way to it (`claims`, `sub`); the header then counts for nothing. `appeal_url` is where a
    refusal says to turn to. `largest_message_bytes` bounds a request to us, `most_at_once` how many are answered at
    the same time: one above either is refused with RESOURCE_EXHAUSTED, and Envoy does what its failure mode says.
    `grace_s` is how long a stopping server lets calls end.
    """

    address: str = "127.0.0.1:9466"
    domain: str = "stillwatch"
    account_header: str = ACCOUNT_HEADER
    account_metadata: tuple[str, ...] = ()
    appeal_url: str | None = None
    tls: Tls | None = None
    largest_message_bytes: int = 128 * 1024
    most_at_once: int = 1_000
    grace_s: float = 5.0


def checked(options: EnvoyOptions) -> EnvoyOptions:
    """The same options. Raises SettingsError where they cannot be meant."""
    if options.tls is None and not _is_local(options.address):
        raise SettingsError(
            f"Envoy's gRPC server has no TLS, so it may only listen on this machine, unlike {options.address!r}; "
            "give it 127.0.0.1, a unix: socket, or a certificate."
        )
    if len(options.account_metadata) == 1:
        raise SettingsError(
            f"the account in Envoy's metadata needs a namespace and a key, not only {options.account_metadata[0]!r}."
        )
    if options.account_header != options.account_header.lower():
        raise SettingsError(f"Envoy writes headers in lower case: {options.account_header!r} would never be found.")
    return options


def _is_local(address: str) -> bool:
    if address.startswith(UNIX):
        return True
    host = address.rpartition(":")[0].strip("[]")
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
