"""How Kafka is spoken to: in the open, over TLS, with a certificate of our own, with a password.

Every client that this project makes takes its arguments from here, so that none can be forgotten; the words are those
of Kafka's own settings. A password is in the arguments of a client and nowhere else: not in settings, not in a message.
"""

import os
import ssl
from typing import Any, Final

from agents.environment import Environment, SettingsError, is_true, path, secret, words

PROTOCOL: Final = "KAFKA_SECURITY_PROTOCOL"
MECHANISM: Final = "KAFKA_SASL_MECHANISM"
USERNAME: Final = "KAFKA_SASL_USERNAME"
PASSWORD: Final = "KAFKA_SASL_PASSWORD"  # noqa: S105  the name of a variable
CA_FILE: Final = "KAFKA_SSL_CAFILE"
CERTIFICATE_FILE: Final = "KAFKA_SSL_CERTFILE"
KEY_FILE: Final = "KAFKA_SSL_KEYFILE"
KEY_PASSWORD: Final = "KAFKA_SSL_PASSWORD"  # noqa: S105
CHECK_HOSTNAME: Final = "KAFKA_SSL_CHECK_HOSTNAME"

PROTOCOLS: Final = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
MECHANISMS: Final = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")


def client_arguments(environment: Environment = os.environ) -> dict[str, Any]:
    """What every client of kafka-python and of aiokafka is made with; both use the same words. Raises SettingsError."""
    found = protocol(environment)
    arguments: dict[str, Any] = {"security_protocol": found}
    if found.endswith("SSL"):
        arguments["ssl_context"] = _context(environment)
    if found.startswith("SASL"):
        arguments["sasl_mechanism"] = _one_of(environment, MECHANISM, MECHANISMS, None)
        arguments["sasl_plain_username"] = _needed(USERNAME, words(environment, USERNAME))
        arguments["sasl_plain_password"] = _needed(PASSWORD, secret(environment, PASSWORD))
    return arguments


def protocol(environment: Environment = os.environ) -> str:
    """One of `PROTOCOLS`. Raises SettingsError for another."""
    return _one_of(environment, PROTOCOL, PROTOCOLS, "PLAINTEXT")


def manner() -> str:
    """How Kafka is spoken to, to be said where it does not answer; nothing of a Kafka in the open.

    kafka-python tells a password or a certificate that is refused as a server that is not there. Raises SettingsError.
    """
    found = protocol()
    if found == "PLAINTEXT":
        return ""
    user = f" as {words(os.environ, USERNAME)}" if found.startswith("SASL") else ""
    return f" over {found}{user} (it is the same where a password or a certificate is refused)"


def _context(environment: Environment) -> ssl.SSLContext:
    """Trusts the authority that is named and no other, or without one those of the system."""
    ca_file, certificate, key = (path(environment, name) for name in (CA_FILE, CERTIFICATE_FILE, KEY_FILE))
    if key is not None and certificate is None:
        raise SettingsError(
            f"{KEY_FILE} is set and {CERTIFICATE_FILE} is not: a key is of no use without its certificate."
        )
    named = ", ".join(str(it) for it in (ca_file, certificate, key) if it is not None)
    try:
        context = ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
        context.check_hostname = is_true(environment, CHECK_HOSTNAME)
        if certificate is not None:
            # A password even where there is none: OpenSSL would ask at the terminal for one that it misses.
            context.load_cert_chain(certificate, key, password=secret(environment, KEY_PASSWORD) or "")
    except OSError as error:  # ssl.SSLError is one
        reason = error.strerror or "not what it should be"
        raise SettingsError(f"A certificate or key for Kafka cannot be used ({named}): {reason}.") from None
    return context


def _one_of(environment: Environment, name: str, known: tuple[str, ...], default: str | None) -> str:
    value = words(environment, name) or default
    if value not in known:
        told = "not set" if value is None else repr(value)
        raise SettingsError(f"{name} is {told}; it must be one of {', '.join(known)}.")
    return value


def _needed(name: str, value: str | None) -> str:
    if value is None:
        raise SettingsError(f"{name} is not set: {PROTOCOL} asks for a user's name and password.")
    return value
