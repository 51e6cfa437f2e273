"""A client, a real gateway from the documented file, Stillwatch beside it, and an upstream that echoes."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import aiohttp
from aiohttp import web
from msgspec import Struct
from prometheus_client import CollectorRegistry

from agents.embedded import processes
from agents.embedded.processes import LOOPBACK
from agents.enforcement.checker import Checker
from agents.enforcement.envoy import Counted, EnvoyOptions, EnvoyServer
from tests.gateways import programs, tokens
from tests.gateways.gated import Gated

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
PATIENCE = aiohttp.ClientTimeout(total=30)
FINGERPRINT = "          # -> a filter of yours with the edge fingerprint"
STUB_FINGERPRINT = """          - name: envoy.filters.http.header_mutation
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation
              mutations:
                request_mutations:
                - append: {header: {key: x-stillwatch-template, value: "%REQ(template)%"}, keep_empty_value: false}
                - append: {header: {key: x-stillwatch-sketch, value: "%REQ(sketch)%"}, keep_empty_value: false}
                - append: {header: {key: x-stillwatch-tokens, value: "%REQ(tokens)%"}, keep_empty_value: false}
"""
"""Stands for the filter that computes the fingerprint: it believes what the client says."""


class Answer(Struct, frozen=True):
    """What a client got: status, headers in lower case, and the body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def echoed(self) -> dict[str, str]:
        """The request's headers as the upstream got them, in lower case."""
        headers: dict[str, str] = json.loads(self.body)
        return headers

    @property
    def problem(self) -> dict[str, object]:
        """The body of a refusal."""
        assert self.headers["content-type"] == "application/problem+json"
        problem: dict[str, object] = json.loads(self.body)
        return problem


class Client:
    """Sends requests through the gateway."""

    def __init__(self, session: aiohttp.ClientSession, port: int) -> None:
        self._session = session
        self._url = f"http://{LOOPBACK}:{port}/v1/messages"

    async def get(self, headers: Mapping[str, str]) -> Answer:
        """Send one request."""
        async with self._session.get(self._url, headers=headers) as response:
            lower = {name.lower(): value for name, value in response.headers.items()}
            return Answer(response.status, lower, await response.read())

    async def of(self, account_id: str | int, **headers: str) -> Answer:
        """Send one request with the token of an account."""
        return await self.get(tokens.bearer(account_id) | headers)


@asynccontextmanager
async def client(port: int) -> AsyncIterator[Client]:
    """A client of the gateway at `port`."""
    async with aiohttp.ClientSession(timeout=PATIENCE) as session:
        yield Client(session, port)


async def echo(request: web.Request) -> web.Response:
    """Answer with the headers of the request."""
    return web.json_response({name.lower(): value for name, value in request.headers.items()})


@asynccontextmanager
async def web_server(handler: Handler, port: int = 0) -> AsyncIterator[int]:
    """An HTTP server with one handler for everything; its port."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)  # a handler may hang
    await runner.setup()
    try:
        await web.TCPSite(runner, LOOPBACK, port).start()
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()


@asynccontextmanager
async def behind_envoy(
    name: str, folder: Path, asked: int, changes: Mapping[str, str] | None = None
) -> AsyncIterator[Client]:
    """A client of a real Envoy that asks the gRPC server at port `asked`. Its timeout is one of a busy machine."""
    listener, admin = processes.choose_ports((), 2)
    keys = folder / "jwks.json"
    keys.write_text(tokens.jwks(), encoding="utf-8")
    async with AsyncExitStack() as stack:
        upstream = await stack.enter_async_context(web_server(echo))
        edits = {
            "port_value: 10000}": f"port_value: {listener}}}",
            "port_value: 9901}": f"port_value: {admin}}}",
            "port_value: 8080}": f"port_value: {upstream}}}",
            "port_value: 9471}": f"port_value: {asked}}}",
            "/etc/envoy/jwks.json": str(keys),
            FINGERPRINT: STUB_FINGERPRINT + "          #",
        }
        config = programs.documented(name, edits | dict(changes or {"timeout: 0.020s": "timeout: 10s"}))
        await stack.enter_async_context(programs.envoy(config, folder, admin))
        yield await stack.enter_async_context(client(listener))


@asynccontextmanager
async def asked(
    checker: Checker, options: EnvoyOptions | None = None
) -> AsyncIterator[tuple[EnvoyServer, CollectorRegistry]]:
    """Our gRPC server in this process, on a free port."""
    registry = CollectorRegistry()
    async with EnvoyServer(checker, Counted(registry), options or EnvoyOptions(address=f"{LOOPBACK}:0")) as server:
        yield server, registry


class Scene(Struct, frozen=True):
    """A client behind a real gateway, and the checker that is asked about it."""

    client: Client
    checker: Gated


@asynccontextmanager
async def scene(config: str, folder: Path) -> AsyncIterator[Scene]:
    """A real Envoy by the documented file, on a checker that knows a few accounts."""
    checker = Gated()
    async with asked(checker) as (server, _), behind_envoy(config, folder, server.port) as found:
        yield Scene(found, checker)


async def eventually(ask: Callable[[], Awaitable[Answer]], status: int) -> None:
    """Ask again and again until the answer has that status; fail when it never does."""
    answer = await ask()
    async with asyncio.timeout(programs.READY_SECONDS):
        while answer.status != status:
            await asyncio.sleep(programs.LOOK_SECONDS)
            answer = await ask()
