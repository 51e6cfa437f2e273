import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pytest
from envoy.extensions.common.ratelimit.v3.ratelimit_pb2 import RateLimitDescriptor
from envoy.service.auth.v3.external_auth_pb2 import CheckRequest, CheckResponse
from envoy.service.auth.v3.external_auth_pb2_grpc import AuthorizationStub
from envoy.service.ratelimit.v3.rls_pb2 import RateLimitRequest, RateLimitResponse
from envoy.service.ratelimit.v3.rls_pb2_grpc import RateLimitServiceStub
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub
from prometheus_client import CollectorRegistry

from agents.enforcement.envoy import Counted, EnvoyOptions, EnvoyServer, Tls
from agents.environment import SettingsError
from streams.enforcement import Ask
from tests.certificates import Authority
from tests.gateways import scenes
from tests.gateways.gated import Gated

OK, OVER = RateLimitResponse.OK, RateLimitResponse.OVER_LIMIT
SERVICES = ("", "envoy.service.auth.v3.Authorization", "envoy.service.ratelimit.v3.RateLimitService")


@asynccontextmanager
async def channel(server: EnvoyServer) -> AsyncIterator[grpc.aio.Channel]:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as opened:
        yield opened


def check(account_id: str, **more: str) -> CheckRequest:
    request = CheckRequest()
    headers = {"x-stillwatch-account": account_id} if account_id else {}
    request.attributes.request.http.headers.update(headers | more)
    return request


def limit(*descriptors: dict[str, str], domain: str = "stillwatch") -> RateLimitRequest:
    entry = RateLimitDescriptor.Entry
    return RateLimitRequest(
        domain=domain,
        descriptors=[
            RateLimitDescriptor(entries=[entry(key=key, value=value) for key, value in it.items()])
            for it in descriptors
        ],
    )


def answers(registry: CollectorRegistry) -> dict[tuple[str, str], float]:
    """What was counted, without the zeros."""
    return {
        (sample.labels["service"], sample.labels["answer"]): sample.value
        for metric in registry.collect()
        for sample in metric.samples
        if sample.name == "stillwatch_envoy_answers_total" and sample.value
    }


async def test_checks_are_answered_and_counted_and_one_without_an_account_passes() -> None:
    checker = Gated()
    async with scenes.asked(checker) as (server, registry), channel(server) as opened:
        stub = AuthorizationStub(opened)
        responses = [await stub.Check(check(who)) for who in ("innocent", "suspended", "challenged", "")]
    assert [it.status.code for it in responses] == [0, 7, 7, 0]
    assert checker.asked == [Ask("innocent"), Ask("suspended"), Ask("challenged")]
    assert answers(registry) == {
        ("authorization", answer): 1 for answer in ("pass", "suspend", "challenge", "no_account")
    }


async def test_rate_limit_requests_are_answered_and_those_that_are_not_ours_pass() -> None:
    checker = Gated()
    async with scenes.asked(checker) as (server, registry), channel(server) as opened:
        stub = RateLimitServiceStub(opened)
        requests = [
            limit({"account": "innocent"}),
            limit({"account": "suspended"}),
            limit({"account": "suspended"}, domain="others"),
            limit({"path": "/"}),
            limit(),
        ]
        responses = [await stub.ShouldRateLimit(request) for request in requests]
    assert [it.overall_code for it in responses] == [OK, OVER, OK, OK, OK]
    assert [len(it.statuses) for it in responses] == [1, 1, 1, 1, 0]
    assert answers(registry) == {
        ("rate_limit", "pass"): 1,
        ("rate_limit", "suspend"): 1,
        ("rate_limit", "other_domain"): 1,
        ("rate_limit", "no_account"): 2,
    }


async def test_descriptors_that_ask_the_same_take_one_request_of_a_throttle() -> None:
    same = {"account": "throttled"}
    async with scenes.asked(Gated()) as (server, _), channel(server) as opened:
        stub = RateLimitServiceStub(opened)
        responses = [await stub.ShouldRateLimit(limit(same, {"path": "/"}, same)) for _ in range(4)]
    assert [it.overall_code for it in responses] == [OK, OK, OK, OVER]
    assert [[status.code for status in it.statuses] for it in responses[2:]] == [[OK, OK, OK], [OVER, OK, OVER]]


async def test_no_label_holds_an_account() -> None:
    async with scenes.asked(Gated()) as (server, registry), channel(server) as opened:
        await AuthorizationStub(opened).Check(check("acct-4711"))
    labels = {value for metric in registry.collect() for it in metric.samples for value in it.labels.values()}
    assert labels == {
        *("authorization", "rate_limit", "pass", "throttle", "challenge", "suspend", "no_account", "other_domain")
    }


@pytest.mark.parametrize("service", ["authorization", "rate_limit"])
async def test_a_check_that_hangs_is_answered_from_local_state_within_the_callers_deadline(service: str) -> None:
    checker = Gated()
    checker.is_hanging = True
    async with scenes.asked(checker) as (server, registry), channel(server) as opened:
        if service == "authorization":
            response = await AuthorizationStub(opened).Check(check("suspended"), timeout=2)
            assert response.status.code == 7
        else:
            response = await RateLimitServiceStub(opened).ShouldRateLimit(limit({"account": "suspended"}), timeout=2)
            assert response.overall_code == OVER
        assert registry.get_sample_value("stillwatch_envoy_late_checks_total", {"service": service}) == 1


async def test_a_request_that_is_too_large_is_refused_and_the_next_is_answered() -> None:
    async with scenes.asked(Gated()) as (server, _), channel(server) as opened:
        stub = AuthorizationStub(opened)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.Check(check("innocent", filler="x" * 200_000))
        assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert await stub.Check(check("innocent")) == CheckResponse()


async def test_more_calls_at_once_than_there_may_be_are_refused() -> None:
    checker = Gated()
    checker.is_hanging = True
    options = EnvoyOptions(address="127.0.0.1:0", most_at_once=2)
    async with scenes.asked(checker, options) as (server, _), channel(server) as opened:
        stub = AuthorizationStub(opened)
        calls = [asyncio.ensure_future(stub.Check(check("innocent"), timeout=3)) for _ in range(5)]
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
    refused = [it for it in outcomes if isinstance(it, grpc.aio.AioRpcError)]
    assert len(refused) == 3
    assert {it.code() for it in refused} == {grpc.StatusCode.RESOURCE_EXHAUSTED}


async def test_the_health_service_knows_every_service_and_is_told_when_not_to_ask() -> None:
    async with scenes.asked(Gated()) as (server, _), channel(server) as opened:
        stub = HealthStub(opened)

        async def statuses() -> set[int]:
            return {(await stub.Check(HealthCheckRequest(service=it))).status for it in SERVICES}

        assert await statuses() == {HealthCheckResponse.SERVING}
        await server.say(is_serving=False)
        assert await statuses() == {HealthCheckResponse.NOT_SERVING}
        await server.say(is_serving=True)
        assert await statuses() == {HealthCheckResponse.SERVING}


async def test_a_server_that_stops_says_so_and_lets_calls_end() -> None:
    checker = Gated()
    checker.is_hanging = True
    async with scenes.asked(checker) as (server, _), channel(server) as opened:
        watched = HealthStub(opened).Watch(HealthCheckRequest(service=""))
        statuses = aiter(watched)
        assert (await anext(statuses)).status == HealthCheckResponse.SERVING
        running = asyncio.ensure_future(AuthorizationStub(opened).Check(check("suspended"), timeout=2))
        await checker.began.wait()
        stopping = asyncio.ensure_future(server.stop())
        assert (await anext(statuses)).status == HealthCheckResponse.NOT_SERVING
        watched.cancel()
        assert (await running).status.code == 7
        await stopping


async def test_a_unix_socket_is_this_machine_too(tmp_path: Path) -> None:
    address = f"unix:{tmp_path}/envoy.sock"
    async with (
        scenes.asked(Gated(), EnvoyOptions(address=address)) as (server, _),
        grpc.aio.insecure_channel(address) as opened,
    ):
        assert server.port == 0
        assert (await AuthorizationStub(opened).Check(check("suspended"))).status.code == 7


async def test_a_port_that_is_taken_is_a_sentence() -> None:
    async with scenes.asked(Gated()) as (server, _):
        second = EnvoyServer(Gated(), Counted(CollectorRegistry()), EnvoyOptions(address=f"127.0.0.1:{server.port}"))
        with pytest.raises(SettingsError, match=rf"cannot listen on 127\.0\.0\.1:{server.port}\.$"):
            await second.start()
        await second.stop()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (EnvoyOptions(address="0.0.0.0:9471"), "may only listen on this machine"),
        (EnvoyOptions(address="[::]:9471"), "may only listen on this machine"),
        (EnvoyOptions(address="gateway.example:9471"), "may only listen on this machine"),
        (EnvoyOptions(account_metadata=("jwt",)), "a namespace and a key, not only 'jwt'"),
        (EnvoyOptions(account_header="X-Account"), "'X-Account' would never be found"),
        (EnvoyOptions(tls=Tls(Path("/no/cert"), Path("/no/key"))), "/no/key: No such file or directory"),
    ],
)
def test_options_that_cannot_be_meant_are_a_sentence(options: EnvoyOptions, sentence: str) -> None:
    with pytest.raises(SettingsError, match=sentence):
        EnvoyServer(Gated(), Counted(CollectorRegistry()), options)


@pytest.mark.parametrize("address", ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "localhost:1", "unix:/run/s"])
def test_an_address_of_this_machine_needs_no_tls(address: str) -> None:
    EnvoyServer(Gated(), Counted(CollectorRegistry()), EnvoyOptions(address=address))


async def test_with_tls_only_a_client_with_a_certificate_of_ours_is_answered(tmp_path: Path) -> None:
    (tmp_path / "others").mkdir()
    ours, others = Authority(tmp_path), Authority(tmp_path / "others")
    certificate, key = ours.issue("enforcer")
    options = EnvoyOptions(address="127.0.0.1:0", tls=Tls(certificate, key, client_authorities=ours.ca))

    async def status(client: tuple[Path, Path] | None) -> int:
        chain, private = (None, None) if client is None else (client[0].read_bytes(), client[1].read_bytes())
        credentials = grpc.ssl_channel_credentials(ours.ca.read_bytes(), private, chain)
        async with grpc.aio.secure_channel(f"127.0.0.1:{server.port}", credentials) as opened:
            response = await AuthorizationStub(opened).Check(check("suspended"), timeout=5)
        return int(response.status.code)

    async with scenes.asked(Gated(), options) as (server, _):
        assert await status(ours.issue("gateway")) == 7
        for nobody in (None, others.issue("gateway")):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await status(nobody)
            assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
