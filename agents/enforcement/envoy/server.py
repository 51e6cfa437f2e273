"""The gRPC server that Envoy asks: authorization, rate limits and health."""

import asyncio
from typing import Final, Protocol, Self

import grpc
from envoy.service.auth.v3.external_auth_pb2 import CheckRequest, CheckResponse
from envoy.service.auth.v3.external_auth_pb2_grpc import add_AuthorizationServicer_to_server
from envoy.service.ratelimit.v3.rls_pb2 import RateLimitRequest, RateLimitResponse
from envoy.service.ratelimit.v3.rls_pb2_grpc import add_RateLimitServiceServicer_to_server
from grpc_health.v1.health import aio as health
from grpc_health.v1.health_pb2 import HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import add_HealthServicer_to_server

from agents.enforcement.checker import Checker
from agents.enforcement.envoy.answering import CHECK_PASS, check_response, rate_limit_response
from agents.enforcement.envoy.counting import Counted, Service
from agents.enforcement.envoy.options import LARGEST_MESSAGE_BYTES, UNIX, EnvoyOptions, Tls, checked
from agents.enforcement.envoy.reading import ask_of_check, ask_of_descriptor
from agents.environment import SettingsError
from streams.enforcement import Ask, Verdict
from streams.enforcement.asking import PASS

SERVICES: Final = (
    "",
    "envoy.service.auth.v3.Authorization",
    "envoy.service.ratelimit.v3.RateLimitService",
)
"""What the health service tells about; the first is the server as a whole."""

SHARE_OF_DEADLINE: Final = 0.75
"""So much of Envoy's own timeout a check may take; the rest is for the way back."""


class Context(Protocol):
    """What of gRPC's own context is needed; its published types forget that there may be no deadline."""

    def time_remaining(self) -> float | None:
        """The seconds that the caller still waits; None if it waits for ever."""
        ...


class EnvoyServer:
    """Answers Envoy on the running event loop; `async with EnvoyServer(checker, counted, options) as server`."""

    def __init__(self, checker: Checker, counted: Counted, options: EnvoyOptions | None = None) -> None:
        """Raises SettingsError for options that cannot be meant, and for files of TLS that cannot be read."""
        self._options = checked(options or EnvoyOptions())
        self._credentials = None if self._options.tls is None else _credentials(self._options.tls)
        self._within = _Within(checker, counted)
        self._counted = counted
        self._health = health.HealthServicer()
        self._server: grpc.aio.Server | None = None
        self._port = 0

    @property
    def port(self) -> int:
        """The port that is listened on; 0 for a socket with a path, and before the start."""
        return self._port

    async def start(self) -> None:
        """Listen. Raises SettingsError when the address cannot be had."""
        options = self._options
        server = grpc.aio.server(
            options=[
                ("grpc.max_receive_message_length", LARGEST_MESSAGE_BYTES),
                ("grpc.so_reuseport", 0),  # a second server on the port is a mistake, not a share of the load
            ],
            maximum_concurrent_rpcs=options.most_at_once,
        )
        add_AuthorizationServicer_to_server(_Authorization(self._within, self._counted, options), server)
        add_RateLimitServiceServicer_to_server(_RateLimits(self._within, self._counted, options), server)
        add_HealthServicer_to_server(self._health, server)
        try:
            if self._credentials is None:
                port = server.add_insecure_port(options.address)
            else:
                port = server.add_secure_port(options.address, self._credentials)
        except RuntimeError as error:
            raise SettingsError(f"Envoy's gRPC server cannot listen on {options.address}.") from error
        self._port = 0 if options.address.startswith(UNIX) else port
        await server.start()
        self._server = server
        await self.say(is_serving=True)

    async def say(self, *, is_serving: bool) -> None:
        """Tell whoever asks the health service whether to ask us: not while what is in force is unknown."""
        status = HealthCheckResponse.SERVING if is_serving else HealthCheckResponse.NOT_SERVING
        for service in SERVICES:
            await self._health.set(service, status)

    async def stop(self) -> None:
        """Say so to the health service, let the calls that run end within the grace, take no more, free the port."""
        if self._server is not None:
            await self._health.enter_graceful_shutdown()
            await self._server.stop(self._options.grace_s)
            self._server = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()


class _Within:
    """Asks the checker within the time that Envoy still waits."""

    def __init__(self, checker: Checker, counted: Counted) -> None:
        self._checker = checker
        self._counted = counted

    async def verdict(self, service: Service, ask: Ask, context: Context) -> Verdict:
        left_s = context.time_remaining()
        if left_s is None:
            return await self._checker.check(ask)
        try:
            async with asyncio.timeout(left_s * SHARE_OF_DEADLINE):
                return await self._checker.check(ask)
        except TimeoutError:
            self._counted.late(service)
            return self._checker.check_now(ask)


class _Authorization:
    """`envoy.service.auth.v3.Authorization`."""

    def __init__(self, within: _Within, counted: Counted, options: EnvoyOptions) -> None:
        self._within = within
        self._counted = counted
        self._options = options

    async def Check(self, request: CheckRequest, context: Context) -> CheckResponse:  # noqa: N802 - gRPC's name
        ask = ask_of_check(request, self._options)
        if ask is None:
            self._counted.answered("authorization", "no_account")
            return CHECK_PASS
        verdict = await self._within.verdict("authorization", ask, context)
        self._counted.answered("authorization", verdict.answer)
        return check_response(verdict, self._options.appeal_url)


class _RateLimits:
    """`envoy.service.ratelimit.v3.RateLimitService`."""

    def __init__(self, within: _Within, counted: Counted, options: EnvoyOptions) -> None:
        self._within = within
        self._counted = counted
        self._options = options

    async def ShouldRateLimit(self, request: RateLimitRequest, context: Context) -> RateLimitResponse:  # noqa: N802
        if request.domain != self._options.domain:
            self._counted.answered("rate_limit", "other_domain")
            return rate_limit_response([PASS] * len(request.descriptors), None)
        verdicts = []
        said: dict[Ask, Verdict] = {}  # two descriptors that ask the same are one request
        for descriptor in request.descriptors:
            ask = ask_of_descriptor(descriptor, request.hits_addend)
            if ask is not None and ask not in said:
                said[ask] = await self._within.verdict("rate_limit", ask, context)
                self._counted.answered("rate_limit", said[ask].answer)
            verdicts.append(PASS if ask is None else said[ask])
        if not said:
            self._counted.answered("rate_limit", "no_account")
        return rate_limit_response(verdicts, self._options.appeal_url)


def _credentials(tls: Tls) -> grpc.ServerCredentials:
    try:
        key, certificate = tls.key.read_bytes(), tls.certificate.read_bytes()
        authorities = None if tls.client_authorities is None else tls.client_authorities.read_bytes()
    except OSError as error:
        raise SettingsError(f"a file of TLS cannot be read: {error.filename}: {error.strerror}.") from error
    return grpc.ssl_server_credentials(
        [(key, certificate)], root_certificates=authorities, require_client_auth=authorities is not None
    )
