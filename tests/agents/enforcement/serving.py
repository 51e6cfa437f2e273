"""A real ASGI server around an application, and an application that says what it saw."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn

from agents.enforcement.asgi import App, Event, Receive, Scope, Send

PIECES = (b"data: one\n\n", b"data: two\n\n", b"data: [DONE]\n\n")
"""What `Mirror` answers, piece by piece."""


class Mirror:
    """Reads the whole body, remembers it, and streams an answer with the number of bytes that it read."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        body = bytearray()
        while True:
            event = await receive()
            if event["type"] == "http.disconnect":
                return
            body += event.get("body", b"")
            if not event.get("more_body", False):
                break
        self.bodies.append(bytes(body))
        headers = [(b"content-type", b"text/event-stream"), (b"x-read", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for piece in PIECES:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


@asynccontextmanager
async def serving(app: App) -> AsyncIterator[str]:
    """The address of a uvicorn with that application."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_level="error"))
        running = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            await running


class Wire:
    """The server's side of one request without a server: the events it gives, and those that it got."""

    def __init__(self, *events: Event) -> None:
        self._events = list(events)
        self.sent: list[Event] = []

    async def receive(self) -> Event:
        return self._events.pop(0)

    async def send(self, event: Event) -> None:
        self.sent.append(event)


def request(*headers: tuple[str, str], path: str = "/v1/chat/completions", method: str = "POST") -> Scope:
    """The scope of a request."""
    encoded = [(name.lower().encode(), value.encode()) for name, value in headers]
    return {"type": "http", "method": method, "path": path, "headers": encoded}


def body(content: bytes, *, more: bool = False) -> Event:
    """A piece of a request's body."""
    return {"type": "http.request", "body": content, "more_body": more}
