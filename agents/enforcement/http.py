"""The check endpoint over HTTP, for gateways that speak no other language.

- `POST /v1/check`: an `Ask` as JSON; 200 with the `Verdict`, whatever that is; 400 with one sentence for anything else.
- `GET /check`: the same in headers, for subrequests such as nginx's auth_request: X-Stillwatch-Account, -Template,
  -Sketch, -Tokens, -Payment and -Account-Created. 204 where the request passes, else the refusal, whole, for the
  client, and X-Stillwatch-Decision.
- `/healthz`, `/readyz` (200 once all decisions are known) and `/metrics`.

There is no authentication: give it an address that only gateways reach.
"""

from typing import Final

import msgspec
from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from agents.enforcement.gate import Gate
from agents.enforcement.words import ACCOUNT_HEADER, ASKED_HEADERS, ask_of_words
from streams.enforcement import Ask, refusal, told
from streams.enforcement.asking import PASS

MAX_BODY_BYTES: Final = 16 * 1024
DECISION = "X-Stillwatch-Decision"
"""Of a refusal, for a gateway that cannot pass the body on, so that its own can have the reference for an appeal."""

CHECK_PATH: Final = "/v1/check"
"""Where `agents.enforcement.client` asks."""

_ASK: Final = msgspec.json.Decoder(Ask)


class CheckServer:
    """Serves a gate at `host`:`port` (0: a free one) until `stop`."""

    def __init__(
        self, gate: Gate, registry: CollectorRegistry, *, host: str, port: int, appeal_url: str | None = None
    ) -> None:
        self._gate = gate
        self._registry = registry
        self._host = host
        self._port = port
        self._appeal_url = appeal_url
        application = web.Application(client_max_size=MAX_BODY_BYTES)
        application.add_routes(
            [
                web.post(CHECK_PATH, self._check),
                web.get("/check", self._check_headers),
                web.get("/healthz", self._healthz),
                web.get("/readyz", self._readyz),
                web.get("/metrics", self._metrics),
            ]
        )
        self._runner = web.AppRunner(application, access_log=None, handle_signals=False, shutdown_timeout=1.0)

    async def start(self) -> int:
        """Begin to answer; the port. Raises OSError where the address cannot be had."""
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._port)
        await site.start()
        return int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Answer what was asked, and no more."""
        await self._runner.cleanup()

    async def _check(self, request: web.Request) -> web.Response:
        try:
            ask = _ASK.decode(await request.read())
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return web.Response(status=400, text=f"This is no question: {error}\n")
        bounded = ask_of_words(
            ask.account_id, ask.template_hash, ask.sketch, ask.tokens, ask.payment_hash, ask.account_created_at_ms
        )
        verdict = PASS if bounded is None else await self._gate.check(bounded)
        return web.Response(body=msgspec.json.encode(verdict), content_type="application/json")

    async def _check_headers(self, request: web.Request) -> web.Response:
        ask = ask_of_words(*map(request.headers.get, (ACCOUNT_HEADER, *ASKED_HEADERS)))
        if ask is None:
            return web.Response(status=204)  # nobody is named: that is for whoever authenticates
        verdict = await self._gate.check(ask)
        if verdict.answer == "pass":
            return web.Response(status=204, headers=dict(told(verdict)))
        refused = refusal(verdict, self._appeal_url)
        headers = dict(refused.headers)
        if verdict.decision_id is not None:
            headers[DECISION] = verdict.decision_id
        return web.Response(status=refused.status, headers=headers, body=refused.body)

    async def _healthz(self, _request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _readyz(self, _request: web.Request) -> web.Response:
        if self._gate.is_ready:
            return web.Response(text="ok\n")
        return web.Response(status=503, text="The decisions that are in force are not all known yet.\n")

    async def _metrics(self, request: web.Request) -> web.Response:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(self._registry), headers={"Content-Type": content_type})
