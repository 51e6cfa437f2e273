"""From a decision to the answer of a Python gateway: with the gate in its process, and with the check endpoint."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import httpx
import pytest
from prometheus_client import CollectorRegistry

from agents.enforcement.asgi import StillwatchMiddleware
from agents.enforcement.checker import Checker
from agents.enforcement.client import CheckClient
from agents.enforcement.gate import Gate
from agents.enforcement.http import CHECK_PATH, CheckServer
from agents.enforcement.limiting import LocalLimiter
from agents.enforcement.metrics import EnforcementMetrics
from streams.decisions import Limits
from streams.enforcement import Ask
from streams.events import Message
from streams.fingerprint import Fingerprinter
from streams.policy import DEFAULT_POLICY
from tests.agents.enforcement.serving import Mirror, serving
from tests.streams.evaluation.deciding import MINUTE, decision

PATH = "/v1/chat/completions"
FINGERPRINTER = Fingerprinter(b"a key for the tests")
PROMPT = "Grade the following essay on thermodynamics from one to ten: heat flows"
TEMPLATE = FINGERPRINTER.asked([Message("user", PROMPT)]).template_hash
PATIENT_S = 20.0
OPENED_MS = 10**12
PAID = (("card", 0), ("card", -1), ("another", 0))


def decided(registry: CollectorRegistry) -> Gate:
    """A gate that holds a suspended and a throttled account, a challenged one, and a suspended template."""
    gate = Gate(LocalLimiter(clock=lambda: 0), DEFAULT_POLICY, EnforcementMetrics(registry), clock=lambda: 1_000)
    gate.take(decision("suspend", "suspended", 0, expires_at_ms=61_000))
    gate.take(decision("throttle", "throttled", 0, limits=Limits(2, 10_000, MINUTE)))
    gate.take(decision("challenge", "challenged", 0, expires_at_ms=61_000))
    gate.take(decision("suspend", f"template:{TEMPLATE}", 0, subject_kind="network", expires_at_ms=61_000))
    gate.take(decision("suspend", "c-1", 0, members=("banned",), payments=("card",), opened_from_ms=OPENED_MS))
    gate.ready()
    return gate


@asynccontextmanager
async def in_process() -> AsyncIterator[Checker]:
    yield decided(CollectorRegistry())


@asynccontextmanager
async def beside() -> AsyncIterator[Checker]:
    registry = CollectorRegistry()
    server = CheckServer(decided(registry), registry, host="127.0.0.1", port=0)
    client = CheckClient(f"http://127.0.0.1:{await server.start()}{CHECK_PATH}", deadline_s=PATIENT_S)
    try:
        yield client
    finally:
        await client.close()
        await server.stop()


@pytest.mark.parametrize("checking", [in_process, beside])
async def test_a_decision_is_what_a_client_meets(
    checking: Callable[[], AbstractAsyncContextManager[Checker]],
) -> None:
    app = Mirror()
    async with (
        checking() as checker,
        serving(StillwatchMiddleware(app, checker, fingerprinter=FINGERPRINTER)) as url,
        httpx.AsyncClient(base_url=url) as client,
    ):

        async def post(account: str, prompt: str = "What is the capital of France?") -> httpx.Response:
            chat = {"model": "m", "messages": [{"role": "user", "content": prompt}]}
            return await client.post(PATH, json=chat, headers={"X-Account-Id": account})

        assert (await post("innocent")).status_code == 200
        suspended = await post("suspended")
        assert (suspended.status_code, suspended.headers["Retry-After"]) == (403, "60")
        assert suspended.json()["title"] == "Service suspended"
        assert (await post("challenged")).json()["title"] == "Verification required"
        assert (await post("brand-new", PROMPT)).status_code == 403
        throttled = [await post("throttled") for _ in range(3)]
    assert [(it.status_code, it.headers["RateLimit"]) for it in throttled] == [
        (200, '"requests";r=1;t=60'),
        (200, '"requests";r=0;t=60'),
        (429, '"requests";r=0;t=30'),
    ]
    assert len(app.bodies) == 3


@pytest.mark.parametrize("checking", [in_process, beside])
async def test_who_pays_as_a_banned_account_and_was_opened_later_is_refused(
    checking: Callable[[], AbstractAsyncContextManager[Checker]],
) -> None:
    async def statuses(*asks: Ask) -> list[int]:
        waiting = iter(asks)
        app = StillwatchMiddleware(Mirror(), checker, account_of=lambda _scope: next(waiting))
        async with serving(app) as url, httpx.AsyncClient(base_url=url) as client:
            return [(await client.post(PATH, json={})).status_code for _ in asks]

    paid = [Ask("new", payment_hash=card, account_created_at_ms=OPENED_MS + more) for card, more in PAID]
    async with checking() as checker:
        assert await statuses(*paid) == [403, 200, 200]
