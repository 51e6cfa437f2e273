"""The middleware in a real server, asked over real HTTP."""

import gzip
import json
from collections.abc import AsyncIterator

import httpx
import pytest

from agents.enforcement.asgi import LARGEST_BODY, StillwatchMiddleware
from agents.enforcement.faults import Faults
from streams.events import Message
from streams.fingerprint import Fingerprinter
from tests.agents.enforcement.answering import Answering, Broken
from tests.agents.enforcement.serving import PIECES, Mirror, serving

PATH = "/v1/chat/completions"
KEY = b"a key for the tests"
PROMPT = "Grade the following essay on thermodynamics from one to ten: heat flows"
CHAT = {"model": "m", "messages": [{"role": "user", "content": PROMPT}]}
ASKED = Fingerprinter(KEY).asked([Message("user", PROMPT)])
OLGA = {"X-Account-Id": "olga"}


async def test_an_innocent_request_and_its_streamed_answer_pass() -> None:
    app, checker = Mirror(), Answering()
    async with serving(StillwatchMiddleware(app, checker)) as url, httpx.AsyncClient(base_url=url) as client:
        answer = await client.post(PATH, json=CHAT, headers=OLGA)
    assert (answer.status_code, answer.content) == (200, b"".join(PIECES))
    assert "RateLimit" not in answer.headers
    assert [json.loads(it) for it in app.bodies] == [CHAT]
    assert [(ask.account_id, ask.template_hash, ask.tokens) for ask in checker.asked] == [("olga", None, 0)]


async def test_a_suspended_account_is_refused_and_reaches_nothing() -> None:
    app, checker = Mirror(), Answering(suspended=frozenset({"olga"}))
    gate = StillwatchMiddleware(app, checker, appeal_url="https://example.com/appeal")
    async with serving(gate) as url, httpx.AsyncClient(base_url=url) as client:
        answers = [await client.post(PATH, json=CHAT, headers=OLGA) for _ in range(2)]
        other = await client.post(PATH, json=CHAT, headers={"X-Account-Id": "ivan"})
    for answer in answers:
        assert answer.status_code == 403
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Retry-After"] == "3600"
        assert answer.json()["reference"] == "decision-1"
        assert answer.json()["appeal"] == "https://example.com/appeal"
    assert other.status_code == 200
    assert len(app.bodies) == 1


async def test_a_throttled_account_is_told_what_is_left_and_then_to_wait() -> None:
    checker = Answering(throttled=frozenset({"olga"}))
    gate = StillwatchMiddleware(Mirror(), checker)
    async with serving(gate) as url, httpx.AsyncClient(base_url=url) as client:
        answers = [await client.post(PATH, json=CHAT, headers=OLGA) for _ in range(4)]
    assert [(it.status_code, it.headers["RateLimit"]) for it in answers] == [
        (200, '"requests";r=2;t=60'),
        (200, '"requests";r=1;t=60'),
        (200, '"requests";r=0;t=60'),
        (429, '"requests";r=0;t=13'),
    ]
    assert {it.headers["RateLimit-Policy"] for it in answers} == {'"requests";q=3;w=60'}
    assert answers[-1].headers["Retry-After"] == "13"


@pytest.mark.parametrize("path", [PATH, "/anthropic/v1/messages"])
async def test_a_suspended_template_is_refused_whoever_sends_it(path: str) -> None:
    app, checker = Mirror(), Answering(suspended=frozenset({str(ASKED.template_hash)}))
    gate = StillwatchMiddleware(app, checker, fingerprinter=Fingerprinter(KEY))
    packed = gzip.compress(json.dumps(CHAT).encode())
    async with serving(gate) as url, httpx.AsyncClient(base_url=url) as client:
        plain = await client.post(path, json=CHAT, headers={"X-Account-Id": "new"})
        compressed = await client.post(path, content=packed, headers={"X-Account-Id": "x", "Content-Encoding": "gzip"})
        other = await client.post(
            path, json={"messages": [{"role": "user", "content": "What is the capital of France?"}]}, headers=OLGA
        )
    assert [plain.status_code, compressed.status_code, other.status_code] == [403, 403, 200]
    assert len(app.bodies) == 1
    assert checker.asked[0].sketch == ASKED.sketch
    assert checker.asked[0].tokens == len(PROMPT) // 4


async def test_a_chunked_body_passes_byte_for_byte() -> None:
    whole = json.dumps(CHAT | {"pad": "x" * 300_000}).encode()

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(whole), 7_001):
            yield whole[start : start + 7_001]

    app, checker = Mirror(), Answering()
    gate = StillwatchMiddleware(app, checker, fingerprinter=Fingerprinter(KEY))
    async with serving(gate) as url, httpx.AsyncClient(base_url=url) as client:
        answer = await client.post(PATH, content=chunks(), headers=OLGA)
    assert answer.status_code == 200
    assert app.bodies == [whole]
    assert checker.asked[0].template_hash == ASKED.template_hash


@pytest.mark.parametrize("says_its_length", [True, False])
async def test_a_body_that_is_too_large_to_read_passes_and_is_counted(says_its_length: bool) -> None:
    whole = json.dumps(CHAT).encode() + b" " * LARGEST_BODY

    async def in_one() -> AsyncIterator[bytes]:
        yield whole

    app, checker, faults = Mirror(), Answering(), Faults()
    gate = StillwatchMiddleware(app, checker, fingerprinter=Fingerprinter(KEY), faults=faults)
    async with serving(gate) as url, httpx.AsyncClient(base_url=url) as client:
        answer = await client.post(PATH, content=whole if says_its_length else in_one(), headers=OLGA)
    assert answer.headers["X-Read"] == str(len(whole))
    assert app.bodies == [whole]
    assert checker.asked[0].template_hash is None
    assert faults.counts == {"too_large": 1}


async def test_an_error_of_ours_costs_nobody_an_answer() -> None:
    app, faults = Mirror(), Faults()
    gate = StillwatchMiddleware(app, Broken(), fingerprinter=Fingerprinter(KEY), faults=faults)
    async with serving(gate) as url, httpx.AsyncClient(base_url=url) as client:
        answer = await client.post(PATH, json=CHAT, headers=OLGA)
    assert answer.status_code == 200
    assert [json.loads(it) for it in app.bodies] == [CHAT]
    assert faults.counts == {"broken": 1}


async def test_where_the_operator_said_so_an_error_of_ours_closes_the_gate() -> None:
    app = Mirror()
    async with (
        serving(StillwatchMiddleware(app, Broken(), fail="closed")) as url,
        httpx.AsyncClient(base_url=url) as client,
    ):
        answer = await client.post(PATH, json=CHAT, headers=OLGA)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "1"
    assert not app.bodies
