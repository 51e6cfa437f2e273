"""`stillwatch ingest` on a real broker: what stands on the topic, what never does, and what it says when it cannot."""

import gzip
import json
import signal
import subprocess
import time
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from agents.cli.dev import dev
from agents.embedded.servers import Servers
from agents.routing import key_partition
from agents.topics import TopicNames
from streams.events import MAX_EVENT_BYTES, MAX_RECORD_BYTES, RequestEvent
from tests.integration.worker_harness import STILLWATCH, Deployment

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

KEY = "the key of the tests of ingest"
MARKERS = {
    "prompt": "xyzzyprompt",
    "system prompt": "xyzzysystem",
    "tool result": "xyzzyresult",
    "tool": "xyzzytool",
    "address": "203.0.113.77",
    "user agent": "xyzzyagent/1.0",
}
"""Words that stand in every record and must not stand in any byte that is produced."""

JAVA_MURMUR2 = {
    "21": -973932308,
    "foobar": -790332482,
    "a-little-bit-long-string": -985981536,
    "a-little-bit-longer-string": -1486304829,
    "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    "abc": 479470107,
}
"""From Apache Kafka's own tests: org.apache.kafka.common.utils.UtilsTest.testMurmur2."""


def row(number: int, **fields: object) -> bytes:
    record = {
        "event_id": f"e-{number}",
        "occurred_at_ms": time.time_ns() // 1_000_000 - 60_000,
        "account_id": f"acct-{number % 40}",
        "operation": "chat",
        "request_model": "m",
        "client_address": MARKERS["address"],
        "user_agent": MARKERS["user agent"],
        "tools": [MARKERS["tool"]],
        "messages": [
            {"role": "system", "content": f"You are {MARKERS['system prompt']}."},
            {"role": "user", "content": f"Tell me about {MARKERS['prompt']} number {number}, please."},
            {"role": "user", "content": [{"type": "tool_result", "content": {"a": MARKERS["tool result"]}}]},
        ],
    }
    return json.dumps(record | fields).encode() + b"\n"


@pytest.fixture
def deployment(kafka_bootstrap: str, topics: TopicNames, topic_prefix: str) -> Deployment:
    return Deployment(kafka_bootstrap, "redis://no.redis.is.needed", topics, topic_prefix, partitions=4)


def test_good_rows_are_on_the_topic_under_their_account_and_bad_ones_are_not(
    deployment: Deployment, tmp_path: Path
) -> None:
    good = [row(number) for number in range(500)]
    bad = [b"not json\n", row(501, output_tokens=-1), row(3)]
    (tmp_path / "in.gz").write_bytes(gzip.compress(b"".join([*good[:250], bad[0], *good[250:], *bad[1:]])))
    rejects = tmp_path / "rejects"
    done = deployment.run("ingest", f"{tmp_path}/in.gz", "--rejects", str(rejects), STILLWATCH_FINGERPRINT_KEY=KEY)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[:2] == [
        f"500 events produced to {deployment.topics.requests}",
        f"3 bad rows (1 duplicate_event_id, 1 not_json, 1 out_of_range): written to {rejects}",
    ]
    assert rejects.read_bytes() == b"".join(bad)
    records = deployment.read(deployment.topics.requests)
    events = [msgspec.json.decode(record.value, type=RequestEvent) for record in records]
    assert {event.event_id for event in events} == {f"e-{number}" for number in range(500)}
    assert len(events) == len(good)
    for record, event in zip(records, events, strict=True):
        assert record.key == event.account_id.encode()
        assert record.partition == key_partition(event.account_id, 4)
    by_account = [event.event_id for event in events if event.account_id == "acct-7"]
    assert by_account == [f"e-{number}" for number in range(7, 500, 40)], "an account's events keep their order"


def test_no_text_no_address_and_no_user_agent_is_produced(deployment: Deployment, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"".join(map(row, range(20))))
    assert deployment.run("ingest", f"{tmp_path}/in", STILLWATCH_FINGERPRINT_KEY=KEY).returncode == 0
    records = deployment.read(deployment.topics.requests)
    produced = b"".join(
        (record.key or b"") + (record.value or b"") + repr(record.headers).encode() for record in records
    )
    assert produced.count(b"event_id") == 20
    assert [name for name, marker in MARKERS.items() if marker.encode() in produced] == []
    assert b"203.0.113" not in produced
    assert KEY.encode() not in produced


def test_a_record_as_large_as_one_may_be_is_a_small_event(deployment: Deployment, tmp_path: Path) -> None:
    largest = row(1, messages=[{"role": "user", "content": ""}])
    largest = row(1, messages=[{"role": "user", "content": "p" * (MAX_RECORD_BYTES - len(largest) + 1)}])
    above = largest.replace(b'"m"', b'"mm"').replace(b"e-1", b"e-2")
    assert len(largest.rstrip()) == MAX_RECORD_BYTES
    (tmp_path / "in").write_bytes(largest + above)
    done = deployment.run("ingest", f"{tmp_path}/in", STILLWATCH_FINGERPRINT_KEY=KEY)
    assert done.returncode == 1
    assert "1 bad row (1 too_large)" in done.stderr
    (record,) = deployment.read(deployment.topics.requests)
    assert len(record.value) <= MAX_EVENT_BYTES


def test_a_gzip_cut_short_says_how_many_went_before_and_they_did(deployment: Deployment, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(gzip.compress(b"".join(map(row, range(300))))[:-6])
    (tmp_path / "rejects").write_bytes(b"old")
    done = deployment.run(
        "ingest", f"{tmp_path}/in", "--rejects", f"{tmp_path}/rejects", STILLWATCH_FINGERPRINT_KEY=KEY
    )
    produced = len(deployment.read(deployment.topics.requests))
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert f"; the {produced} events before it were produced." in done.stderr
    assert produced == 300
    assert (tmp_path / "rejects").read_bytes() == b"old"


def test_ctrl_c_ends_it_without_a_word_and_leaves_no_half_of_the_rejects(
    deployment: Deployment, tmp_path: Path
) -> None:
    with subprocess.Popen(  # noqa: S603 - our own command
        [STILLWATCH, "ingest", "-", "--rejects", f"{tmp_path}/rejects"],
        env=deployment.environment(STILLWATCH_FINGERPRINT_KEY=KEY),
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin
        assert process.stderr
        rows = b"not json\n" + b"".join(map(row, range(200)))
        process.stdin.write(rows * 2)  # more than a pipe holds, so it reads by now
        process.stdin.flush()
        process.send_signal(signal.SIGINT)
        assert process.stderr.read().strip() == b""
        assert process.wait(timeout=60) == 130
    assert list(tmp_path.iterdir()) == []


def test_a_topic_that_is_missing_is_one_sentence(deployment: Deployment, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(row(1))
    done = deployment.run("ingest", f"{tmp_path}/in", "--prefix", "nobody-made", STILLWATCH_FINGERPRINT_KEY=KEY)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert f"Kafka at {deployment.bootstrap_servers} has no topic nobody-made.requests" in done.stderr


def test_a_prefix_that_no_topic_may_have_is_one_sentence(deployment: Deployment, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(row(1))
    done = deployment.run("ingest", f"{tmp_path}/in", "--prefix", "no such/prefix", STILLWATCH_FINGERPRINT_KEY=KEY)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)


@pytest.mark.parametrize("key", JAVA_MURMUR2)
def test_a_key_goes_to_the_partition_that_kafkas_own_clients_choose(key: str) -> None:
    for partitions in (1, 3, 8, 1000):
        assert key_partition(key, partitions) == (JAVA_MURMUR2[key] & 0x7FFFFFFF) % partitions


def test_dev_up_prints_a_key_that_stays_the_same_and_is_readable_by_its_owner_only(
    real_servers: Servers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", real_servers.bootstrap_servers)
    monkeypatch.setenv("REDIS_URL", real_servers.redis_url)
    monkeypatch.delenv("STILLWATCH_FINGERPRINT_KEY", raising=False)

    def up() -> Result:
        return CliRunner().invoke(dev, ["up", "--folder", str(tmp_path / "dev")])

    first, second = up(), up()
    (line,) = (line for line in first.output.splitlines() if line.startswith("export STILLWATCH_FINGERPRINT_KEY="))
    kept = tmp_path / "dev" / "fingerprint.key"
    assert line in second.output
    assert line.partition("=")[2] == kept.read_text()
    assert len(kept.read_text()) == 64
    assert kept.stat().st_mode & 0o777 == 0o600
    monkeypatch.setenv("STILLWATCH_FINGERPRINT_KEY", "my own")
    assert "STILLWATCH_FINGERPRINT_KEY" not in up().output
