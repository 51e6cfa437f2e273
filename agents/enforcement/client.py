"""Asks the check endpoint of `stillwatch enforce` over HTTP: for gateways that do not follow decisions themselves."""

import asyncio
import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

import aiohttp
import msgspec

from agents.addresses import split
from agents.enforcement.checker import UNKNOWN, Fail
from agents.enforcement.faults import Faults
from streams.enforcement import Ask, Verdict

DEADLINE_S: Final = 0.005
KEPT_OPEN_S: Final = 60.0
"""How long a connection that nobody uses is kept."""

_VERDICT: Final = msgspec.json.Decoder(Verdict)


class CheckClient:
    """A checker that asks `url`, the address of `/v1/check`, over connections that it keeps.

    An answer takes at most `deadline_s` seconds, whatever the endpoint does. Without one a request passes or is refused
    as `fail` says, and the fault is counted. It belongs to the event loop that first asked.
    Raises ValueError where `url` is no address of HTTP.
    """

    def __init__(
        self, url: str, *, deadline_s: float = DEADLINE_S, fail: Fail = "open", faults: Faults | None = None
    ) -> None:
        if split(url) is None:
            raise ValueError(f"{url} is no address of HTTP, such as http://127.0.0.1:9470/v1/check")
        self._url = url
        self.deadline_s: Final = deadline_s
        self.fail: Final = fail
        self._session: aiohttp.ClientSession | None = None
        self.faults: Final = faults or Faults()

    async def check(self, ask: Ask) -> Verdict:
        """What the endpoint answers. Never raises."""
        try:
            async with asyncio.timeout(self.deadline_s):
                return await self._answer(ask)
        except TimeoutError as error:
            self.faults.count("late", error)
        except (
            aiohttp.ClientPayloadError,
            aiohttp.ClientResponseError,
            msgspec.MsgspecError,
            RecursionError,
            _StrangeError,
        ) as error:
            self.faults.count("strange", error)
        except (aiohttp.ClientError, OSError) as error:
            self.faults.count("away", error)
        return UNKNOWN[self.fail]

    def check_now(self, ask: Ask) -> Verdict:  # noqa: ARG002  part of the protocol
        """Nothing is known in this process: what is answered without knowing."""
        return UNKNOWN[self.fail]

    async def close(self) -> None:
        """Close the connections. It may be asked again, over new ones."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _answer(self, ask: Ask) -> Verdict:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEPT_OPEN_S),
                headers={"Content-Type": "application/json"},
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(),
            )
        async with self._session.post(self._url, data=msgspec.json.encode(ask), allow_redirects=False) as response:
            if response.status != HTTPStatus.OK:
                raise _StrangeError(f"status {response.status}")
            return _VERDICT.decode(await response.read())


def configured(environment: Mapping[str, str]) -> CheckClient:
    """The client that the environment asks for. Raises ValueError with the variable that is missing or unusable.

    - STILLWATCH_CHECK_URL: the check endpoint of `stillwatch enforce`; it must be set;
    - STILLWATCH_CHECK_DEADLINE_MS: how long an answer may take, 5 where it is not set;
    - STILLWATCH_FAIL: `open` or `closed`, what becomes of requests that cannot be checked; `open` where it is not set.
    """
    url = environment.get("STILLWATCH_CHECK_URL")
    if not url:
        raise ValueError("STILLWATCH_CHECK_URL is not set: it is the address of the check endpoint.")
    deadline_s = _deadline_s(environment.get("STILLWATCH_CHECK_DEADLINE_MS"))
    return CheckClient(url, deadline_s=deadline_s, fail=_fail(environment.get("STILLWATCH_FAIL") or "open"))


def _fail(text: str) -> Fail:
    if text == "open":
        return "open"
    if text == "closed":
        return "closed"
    raise ValueError(f"STILLWATCH_FAIL is {text!r}; it is `open` or `closed`.")


def _deadline_s(text: str | None) -> float:
    if not text:
        return DEADLINE_S
    try:
        milliseconds = float(text)
    except ValueError:
        milliseconds = math.nan
    if not (math.isfinite(milliseconds) and milliseconds > 0):
        raise ValueError(f"STILLWATCH_CHECK_DEADLINE_MS is {text!r}; it is a number of milliseconds above 0.")
    return milliseconds / 1_000


class _StrangeError(Exception):
    """The endpoint answered something else than a verdict."""
