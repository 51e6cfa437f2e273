"""LiteLLM's proxy, the real one in an environment of its own, between a client and a model that is none."""

import json
import os
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import msgspec

from agents.embedded.processes import LOOPBACK, choose_ports, wait_until
from streams.enforcement import Ask, Verdict
from tests.agents.enforcement.answering import Answering
from tests.benchmarks.plain.environments import python_of

REPOSITORY = Path(__file__).parents[2]
REQUIREMENTS = Path(__file__).with_name("requirements")
CACHE = REPOSITORY / ".stillwatch" / "gateways"
CONFIGURATION = REPOSITORY / "deploy" / "gateways" / "litellm.yaml"
FINGERPRINT_KEY = "a key for the tests"
APPEAL_URL = "https://example.com/appeal"
START_SECONDS = 120.0
STOP_SECONDS = 20.0

ACCOUNTS = """
from litellm.proxy._types import UserAPIKeyAuth

async def user(request, api_key):
    known = {"payment_hash": "5a8f", "account_created_at_ms": "2026-10-05T00:00:00Z"} if api_key == "sk-olga" else {}
    team = {"payment_hash": "of the team"} if api_key == "sk-tom" else None
    return UserAPIKeyAuth(
        api_key=api_key, user_id=api_key.removeprefix("sk-"), metadata=known, team_metadata=team
    )
"""
"""Every key is that of the user whose name it has. Of one it is known how she pays, of another how his team does."""

HERE = """\
  use_chat_completions_url_for_anthropic_messages: true
general_settings:
  custom_auth: accounts.user
"""
"""What is added to the configuration: the model here speaks OpenAI's chat completions and nothing else."""

COMPLETION = {
    "id": "completion-1",
    "object": "chat.completion",
    "created": 1,
    "model": "mock",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
}
CHUNK = COMPLETION | {
    "object": "chat.completion.chunk",
    "choices": [{"index": 0, "delta": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}],
}


class Neighbours:
    """The check endpoint and the model, on one port; what each was asked."""

    def __init__(self) -> None:
        self.checker = Answering()
        self.is_unwell = False
        self.prompts: list[Any] = []

    def check(self, body: bytes) -> tuple[int, str, bytes]:
        if self.is_unwell:
            return 500, "text/plain", b"unwell"
        verdict: Verdict = self.checker.check_now(msgspec.json.decode(body, type=Ask))
        return 200, "application/json", msgspec.json.encode(verdict)

    def complete(self, body: bytes) -> tuple[int, str, bytes]:
        asked = json.loads(body)
        self.prompts.append(asked["messages"])
        if asked.get("stream"):
            return 200, "text/event-stream", f"data: {json.dumps(CHUNK)}\n\ndata: [DONE]\n\n".encode()
        return 200, "application/json", json.dumps(COMPLETION).encode()

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Their address."""
        answers = {"/v1/check": self.check, "/v1/chat/completions": self.complete}

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                status, kind, answer = answers[self.path](self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        with ThreadingHTTPServer((LOOPBACK, 0), Handler) as server:
            thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
            thread.start()
            try:
                yield f"http://{LOOPBACK}:{server.server_address[1]}"
            finally:
                server.shutdown()
                thread.join()


@contextmanager
def running(folder: Path, neighbours: str) -> Iterator[str]:
    """The address of the proxy as deploy/gateways configures it. Raises NotInstalledError if it cannot be had."""
    program = python_of("litellm", CACHE, REQUIREMENTS).with_name("litellm")
    (folder / "accounts.py").write_text(ACCOUNTS, encoding="utf-8")
    configuration = folder / "config.yaml"
    configuration.write_text(CONFIGURATION.read_text(encoding="utf-8") + HERE, encoding="utf-8")
    (port,) = choose_ports((), 1)
    environment = {
        "PATH": os.defpath,
        "HOME": str(folder),
        "PYTHONPATH": str(REPOSITORY),
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "MODEL_API_BASE": f"{neighbours}/v1",
        "MODEL_API_KEY": "none",
        "STILLWATCH_CHECK_URL": f"{neighbours}/v1/check",
        "STILLWATCH_CHECK_DEADLINE_MS": "10000",
        "STILLWATCH_FINGERPRINT_KEY": FINGERPRINT_KEY,
        "STILLWATCH_APPEAL_URL": APPEAL_URL,
        "STILLWATCH_KEY_METADATA": "trusted",
    }
    command = [str(program), "--config", str(configuration), "--host", LOOPBACK, "--port", str(port)]
    log = folder / "litellm.log"
    with (
        log.open("wb") as out,
        subprocess.Popen([*command, "--telemetry", "False"], env=environment, stdout=out, stderr=out) as process,  # noqa: S603  words of this file
    ):
        try:
            url = f"http://{LOOPBACK}:{port}"
            wait_until(lambda: process.poll() is not None or _is_alive(url), seconds=START_SECONDS)
            assert process.poll() is None, log.read_text(encoding="utf-8")
            yield url
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def run(program: str, environment: Mapping[str, str]) -> str:
    """What a program says in LiteLLM's environment. Raises NotInstalledError, and CalledProcessError."""
    python = python_of("litellm", CACHE, REQUIREMENTS)
    variables = {"PYTHONPATH": str(REPOSITORY), "LITELLM_LOCAL_MODEL_COST_MAP": "True", **environment}
    return subprocess.run([python, "-c", program], env=variables, check=True, capture_output=True, text=True).stdout  # noqa: S603  words of a test


def _is_alive(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health/liveliness").status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False
