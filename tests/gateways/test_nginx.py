"""deploy/gateways/nginx.conf in a real nginx, which asks the check endpoint over HTTP."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from msgspec import Struct
from prometheus_client import CollectorRegistry

from agents.embedded import processes
from agents.embedded.processes import LOOPBACK
from agents.enforcement.gate import Gate
from agents.enforcement.http import CheckServer
from tests.gateways import gated, programs, scenes

NGINX = shutil.which("nginx")
ACCOUNTS = ("innocent", "suspended", "throttled")
CLOSED = {"return 204;": "return 503;"}
SHORT = {"20ms": "200ms"}

pytestmark = pytest.mark.skipif(NGINX is None, reason="there is no nginx on PATH")


class StandIn:
    """For answers that the check endpoint gives only when it is broken. `seen` is every header that came."""

    def __init__(self, status: int = 204, *, is_hanging: bool = False) -> None:
        self.seen: list[dict[str, str]] = []
        self._status = status
        self._is_hanging = is_hanging

    async def answer(self, request: web.Request) -> web.Response:
        """Answer one check."""
        assert request.path == "/check"
        self.seen.append({name.lower(): value for name, value in request.headers.items()})
        if self._is_hanging:
            await asyncio.Event().wait()
        return web.Response(status=self._status, headers={"WWW-Authenticate": 'Bearer realm="api"'})


class Scene(Struct, frozen=True):
    """A client, and the gate that is asked about it."""

    client: scenes.Client
    gate: Gate

    async def of(self, account_id: str, **headers: str) -> scenes.Answer:
        """Send one request with the key of an account."""
        return await self.client.get({"Authorization": f"Bearer key-of-{account_id}"} | headers)


@asynccontextmanager
async def checked(gate: Gate, port: int = 0) -> AsyncIterator[int]:
    """The check endpoint over HTTP; its port."""
    server = CheckServer(gate, CollectorRegistry(), host=LOOPBACK, port=port)
    try:
        yield await server.start()
    finally:
        await server.stop()


@asynccontextmanager
async def behind_nginx(
    folder: Path,
    changes: Mapping[str, str] | None = None,
    *,
    asked: int | None = None,
    upstream: scenes.Handler = scenes.echo,
) -> AsyncIterator[Scene]:
    """A client of a real nginx that asks at port `asked`, by default a gate, with the patience of a busy machine."""
    assert NGINX is not None
    gate = gated.gate()
    (listener,) = processes.choose_ports((), 1)
    async with AsyncExitStack() as stack:
        models = await stack.enter_async_context(scenes.web_server(upstream))
        checks = await stack.enter_async_context(checked(gate)) if asked is None else asked
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        folders = "".join(f"    {kind}_temp_path {folder}/{kind};\n" for kind in kinds)
        keys = "\n".join(f'        "Bearer key-of-{account}" {account};' for account in ACCOUNTS)
        edits = {
            "http {\n": f"http {{\n{folders}    access_log off;\n",
            '        "Bearer EXAMPLE-KEY" acct-example;': keys,
            "127.0.0.1:8000;": f"127.0.0.1:{listener};",
            "127.0.0.1:8080;": f"127.0.0.1:{models};",
            "127.0.0.1:9470;": f"127.0.0.1:{checks};",
        }
        path = folder / "nginx.conf"
        path.write_text(programs.documented("nginx.conf", edits | dict(changes or {"20ms": "10s"})), encoding="utf-8")
        ours = f"daemon off; master_process off; pid {folder}/nginx.pid; error_log stderr;"
        command = [NGINX, "-p", str(folder), "-c", str(path), "-e", "stderr", "-g", ours]
        with programs.started("nginx", command, folder) as process:
            await programs.until(process, lambda: programs.accepts(listener))
            yield Scene(await stack.enter_async_context(scenes.client(listener)), gate)


async def test_an_innocent_account_passes_and_what_the_client_says_of_itself_ends_here(tmp_path: Path) -> None:
    lies = {"X-Stillwatch-Account": "suspended", "X-Stillwatch-Template": gated.TEMPLATE, "X-Stillwatch-Sketch": "s"}
    lies |= {"X-Stillwatch-Payment": "card", "X-Stillwatch-Account-Created": "1"}
    async with behind_nginx(tmp_path) as scene:
        answer = await scene.of("innocent", **lies)
    assert answer.status == 200
    assert [name for name in answer.echoed if "stillwatch" in name] == []
    assert "ratelimit" not in answer.headers


async def test_nothing_of_the_client_leaves_for_the_check(tmp_path: Path) -> None:
    check = StandIn()
    async with scenes.web_server(check.answer) as asked, behind_nginx(tmp_path, asked=asked) as scene:
        assert (await scene.of("innocent", Cookie="secret", **{"X-Stillwatch-Template": "t"})).status == 200
    (seen,) = check.seen
    assert set(seen) == {"host", "x-stillwatch-account"}
    assert seen["x-stillwatch-account"] == "innocent"


async def test_a_key_that_nobody_has_is_not_served_and_not_checked(tmp_path: Path) -> None:
    check = StandIn()
    async with scenes.web_server(check.answer) as asked, behind_nginx(tmp_path, asked=asked) as scene:
        answer = await scene.of("nobody")
    assert answer.status == answer.problem["status"] == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert check.seen == []


async def test_a_suspended_account_is_refused_with_a_problem_until_it_is_released(tmp_path: Path) -> None:
    async with behind_nginx(tmp_path) as scene:
        answer = await scene.of("suspended")
        assert answer.status == answer.problem["status"] == 403
        assert answer.problem["reference"] == "decision-suspend-1"
        assert answer.headers["retry-after"] == "3600"
        assert answer.headers["cache-control"] == "no-store"
        scene.gate.take(gated.decision("account", "suspended", "release", sequence=2))
        assert (await scene.of("suspended")).status == 200


async def test_a_throttled_account_gets_429_and_not_500_and_is_told_when_to_come_again(tmp_path: Path) -> None:
    async with behind_nginx(tmp_path) as scene:
        passed = [await scene.of("throttled") for _ in range(3)]
        refused = await scene.of("throttled")
    assert [answer.status for answer in passed] == [200, 200, 200]
    assert [answer.headers["ratelimit"].split(";")[1] for answer in passed] == ["r=2", "r=1", "r=0"]
    assert refused.status == refused.problem["status"] == 429
    assert refused.headers["retry-after"] == "20"
    assert refused.headers["ratelimit-policy"] == '"requests";q=3;w=60'
    assert refused.headers["ratelimit"] == '"requests";r=0;t=20'


@pytest.mark.parametrize(("status", "seen"), [(401, 401), (503, 503), (500, 200), (502, 200)])
async def test_other_answers_of_the_check_are_kept_or_open_the_gateway(status: int, seen: int, tmp_path: Path) -> None:
    check = StandIn(status)
    async with scenes.web_server(check.answer) as asked, behind_nginx(tmp_path, asked=asked) as scene:
        answer = await scene.of("innocent")
    assert answer.status == seen
    if seen == 401:
        assert answer.headers["www-authenticate"] == 'Bearer realm="api"'


@pytest.mark.parametrize(("failure_mode", "status"), [({}, 200), (CLOSED, 503)], ids=["open", "closed"])
async def test_a_check_that_is_away_opens_or_closes_the_gateway_as_it_says(
    failure_mode: dict[str, str], status: int, tmp_path: Path
) -> None:
    (nobody,) = processes.choose_ports((), 1)
    async with behind_nginx(tmp_path, {"20ms": "10s"} | failure_mode, asked=nobody) as scene:
        assert [(await scene.of(who)).status for who in ("innocent", "suspended")] == [status, status]
        async with checked(scene.gate, nobody):
            await scenes.eventually(lambda: scene.of("suspended"), 403)


@pytest.mark.parametrize(("failure_mode", "status"), [({}, 200), (CLOSED, 503)], ids=["open", "closed"])
async def test_a_check_that_hangs_holds_a_request_no_longer_than_the_timeout(
    failure_mode: dict[str, str], status: int, tmp_path: Path
) -> None:
    check = StandIn(is_hanging=True)
    async with (
        scenes.web_server(check.answer) as asked,
        behind_nginx(tmp_path, SHORT | failure_mode, asked=asked) as scene,
    ):
        assert [(await scene.of(who)).status for who in ("innocent", "suspended")] == [status, status]


async def test_what_a_model_server_answers_goes_through_as_it_is(tmp_path: Path) -> None:
    async def broken(_: web.Request) -> web.Response:
        return web.Response(status=500, text="of the model")

    async with behind_nginx(tmp_path, upstream=broken) as scene:
        answer = await scene.of("innocent")
    assert (answer.status, answer.body) == (500, b"of the model")
