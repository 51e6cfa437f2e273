"""Where the gRPC server listens, how far it goes, and where in a request the account is."""

from ipaddress import ip_address
from pathlib import Path
from typing import Final

from msgspec import Struct

from agents.enforcement.words import ACCOUNT_HEADER
from agents.environment import Environment, SettingsError, path, words

REMAINING_HEADER: Final = "x-stillwatch-remaining"
DECISION_HEADER: Final = "x-stillwatch-decision"

ACCOUNT_METADATA: Final = "STILLWATCH_ENVOY_ACCOUNT_METADATA"
CERTIFICATE_FILE: Final = "STILLWATCH_ENVOY_CERTFILE"
KEY_FILE: Final = "STILLWATCH_ENVOY_KEYFILE"
CA_FILE: Final = "STILLWATCH_ENVOY_CAFILE"

UNIX: Final = "unix:"
LARGEST_MESSAGE_BYTES: Final = 128 * 1024


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
    refusal says to turn to. `most_at_once` is how many requests are answered at the same time: one more is refused with
    RESOURCE_EXHAUSTED, as is one above `LARGEST_MESSAGE_BYTES`, and Envoy does what its failure mode says. `grace_s` is
    how long a stopping server lets calls end.
    """

    address: str = "127.0.0.1:9471"
    domain: str = "stillwatch"
    account_header: str = ACCOUNT_HEADER
    account_metadata: tuple[str, ...] = ()
    appeal_url: str | None = None
    tls: Tls | None = None
    most_at_once: int = 1_000
    grace_s: float = 5.0


def read_options(environment: Environment, address: str, appeal_url: str | None = None) -> EnvoyOptions:
    """What the environment says about a server at `address`. Raises SettingsError.

    A path in metadata is written with strokes: `envoy.filters.http.jwt_authn/claims/sub`.
    """
    certificate, key = path(environment, CERTIFICATE_FILE), path(environment, KEY_FILE)
    authorities = path(environment, CA_FILE)
    if (certificate is None) != (key is None) or (certificate is None and authorities is not None):
        raise SettingsError(f"TLS for Envoy needs both {CERTIFICATE_FILE} and {KEY_FILE}.")
    default = EnvoyOptions()
    return checked(
        EnvoyOptions(
            address=address,
            domain=words(environment, "STILLWATCH_ENVOY_DOMAIN") or default.domain,
            account_header=words(environment, "STILLWATCH_ENVOY_ACCOUNT_HEADER") or default.account_header,
            account_metadata=tuple(filter(None, (words(environment, ACCOUNT_METADATA) or "").split("/"))),
            appeal_url=appeal_url,
            tls=None if certificate is None or key is None else Tls(certificate, key, authorities),
        )
    )


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
