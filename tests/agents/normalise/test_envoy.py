"""Envoy's access log becomes records: as Envoy AI Gateway documents it, and as the real Envoy writes our format."""

import json
import socket
import subprocess
import time
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from agents.embedded.processes import choose_ports, wait_until
from streams.events import RequestRecord
from tests.agents.normalise.reading import one, read
from tests.gateways.programs import envoy_program

FORMAT = Path(__file__).parents[3] / "deploy" / "envoy-access-log.json"
ENVOY = envoy_program()

DOCUMENTED: dict[str, Any] = {
    ":authority": "api.router.tetrate.ai",
    "bytes_received": 105,
    "downstream_remote_address": "127.0.0.1:64484",
    "duration": 1526,
    "genai_backend_name": "default/tars/route/aigw-run/rule/0/ref/0",
    "genai_model_name": "gpt-4o-mini",
    "genai_model_name_override": None,
    "genai_tokens_input": 15,
    "genai_tokens_output": 7,
    "genai_tokens_total": 22,
    "method": "POST",
    "response_code": 200,
    "response_flags": "-",
    "start_time": "2025-08-30T16:51:37.894Z",
    "user-agent": "curl/8.7.1",
    "x-envoy-origin-path": "/v1/chat/completions",
    "x-forwarded-for": "192.168.1.38",
    "x-request-id": "83b63da3-45a9-4196-98b8-1a7f697d6d8d",
}
"""From site/docs/capabilities/observability/accesslogs.md of envoyproxy/ai-gateway, shortened. It has no account."""

RECORD = RequestRecord(
    event_id="83b63da3-45a9-4196-98b8-1a7f697d6d8d-1756572697894",
    occurred_at_ms=1756572697894,
    account_id="customer-7",
    operation="chat",
    request_model="gpt-4o-mini",
    client_address="127.0.0.1",
    user_agent="curl/8.7.1",
    input_tokens=15,
    output_tokens=7,
    latency_ms=1526,
)


def row(**fields: object) -> bytes:
    return json.dumps(DOCUMENTED | {"user.id": "customer-7"} | fields).encode()


def test_the_documented_entry_is_a_record_once_it_has_an_account() -> None:
    assert one("envoy", row()) == RECORD
    assert read("envoy", json.dumps(DOCUMENTED).encode())[1].bad == {"missing_account": 1}
    assert one("envoy", json.dumps(DOCUMENTED).encode(), ":authority").account_id == "api.router.tetrate.ai"


def test_the_newer_names_of_the_same_documentation_are_read_too() -> None:
    newer = {name: value for name, value in DOCUMENTED.items() if not name.startswith("genai_")} | {
        "user.id": "customer-7",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.usage.input_tokens": 15,
        "gen_ai.usage.output_tokens": 7,
    }
    assert one("envoy", json.dumps(newer).encode()) == RECORD


@pytest.mark.parametrize(
    ("path", "operation"),
    [
        ("/v1/chat/completions", "chat"),
        ("/v1/completions?x=1", "text_completion"),
        ("/v1/embeddings", "embeddings"),
        ("/anthropic/v1/messages", "chat"),
        ("/v1/responses", "chat"),
        ("/cohere/v2/rerank", "rerank"),
    ],
)
def test_a_path_is_an_operation(path: str, operation: str) -> None:
    assert one("envoy", row(**{"x-envoy-origin-path": path})).operation == operation


def test_an_entry_without_a_model_is_passed_over() -> None:
    records, reader = read("envoy", row(genai_model_name=None, mcp_method="tools/call"))
    assert (records, reader.passed, reader.bad.total()) == ([], 1, 0)


def test_a_request_id_that_a_client_sends_again_is_another_event() -> None:
    again = row(start_time="2025-08-30T16:51:37.895Z")
    records, reader = read("envoy", row() + b"\n" + again + b"\n" + row())
    assert len({record.event_id for record in records}) == 2
    assert reader.bad == {"duplicate_event_id": 1}


def test_who_went_before_an_answer_got_none() -> None:
    assert one("envoy", row(response_code=0)).status_code == 499


def test_the_format_names_only_what_is_read_or_is_for_people() -> None:
    names = set(json.loads(FORMAT.read_bytes()))
    line = dict.fromkeys(names, "-")
    assert read("envoy", json.dumps(line).encode())[1].passed == 1
    assert names - {"gen_ai.provider.name", "response_flags"} == {
        "client.address", "duration", "gen_ai.request.model", "gen_ai.usage.input_tokens",
        "gen_ai.usage.output_tokens", "response_code", "session.id", "start_time", "tls.client.ja4", "user-agent",
        "user.id", "x-envoy-origin-path", "x-request-id",
    }  # fmt: skip


@pytest.mark.skipif(ENVOY is None, reason="there is no envoy on the path")
def test_the_real_envoy_writes_our_format_and_it_is_read(tmp_path: Path) -> None:
    assert ENVOY is not None
    (port,) = choose_ports((), 1)
    log = tmp_path / "access.log"
    (tmp_path / "envoy.json").write_text(json.dumps(settings(port, log)))
    command = [ENVOY, "-c", str(tmp_path / "envoy.json"), "--disable-hot-restart", "--concurrency", "1", "-l", "error"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as envoy:  # noqa: S603
        try:
            assert wait_until(lambda: answers(port), seconds=30)
            ask(port)
            assert wait_until(lambda: log.is_file() and log.read_bytes().endswith(b"\n"), seconds=30)
        finally:
            envoy.terminate()
            envoy.wait(15)
    (record,), reader = read("envoy", log.read_bytes(), now_ms=time.time_ns() // 1_000_000)
    assert not reader.bad
    assert (record.account_id, record.operation, record.request_model) == ("customer-7", "chat", "gpt-4o-mini")
    assert (record.input_tokens, record.output_tokens, record.status_code) == (15, 7, 429)
    assert (record.client_address, record.user_agent) == ("127.0.0.1", "test/1.0")
    assert (record.conversation_id, record.tls_fingerprint) == ("s-1", None)


def answers(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def ask(port: int) -> None:
    headers = {
        "User-Agent": "test/1.0",
        "X-Stillwatch-Account": "customer-7",
        "X-Ai-Eg-Model": "gpt-4o-mini",
        "Agent-Session-Id": "s-1",
    }
    client = HTTPConnection("127.0.0.1", port, timeout=10)
    client.request("POST", "/v1/chat/completions", b"{}", headers)
    assert client.getresponse().status == 429
    client.close()


def settings(port: int, log: Path) -> dict[str, Any]:
    """An Envoy that answers by itself, with the metadata that the AI gateway's filter would set."""
    types = "type.googleapis.com/envoy.extensions"
    manager = {
        "@type": f"{types}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "test",
        "access_log": [
            {
                "name": "file",
                "typed_config": {
                    "@type": f"{types}.access_loggers.file.v3.FileAccessLog",
                    "path": str(log),
                    "log_format": {"json_format": json.loads(FORMAT.read_bytes())},
                },
            }
        ],
        "http_filters": [
            {
                "name": "metadata",
                "typed_config": {
                    "@type": f"{types}.filters.http.set_metadata.v3.Config",
                    "metadata": [
                        {
                            "metadata_namespace": "io.envoy.ai_gateway",
                            "value": {"llm_input_token": 15, "llm_output_token": 7, "backend_name": "b"},
                        }
                    ],
                },
            },
            {"name": "router", "typed_config": {"@type": f"{types}.filters.http.router.v3.Router"}},
        ],
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "direct_response": {"status": 429}}],
                }
            ]
        },
    }
    listener = {
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }
    return {"static_resources": {"listeners": [listener]}}
