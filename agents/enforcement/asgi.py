"""ASGI middleware: a Python gateway (FastAPI, Starlette, any other) refuses what a decision is in force about.

    app.add_middleware(StillwatchMiddleware, checker=CheckClient("http://127.0.0.1:9470/v1/check"))

A request that passes reaches the application as if nobody had looked: the same messages, byte for byte. WebSockets and
the lifespan pass unseen.
"""

from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any, Final

from agents.enforcement.asking import Asker
from agents.enforcement.checker import Checker, Fail
from agents.enforcement.conversations import of_body, said_at
from agents.enforcement.faults import Faults
from streams.enforcement import Ask, Refusal, refusal, told
from streams.enforcement.refusals import Headers
from streams.events import Message
from streams.fingerprint import Fingerprinter

Scope = MutableMapping[str, Any]
Event = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
AccountOf = Callable[[Scope], str | Ask | None]

ACCOUNT_HEADER: Final = "x-account-id"
LARGEST_BODY: Final = 4 * 1024 * 1024
"""A larger body is not read, before and after it is unpacked: its request is checked by the account alone."""

READ_AT: Final = ("/completions", "/messages", "/responses")


class StillwatchMiddleware:
    """Asks about each request, refuses it or passes it on, and tells a throttled client what is left.

    `account_of` finds the account of a request in its scope, None where there is none and nothing to check, or an `Ask`
    with the account, its `payment_hash` and `account_created_at_ms`, where the gateway knows how it pays: by default it
    is in the header x-account-id, which must come from the gateway's own authentication and from nobody else.
    With a `fingerprinter` the body of a POST to a path that ends like one in `read_at` is read first, up to
    `LARGEST_BODY` bytes, and the application is called when it is there. `fail` says what becomes of a request where
    an error of ours keeps it from being checked; `faults` counts them.
    """

    def __init__(
        self,
        app: App,
        checker: Checker,
        *,
        account_of: AccountOf | None = None,
        fingerprinter: Fingerprinter | None = None,
        appeal_url: str | None = None,
        fail: Fail = "open",
        faults: Faults | None = None,
        read_at: Sequence[str] = READ_AT,
    ) -> None:
        self._app = app
        self._asker = Asker(checker, fingerprinter=fingerprinter, fail=fail, faults=faults)
        self._account_of = header(ACCOUNT_HEADER) if account_of is None else account_of
        self._reads = fingerprinter is not None
        self._appeal_url = appeal_url
        self._read_at = tuple(read_at)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection of the server."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        held = _Held(receive) if self._reads and self._is_read(scope) else None
        verdict = await self._asker.verdict(lambda: self._account_of(scope), lambda: self._said(scope, held))
        if verdict.answer == "pass":
            headers = told(verdict)
            receive = receive if held is None else held.receive
            await self._app(scope, receive, _adding(headers, send) if headers else send)
        else:
            await _refuse(refusal(verdict, self._appeal_url), send)

    def _is_read(self, scope: Scope) -> bool:
        path: str = scope["path"]
        return scope["method"] == "POST" and path.endswith(self._read_at)

    async def _said(self, scope: Scope, held: "_Held | None") -> Sequence[Message] | None:
        """What was said in the request; None where that is not read or cannot be."""
        if held is None:
            return None
        body = await held.read(LARGEST_BODY)
        if held.is_large:
            self._asker.faults.count("too_large")
        if body is None:
            return None
        encoding = _value(scope, b"content-encoding") or ""
        return of_body(body, encoding, first=said_at(scope["path"]), largest=LARGEST_BODY)


def header(name: str) -> AccountOf:
    """Finds the account in a header of the request; None where it is missing or empty."""
    wanted = name.lower().encode("ascii")
    return lambda scope: _value(scope, wanted) or None


class _Held:
    """A body that is read before the application is called, which then receives the same messages."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._events: deque[Event] = deque()
        self.is_large = False

    async def read(self, largest: int) -> bytes | None:
        """The whole body; None if it has more than `largest` bytes or the client leaves before its end."""
        chunks: list[bytes] = []
        size = 0
        while True:
            event = await self._receive()
            self._events.append(event)
            if event["type"] != "http.request":
                return None
            chunks.append(event.get("body", b""))
            size += len(chunks[-1])
            if size > largest:
                self.is_large = True
                return None
            if not event.get("more_body", False):
                return b"".join(chunks)

    async def receive(self) -> Event:
        """The next message of the server, those first that were read."""
        return self._events.popleft() if self._events else await self._receive()


def _value(scope: Scope, name: bytes) -> str | None:
    """The value of the last header of that name, which has to be in small letters."""
    values: list[bytes] = [value for key, value in scope["headers"] if key == name]
    if not values:
        return None
    try:
        return values[-1].decode().strip()
    except UnicodeDecodeError:
        return values[-1].decode("latin-1").strip()


def _adding(headers: Headers, send: Send) -> Send:
    """Sends what `send` does, with these headers too."""
    encoded = _encoded(headers)

    async def sending(event: Event) -> None:
        if event["type"] == "http.response.start":
            event = {**event, "headers": [*event.get("headers", ()), *encoded]}
        await send(event)

    return sending


async def _refuse(refused: Refusal, send: Send) -> None:
    headers = _encoded((*refused.headers, ("Content-Length", str(len(refused.body)))))
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": refused.body})


def _encoded(headers: Headers) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode("ascii"), value.encode("ascii")) for name, value in headers]
