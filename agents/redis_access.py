"""How Redis is spoken to: over TLS with `rediss://`, with a certificate of our own, as a user of its ACL."""

import os
from typing import Any, Final
from urllib.parse import urlsplit

from agents.environment import Environment, SettingsError, is_true, path, secret

CA_FILE: Final = "REDIS_SSL_CAFILE"
CERTIFICATE_FILE: Final = "REDIS_SSL_CERTFILE"
KEY_FILE: Final = "REDIS_SSL_KEYFILE"
CHECK_HOSTNAME: Final = "REDIS_SSL_CHECK_HOSTNAME"
PASSWORD: Final = "REDIS_PASSWORD"  # noqa: S105  the name of a variable

SCHEMES: Final = ("redis", "rediss", "unix")


def client_arguments(url: str, environment: Environment = os.environ) -> dict[str, Any]:
    """What `from_url` is told besides `url`, in every client of ours; the url's own user and password come first.

    Raises SettingsError, which never repeats the url.
    """
    arguments: dict[str, Any] = {}
    password = secret(environment, PASSWORD)
    if password is not None:
        arguments["password"] = password
    if scheme(url) != "rediss":
        return arguments
    for variable, name in ((CA_FILE, "ssl_ca_certs"), (CERTIFICATE_FILE, "ssl_certfile"), (KEY_FILE, "ssl_keyfile")):
        file = path(environment, variable)
        if file is None:
            continue
        try:
            file.open("rb").close()
        except OSError as error:
            raise SettingsError(f"{variable} names {file}, which cannot be read: {error.strerror}.") from error
        arguments[name] = str(file)
    if "ssl_keyfile" in arguments and "ssl_certfile" not in arguments:
        raise SettingsError(
            f"{KEY_FILE} is set and {CERTIFICATE_FILE} is not: a key is of no use without its certificate."
        )
    arguments["ssl_check_hostname"] = is_true(environment, CHECK_HOSTNAME)
    return arguments


def scheme(url: str) -> str:
    """What a url begins with. Raises SettingsError for one that is no address of a Redis, without repeating it."""
    try:
        parts = urlsplit(url)
        found, _port = parts.scheme, parts.port
    except ValueError:
        found = ""
    if found not in SCHEMES:
        raise SettingsError(
            "REDIS_URL is not an address of a Redis: redis://, rediss:// or unix://, "
            "and %XX for what a password has of / @ : ?."
        )
    return found


def without_password(url: str) -> str:
    """A url as it may be shown: with the host, without who logs in and how."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "an address that is none"
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl()
