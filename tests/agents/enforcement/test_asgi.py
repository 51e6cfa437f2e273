"""The middleware alone: what passes untouched, and clients that do as they like."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.enforcement.asgi import Event, Receive, Scope, Send, StillwatchMiddleware
from agents.enforcement.faults import Faults
from streams.fingerprint import Fingerprinter
from tests.agents.enforcement.answering import Answering
from tests.agents.enforcement.serving import Wire, body, request

FINGERPRINTER = Fingerprinter(b"a key for the tests")
CHAT = json.dumps({"messages": [{"role": "user", "content": "Explain how the tides of the sea come about"}]}).encode()
OLGA = ("X-Account-Id", "olga")


class Listening:
    """Receives so many events and remembers them."""

    def __init__(self, count: int) -> None:
        self.events: list[Event] = []
        self._count = count

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.events = [await receive() for _ in range(self._count)]
        await send({"type": f"{scope['type']}.answered"})


@pytest.mark.parametrize("kind", ["websocket", "lifespan"])
async def test_what_is_no_http_passes_unseen(kind: str) -> None:
    app, checker = Listening(1), Answering(suspended=frozenset({"olga"}))
    wire = Wire({"type": f"{kind}.connect"})
    scope = {**request(OLGA), "type": kind}
    await StillwatchMiddleware(app, checker, fingerprinter=FINGERPRINTER)(scope, wire.receive, wire.send)
    assert app.events == [{"type": f"{kind}.connect"}]
    assert wire.sent == [{"type": f"{kind}.answered"}]
    assert checker.asked == []


@given(pieces=st.lists(st.binary(max_size=40), min_size=1, max_size=6), is_chat=st.booleans(), leaves=st.booleans())
async def test_any_body_reaches_the_application_as_it_came(pieces: list[bytes], is_chat: bool, leaves: bool) -> None:
    if is_chat:
        pieces = [CHAT[:30], *pieces, CHAT[30:]]
    last = len(pieces) - 1
    events: list[Event] = [body(piece, more=leaves or number < last) for number, piece in enumerate(pieces)]
    events.append({"type": "http.disconnect"})
    app, wire = Listening(len(events)), Wire(*events)
    gate = StillwatchMiddleware(app, Answering(), fingerprinter=FINGERPRINTER)
    await gate(request(OLGA), wire.receive, wire.send)
    assert app.events == events


async def test_a_client_that_leaves_in_the_middle_is_no_fault() -> None:
    events: list[Event] = [body(CHAT[:9], more=True), {"type": "http.disconnect"}]
    app, checker, faults, wire = Listening(2), Answering(), Faults(), Wire(*events)
    gate = StillwatchMiddleware(app, checker, fingerprinter=FINGERPRINTER, faults=faults)
    await gate(request(OLGA), wire.receive, wire.send)
    assert app.events == events
    assert [ask.template_hash for ask in checker.asked] == [None]
    assert not faults.counts


@pytest.mark.parametrize("content", [b"", b"no json", b"\xff\xfe", b'{"messages": 7}', b"[" * 10_000])
async def test_a_body_that_cannot_be_read_is_checked_by_its_account(content: bytes) -> None:
    app, checker, faults, wire = Listening(1), Answering(), Faults(), Wire(body(content))
    gate = StillwatchMiddleware(app, checker, fingerprinter=FINGERPRINTER, faults=faults)
    await gate(request(OLGA), wire.receive, wire.send)
    assert app.events == [body(content)]
    assert [ask.template_hash for ask in checker.asked] == [None]
    assert not faults.counts


@pytest.mark.parametrize("scope", [request(OLGA, method="GET"), request(OLGA, path="/v1/files")])
async def test_what_is_not_to_be_read_is_left_with_the_server(scope: Scope) -> None:
    app, checker, wire = Listening(0), Answering(), Wire(body(CHAT))
    await StillwatchMiddleware(app, checker, fingerprinter=FINGERPRINTER)(scope, wire.receive, wire.send)
    assert await wire.receive() == body(CHAT)
    assert [ask.account_id for ask in checker.asked] == ["olga"]


async def test_an_error_in_reading_does_not_open_the_gate_to_a_suspended_account() -> None:
    async def receive() -> Event:
        raise OSError("the server's")

    app, faults, wire = Listening(0), Faults(), Wire()
    checker = Answering(suspended=frozenset({"olga"}))
    gate = StillwatchMiddleware(app, checker, fingerprinter=FINGERPRINTER, faults=faults)
    await gate(request(OLGA), receive, wire.send)
    assert [event.get("status") for event in wire.sent] == [403, None]
    assert faults.counts == {"broken": 1}


@pytest.mark.parametrize("headers", [(), (("X-Account-Id", ""),), (("X-Account-Id", " "),)])
async def test_without_an_account_there_is_nothing_to_check(headers: tuple[tuple[str, str], ...]) -> None:
    app, checker, wire = Listening(1), Answering(), Wire(body(CHAT))
    await StillwatchMiddleware(app, checker, fingerprinter=FINGERPRINTER)(request(*headers), wire.receive, wire.send)
    assert app.events == [body(CHAT)]
    assert checker.asked == []


async def test_the_operator_says_where_the_account_is() -> None:
    app, checker, wire = Listening(0), Answering(), Wire()
    gate = StillwatchMiddleware(app, checker, account_of=lambda scope: str(scope["state"]["user"]))
    await gate({**request(OLGA), "state": {"user": "ivan"}}, wire.receive, wire.send)
    assert [ask.account_id for ask in checker.asked] == ["ivan"]


async def test_an_account_that_cannot_be_found_for_an_error_is_a_fault() -> None:
    app, checker, faults, wire = Listening(0), Answering(), Faults(), Wire()
    gate = StillwatchMiddleware(app, checker, account_of=lambda scope: str(scope["nothing"]), faults=faults)
    await gate(request(OLGA), wire.receive, wire.send)
    assert wire.sent == [{"type": "http.answered"}]
    assert faults.counts == {"broken": 1}


async def test_the_headers_of_a_throttle_join_those_of_the_application() -> None:
    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"ratelimit", b'"app";r=1')]})
        await send({"type": "http.response.body", "body": b"x"})

    wire = Wire()
    gate = StillwatchMiddleware(app, Answering(throttled=frozenset({"olga"})))
    await gate(request(OLGA), wire.receive, wire.send)
    assert [value for name, value in wire.sent[0]["headers"] if name == b"ratelimit"] == [
        b'"app";r=1',
        b'"requests";r=2;t=60',
    ]
    assert wire.sent[1] == {"type": "http.response.body", "body": b"x"}


async def test_an_error_of_the_application_is_its_own() -> None:
    async def app(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise RuntimeError("the application's")

    wire = Wire()
    with pytest.raises(RuntimeError, match="the application's"):
        await StillwatchMiddleware(app, Answering())(request(OLGA), wire.receive, wire.send)
