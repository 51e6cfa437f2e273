"""What Stillwatch adds to a request in a Python gateway.

    .venv/bin/python -m tests.benchmarks.python_gateway [--requests 20000] [--prompt 2000]

The ASGI middleware is called as a server calls it, around an application that does nothing, for an innocent account:
with the gate in the same process, without and with the fingerprint of a prompt of so many characters, and with the
check endpoint asked over HTTP on loopback (client and server in this process). Printed are the processor time of a
request, and the median and the 99th percentile of the time that it takes, one request after the other.
"""

import argparse
import asyncio
import json
import statistics
import time
from random import Random

from prometheus_client import CollectorRegistry

from agents.enforcement.asgi import Event, Receive, Scope, Send, StillwatchMiddleware
from agents.enforcement.client import CheckClient
from agents.enforcement.gate import Gate
from agents.enforcement.http import CHECK_PATH, CheckServer
from agents.enforcement.limiting import LocalLimiter
from agents.enforcement.metrics import EnforcementMetrics
from streams.fingerprint import Fingerprinter
from streams.policy import DEFAULT_POLICY

WORDS = "the tides of sea come about when moon and sun pull at water that turns with earth every day".split()
PATIENT_S = 5.0


async def application(_scope: Scope, receive: Receive, send: Send) -> None:
    """Read the request and answer nothing."""
    await receive()
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def measured(name: str, gate: StillwatchMiddleware, bodies: list[bytes]) -> None:
    """Send the bodies, one after the other, and print what it took."""
    scope = {"type": "http", "method": "POST", "path": "/v1/chat/completions"}

    async def send(_event: Event) -> None:
        """Nobody listens."""

    waits = []
    began = time.process_time()
    for number, body in enumerate(bodies):
        started = time.perf_counter()

        async def receive(body: bytes = body) -> Event:
            return {"type": "http.request", "body": body, "more_body": False}

        await gate({**scope, "headers": [(b"x-account-id", b"account-%d" % (number % 1_000))]}, receive, send)
        waits.append(time.perf_counter() - started)
    processor = (time.process_time() - began) / len(bodies) * 1e6
    cuts = statistics.quantiles(waits, n=100)
    print(f"{name:<46} {processor:8.1f} us of processor {cuts[49] * 1e6:8.1f} us median {cuts[98] * 1e6:8.1f} us p99")


async def run(requests: int, characters: int) -> None:
    """Measure each way in turn."""
    random = Random(7)
    bodies = []
    for _ in range(requests):
        prompt = " ".join(random.choices(WORDS, k=characters // 4))[:characters]
        bodies.append(json.dumps({"model": "m", "messages": [{"role": "user", "content": prompt}]}).encode())
    registry = CollectorRegistry()
    gate = Gate(LocalLimiter(), DEFAULT_POLICY, EnforcementMetrics(registry))
    gate.ready()
    fingerprinter = Fingerprinter(b"a key for the bench")
    reading = StillwatchMiddleware(application, gate, fingerprinter=fingerprinter)
    await measured("gate in process, by account", StillwatchMiddleware(application, gate), bodies)
    await measured(f"gate in process, prompt of {characters:,} characters", reading, bodies)
    server = CheckServer(gate, registry, host="127.0.0.1", port=0)
    client = CheckClient(f"http://127.0.0.1:{await server.start()}{CHECK_PATH}", deadline_s=PATIENT_S)
    await measured("check endpoint, in the same process", StillwatchMiddleware(application, client), bodies[:5_000])
    await client.close()
    await server.stop()
    if client.faults.counts:
        raise SystemExit(f"some checks failed: {dict(client.faults.counts)}")


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--prompt", type=int, default=2_000, metavar="CHARACTERS")
    given = parser.parse_args()
    asyncio.run(run(given.requests, given.prompt))


if __name__ == "__main__":
    main()
