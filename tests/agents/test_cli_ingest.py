"""`stillwatch ingest` where nothing can be produced: one sentence, exit code 2, no file changed."""

import json
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from agents.cli import main
from agents.topics import ADMIN_TIMEOUT_MS

KEY = "a key of more than 16 bytes"
Outcome = tuple[int, str, str]


@pytest.fixture
def ingest(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., Outcome]:
    """Run `ingest` of one bad row under `environment`, with rejects that exist."""
    (tmp_path / "records").write_bytes(b"not json\n")
    (tmp_path / "rejects").write_bytes(b"old rejects")

    def run(**environment: str | None) -> Outcome:
        for name, value in environment.items():
            monkeypatch.delenv(name, raising=False)
            if value is not None:
                monkeypatch.setenv(name, value)
        with pytest.raises(SystemExit) as ended:
            main(["ingest", f"{tmp_path}/records", "--rejects", f"{tmp_path}/rejects"])
        out, err = capfd.readouterr()
        assert (tmp_path / "rejects").read_bytes() == b"old rejects"
        assert sorted(path.name for path in tmp_path.iterdir()) == ["records", "rejects"]
        assert isinstance(ended.value.code, int)
        return ended.value.code, out, err

    return run


@pytest.mark.parametrize(
    ("key", "words"),
    [(None, "is not set"), ("", "is not set"), ("fifteen bytes..", "has 15 bytes; it needs at least 16")],
)
def test_a_key_that_is_missing_or_short_is_one_sentence(
    ingest: Callable[..., Outcome], key: str | None, words: str
) -> None:
    code, out, err = ingest(STILLWATCH_FINGERPRINT_KEY=key, KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"Error: STILLWATCH_FINGERPRINT_KEY {words}")


def test_a_kafka_that_is_not_named_is_one_sentence(ingest: Callable[..., Outcome]) -> None:
    code, _, err = ingest(STILLWATCH_FINGERPRINT_KEY=KEY, KAFKA_BOOTSTRAP_SERVERS=None)
    assert (code, err.count("\n")) == (2, 1)
    assert "KAFKA_BOOTSTRAP_SERVERS is not set" in err


@pytest.mark.timeout(60)
@pytest.mark.parametrize("answers", [False, True], ids=["nobody listens", "somebody listens and never answers"])
def test_a_broker_that_is_not_there_is_one_sentence_within_seconds(
    ingest: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch, answers: bool
) -> None:
    assert ADMIN_TIMEOUT_MS <= 15_000
    monkeypatch.setattr("agents.topics.ADMIN_TIMEOUT_MS", 2_000)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        if answers:
            other.listen()
        address = f"127.0.0.1:{other.getsockname()[1]}"
        code, _, err = ingest(STILLWATCH_FINGERPRINT_KEY=KEY, KAFKA_BOOTSTRAP_SERVERS=address)
    assert (code, err.count("\n")) == (2, 1)
    assert err.startswith(f"Error: No Kafka answers at {address}: ")


@pytest.mark.parametrize("address", ["here", "127.0.0.1:port", "127.0.0.1:99999", "256.0.0.1:9092"])
def test_an_address_that_is_none_is_one_sentence(
    ingest: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setattr("agents.topics.ADMIN_TIMEOUT_MS", 200)
    code, _, err = ingest(STILLWATCH_FINGERPRINT_KEY=KEY, KAFKA_BOOTSTRAP_SERVERS=address)
    assert (code, err.count("\n")) == (2, 1)
    assert err.startswith(f"Error: No Kafka answers at {address}: ")


def refused(capfd: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one sentence with which a command line is refused."""
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    out, err = capfd.readouterr()
    assert (ended.value.code, out, err.count("\n")) == (2, "", 1)
    return err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["ingest"], "Name either RECORDS or --from-topic."),
        (["ingest", "rows", "--from-topic", "t"], "Name either RECORDS or --from-topic."),
        (["ingest", "--from-topic", "stillwatch.requests"], "--from-topic stillwatch.requests is where the events go"),
        (["ingest", "rows", "--format", "guess"], "'guess' is not one of 'record', 'litellm', 'otlp-json'"),
        (["ingest", "rows", "--account-attribute", "user.id"], "--account-attribute is for foreign formats"),
    ],
)
def test_what_to_read_and_how_is_said_once(capfd: pytest.CaptureFixture[str], arguments: list[str], words: str) -> None:
    assert words in refused(capfd, *arguments)


def test_a_format_whose_package_is_missing_says_which(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.proto.collector.trace.v1.trace_service_pb2", None)
    (tmp_path / "in").write_bytes(b"")
    assert refused(capfd, "ingest", f"{tmp_path}/in", "--format", "otlp-protobuf") == (
        "Error: OTLP as protobuf needs the package opentelemetry-proto: install stillwatch with its extra `otlp`.\n"
    )


def test_a_log_of_a_gateway_is_replayed_without_any_server(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("STILLWATCH_FINGERPRINT_KEY", raising=False)
    entry = {"start_time": "2025-08-30T16:51:37.894Z", "x-request-id": "1", "x-envoy-origin-path": "/v1/completions"}
    named = entry | {"genai_model_name": "m", "tenant": "t-1"}
    rows = [named, named, entry | {"x-request-id": "2"}, named | {"tenant": None, "x-request-id": "3"}]
    (tmp_path / "in").write_text("".join(json.dumps(row) + "\n" for row in rows))
    files = [f"{tmp_path}/in", "--decisions", f"{tmp_path}/out", "--rejects", f"{tmp_path}/rejects"]
    with pytest.raises(SystemExit) as ended:
        main(["replay", *files, "--format", "envoy", "--account-attribute", "tenant"])
    _, err = capfd.readouterr()
    assert ended.value.code == 1
    assert err.splitlines() == [
        f"1 records, 0 decisions in {tmp_path}/out",
        "1 entries that are no call of a model were passed over",
        f"2 bad rows (1 duplicate_event_id, 1 missing_account): written to {tmp_path}/rejects",
        "  first duplicate_event_id: line 2: A record before it has the same `event_id`.",
        "  first missing_account: line 4: No account: none of `tenant` says one; --account-attribute names another.",
    ]
    assert (tmp_path / "rejects").read_text() == "".join(json.dumps(row) + "\n" for row in (rows[1], rows[3]))
