"""The client of the check endpoint, over real HTTP, and with an endpoint that is away, silent or strange."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest
from aiohttp import web

from agents.enforcement.checker import UNKNOWN, Fail
from agents.enforcement.client import DEADLINE_S, CheckClient, configured
from streams.decisions import Limits
from streams.enforcement import Ask, Verdict

PATIENT_S = 20.0
HASTY_S = 0.02


class Endpoint:
    """The check endpoint, as it is told to be."""

    def __init__(self) -> None:
        self.answer = msgspec.json.encode(Verdict())
        self.status = 200
        self.is_silent = False
        self.bodies: list[bytes] = []
        self.connections: set[object] = set()
        self._held = asyncio.Event()

    async def handle(self, request: web.Request) -> web.Response:
        self.bodies.append(await request.read())
        self.connections.add(request.transport)
        if self.is_silent:
            await self._held.wait()
        return web.Response(status=self.status, body=self.answer, content_type="application/json")

    @asynccontextmanager
    async def serving(self, port: int = 0) -> AsyncIterator[str]:
        app = web.Application()
        app.router.add_post("/v1/check", self.handle)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        try:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1/check"
        finally:
            self._held.set()
            await runner.cleanup()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


async def test_it_asks_and_is_answered_over_one_connection() -> None:
    endpoint = Endpoint()
    verdict = Verdict("throttle", "d", "account", "olga", 9, Limits(5, 50, 60_000), 0, 1_500)
    endpoint.answer = msgspec.json.encode(verdict)
    ask = Ask("olga", "0123456789abcdef", "-A0B", 12)
    async with endpoint.serving() as url:
        client = CheckClient(url, deadline_s=PATIENT_S)
        assert [await client.check(ask) for _ in range(3)] == [verdict] * 3
        await client.close()
    assert [msgspec.json.decode(body, type=Ask) for body in endpoint.bodies] == [ask] * 3
    assert len(endpoint.connections) == 1
    assert not client.faults.counts


@pytest.mark.parametrize("fail", ["open", "closed"])
async def test_a_silent_endpoint_is_not_waited_for(fail: Fail) -> None:
    endpoint = Endpoint()
    endpoint.is_silent = True
    async with endpoint.serving() as url:
        client = CheckClient(url, deadline_s=HASTY_S, fail=fail)
        assert await client.check(Ask("olga")) == UNKNOWN[fail]
        await client.close()
    assert client.faults.counts == {"late": 1}


@pytest.mark.parametrize("fail", ["open", "closed"])
async def test_an_endpoint_that_is_away_is_gone_without_and_found_again(fail: Fail) -> None:
    port = free_port()
    client = CheckClient(f"http://127.0.0.1:{port}/v1/check", deadline_s=PATIENT_S, fail=fail)
    assert await client.check(Ask("olga")) == UNKNOWN[fail]
    assert client.faults.counts == {"away": 1}
    async with Endpoint().serving(port):
        assert await client.check(Ask("olga")) == Verdict()
    assert await client.check(Ask("olga")) == UNKNOWN[fail]
    await client.close()
    assert client.faults.counts == {"away": 2}


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (500, b"{}"),
        (302, b"{}"),
        (204, b""),
        (200, b""),
        (200, b"{"),
        (200, b'{"answer": "maybe"}'),
        (200, b'{"answer": "throttle", "limits": {"requests": -1, "tokens": 0, "window_ms": 1}}'),
        (200, b"\xff"),
    ],
)
async def test_an_answer_that_is_no_verdict_is_none(status: int, answer: bytes) -> None:
    endpoint = Endpoint()
    endpoint.status, endpoint.answer = status, answer
    async with endpoint.serving() as url:
        client = CheckClient(url, deadline_s=PATIENT_S)
        assert await client.check(Ask("olga")) == UNKNOWN["open"]
        await client.close()
    assert client.faults.counts == {"strange": 1}


async def test_what_is_no_http_is_strange_too() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"hello\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        client = CheckClient(f"http://127.0.0.1:{port}/v1/check", deadline_s=PATIENT_S)
        assert await client.check(Ask("olga")) == UNKNOWN["open"]
        await client.close()
    assert client.faults.counts == {"strange": 1}


async def test_whoever_gives_up_waiting_is_not_held() -> None:
    endpoint = Endpoint()
    endpoint.is_silent = True
    async with endpoint.serving() as url:
        client = CheckClient(url, deadline_s=PATIENT_S)
        asking = asyncio.create_task(client.check(Ask("olga")))
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await client.close()
    assert not client.faults.counts


@pytest.mark.parametrize("fail", ["open", "closed"])
def test_without_a_wait_it_knows_nothing(fail: Fail) -> None:
    assert CheckClient("http://127.0.0.1:9/v1/check", fail=fail).check_now(Ask("olga")) == UNKNOWN[fail]


@pytest.mark.parametrize(
    "url",
    [
        "127.0.0.1:9470/v1/check",
        "ftp://x/y",
        "http:///v1/check",
        "",
        "http://x:99999/",
        "http://x:0/",
        "http://[",
        "http://x/ y",
    ],
)
def test_an_address_that_is_none_is_refused_at_once(url: str) -> None:
    with pytest.raises(ValueError, match="no address of HTTP"):
        CheckClient(url)


URL = {"STILLWATCH_CHECK_URL": "http://127.0.0.1:9470/v1/check"}


def test_the_environment_says_how_to_ask() -> None:
    plain = configured(URL)
    assert (plain.deadline_s, plain.fail) == (DEADLINE_S, "open")
    told = configured(URL | {"STILLWATCH_CHECK_DEADLINE_MS": "12.5", "STILLWATCH_FAIL": "closed"})
    assert (told.deadline_s, told.fail) == (0.0125, "closed")


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({}, "STILLWATCH_CHECK_URL"),
        ({"STILLWATCH_CHECK_URL": "check"}, "no address of HTTP"),
        (URL | {"STILLWATCH_FAIL": "maybe"}, "STILLWATCH_FAIL"),
        (URL | {"STILLWATCH_CHECK_DEADLINE_MS": "soon"}, "STILLWATCH_CHECK_DEADLINE_MS"),
        (URL | {"STILLWATCH_CHECK_DEADLINE_MS": "0"}, "STILLWATCH_CHECK_DEADLINE_MS"),
        (URL | {"STILLWATCH_CHECK_DEADLINE_MS": "inf"}, "STILLWATCH_CHECK_DEADLINE_MS"),
    ],
)
def test_a_setting_that_is_missing_or_unusable_is_named(environment: dict[str, str], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        configured(environment)
