"""How an Alertmanager is spoken to: where it is, who we are, and a round of alerts that it takes or does not.

Credentials come from the environment or from files that it names, and are read anew for each round, so that they can be
changed while this runs: STILLWATCH_ALERTMANAGER_TOKEN (a bearer token), or STILLWATCH_ALERTMANAGER_USERNAME and
STILLWATCH_ALERTMANAGER_PASSWORD; token and password also as the name of a file, with _FILE. They are sent to every
Alertmanager that is named. TLS: STILLWATCH_ALERTMANAGER_CAFILE, and _CERTFILE with _KEYFILE.
"""

import asyncio
import os
import ssl
from base64 import b64encode
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

import aiohttp
import msgspec

from agents.addresses import split
from agents.environment import Environment, SettingsError, path, secret, words
from agents.notifying.metrics import Delivery
from agents.notifying.rendering import Posted

PREFIX: Final = "STILLWATCH_ALERTMANAGER"
TIMEOUT_S: Final = 10.0
LARGEST_BATCH: Final = 256
"""So many alerts go in one request."""

TOLD_CHARACTERS: Final = 200
"""So much of what an Alertmanager says is put in the log."""


class Answer(msgspec.Struct, frozen=True):
    """What became of a round, and a sentence about it where it was not taken."""

    delivery: Delivery
    sentence: str = ""


class Alertmanager:
    """One Alertmanager, at the address `url` that its API is below. It belongs to the event loop that first posts."""

    def __init__(self, url: str, environment: Environment = os.environ) -> None:
        """Raises SettingsError for what is no address, and for credentials and certificates that cannot be used."""
        parts = split(url)
        if parts is None or parts.query or parts.fragment:
            raise SettingsError(f"--alertmanager takes an address like http://127.0.0.1:9093, not {_shown(url)!r}.")
        if "@" in parts.netloc:
            raise SettingsError(
                f"--alertmanager takes no user or password: they are read from {PREFIX}_USERNAME and _PASSWORD."
            )
        self.name: Final = f"{parts.netloc}{parts.path.rstrip('/')}"
        self.scheme: Final = parts.scheme
        self._url = f"{url.rstrip('/')}/api/v2/alerts"
        self._environment = environment
        self._tls = _context(environment) if parts.scheme == "https" else None
        self._session: aiohttp.ClientSession | None = None
        _authorization(environment)

    async def post(self, alerts: Sequence[Posted]) -> Answer:
        """Tell it all of them; the first batch that it does not take ends the round. Never raises.

        Where there is nothing to tell it is asked all the same, so that one that is away is known before it is needed.
        """
        try:
            authorization = _authorization(self._environment)
            for start in range(0, max(1, len(alerts)), LARGEST_BATCH):
                answer = await self._send(alerts[start : start + LARGEST_BATCH], authorization)
                if answer.delivery != "taken":
                    return answer
        except (SettingsError, aiohttp.ClientError, TimeoutError, OSError) as error:
            return Answer("failed", str(error) or type(error).__name__)
        return Answer("taken")

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _send(self, alerts: Sequence[Posted], authorization: dict[str, str]) -> Answer:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=True if self._tls is None else self._tls),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(),
            )
        async with (
            asyncio.timeout(TIMEOUT_S),
            self._session.post(
                self._url,
                data=msgspec.json.encode(alerts),
                headers={"Content-Type": "application/json", **authorization},
                allow_redirects=False,
            ) as response,
        ):
            if response.status == HTTPStatus.OK:
                return Answer("taken")
            said = (await response.content.read(TOLD_CHARACTERS)).decode(errors="replace")
            is_no = HTTPStatus.BAD_REQUEST <= response.status < HTTPStatus.INTERNAL_SERVER_ERROR
            is_no = is_no and response.status not in {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}
            sentence = " ".join(f"It answered {response.status}: {said}".split())
            return Answer("refused" if is_no else "failed", sentence)


def _authorization(environment: Environment) -> dict[str, str]:
    """The header that says who we are, if the environment does. Raises SettingsError."""
    token, user = secret(environment, f"{PREFIX}_TOKEN"), words(environment, f"{PREFIX}_USERNAME")
    password = secret(environment, f"{PREFIX}_PASSWORD")
    if token is not None and user is not None:
        raise SettingsError(f"{PREFIX}_TOKEN and {PREFIX}_USERNAME are both set: leave one out.")
    if (user is None) != (password is None):
        raise SettingsError(f"{PREFIX}_USERNAME and {PREFIX}_PASSWORD go together: one of them is not set.")
    if user is not None and password is not None:
        if ":" in user:
            raise SettingsError(f"{PREFIX}_USERNAME may not have a colon in it.")
        return {"Authorization": f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"}
    if token is None:
        return {}
    if not token.isprintable():
        raise SettingsError(f"{PREFIX}_TOKEN is no token: it has a character that a header cannot have.")
    return {"Authorization": f"Bearer {token}"}


def _context(environment: Environment) -> ssl.SSLContext:
    """Trusts the authority that is named and no other, or without one those of the system. Raises SettingsError."""
    ca_file, certificate, key = (path(environment, f"{PREFIX}_{name}") for name in ("CAFILE", "CERTFILE", "KEYFILE"))
    if (certificate is None) != (key is None):
        raise SettingsError(f"{PREFIX}_CERTFILE and {PREFIX}_KEYFILE go together: one of them is not set.")
    named = ", ".join(str(it) for it in (ca_file, certificate, key) if it is not None)
    try:
        context = ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
        if certificate is not None:
            # A password even where there is none: OpenSSL would ask at the terminal for one that it misses.
            context.load_cert_chain(certificate, key, password="")
    except OSError as error:  # ssl.SSLError is one
        reason = error.strerror or "not what it should be"
        raise SettingsError(f"A certificate or key for Alertmanager cannot be used ({named}): {reason}.") from None
    return context


def _shown(url: str) -> str:
    """An address to repeat to a person, without what stands before an @."""
    return url.rpartition("@")[2]
