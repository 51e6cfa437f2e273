"""The worker on real Kafka and Redis: what it makes of good and bad records, and how it starts, waits and ends."""

import shutil
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agents.cli import main
from agents.explaining.page import Report
from agents.routing import key_partition
from streams.accounts import AccountState
from streams.campaigns import Campaign
from streams.decisions import LIMITING, Decision
from streams.events import MAX_EVENT_BYTES, RequestEvent
from streams.fingerprint import Fingerprinter
from streams.scenarios import simulate
from tests.contracts.redis_server import bundled_program, redis_server
from tests.integration.stored_states import campaigns_of
from tests.integration.worker_harness import (
    READY_SECONDS,
    Deployment,
    WorkerProcess,
    deployed,
    ingest,
    of_kind,
    worker,
)

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow, pytest.mark.timeout(500)]

PARTITIONS = 4
FAULTY_WORKER = (sys.executable, str(Path(__file__).with_name("faulty_worker.py")))
HOUR_MS = 3_600_000
NEXT_YEAR_MS = 4_000_000_000_000
GOOD = {
    "event_id": "good",
    "occurred_at_ms": 1_791_158_400_000,
    "account_id": "alice",
    "operation": "chat",
    "request_model": "large",
}


def good_event(**changes: Any) -> bytes:  # noqa: ANN401  any JSON
    return msgspec.json.encode(GOOD | changes)


BAD: dict[str, tuple[str, bytes | None, bytes | None]] = {
    "bytes that are no text": ("not_utf8", b"alice", b"\xff\xfe\x00\x01"),
    "text that is no JSON": ("not_json", b"alice", b"a request, honestly"),
    "JSON cut short": ("not_json", b"alice", good_event()[:-9]),
    "NaN": ("not_json", b"alice", good_event()[:-1] + b',"temperature":NaN}'),
    "half of a surrogate pair": ("not_json", b"alice", good_event()[:-1] + b',"plan":"\\ud800"}'),
    "another type": ("wrong_type", b"alice", good_event(input_tokens="12")),
    "no account": ("missing_field", b"alice", good_event().replace(b"account_id", b"account")),
    "a byte too many": ("too_large", b"alice", good_event(plan="")[:-1].ljust(MAX_EVENT_BYTES) + b"}"),
    "no value": ("no_value", b"alice", None),
    "negative tokens": ("out_of_range", b"alice", good_event(output_tokens=-1)),
    "a time of 1970": ("out_of_range", b"alice", good_event(occurred_at_ms=86_400_000)),
    "a time to come": ("in_the_future", b"alice", good_event(occurred_at_ms=NEXT_YEAR_MS)),
    "another account's key": ("key_mismatch", b"bob", good_event()),
    "no key": ("key_mismatch", None, good_event()),
}
"""What arrives -> the reason, the key and the value."""


@pytest.fixture(scope="module")
def relay_world() -> list[RequestEvent]:
    """One day of a relay of 20 accounts, without text."""
    fingerprinter = Fingerprinter(b"the key of the worker's tests")
    return [fingerprinter.event(record) for record in simulate(["relay"], seed=5, scale=0.1)]


@pytest.fixture
def deployment(kafka_bootstrap: str, redis_url: str, topic_prefix: str) -> Deployment:
    return deployed(kafka_bootstrap, redis_url, topic_prefix, PARTITIONS)


@pytest.fixture(scope="module")
def shared(kafka_bootstrap: str, redis_url: str) -> Deployment:
    return deployed(kafka_bootstrap, redis_url, "test-shared-worker", PARTITIONS)


@pytest.fixture(scope="module")
def live(
    shared: Deployment, relay_world: list[RequestEvent], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[WorkerProcess]:
    """A worker that has taken the relay's day with bad records in between, and still runs."""
    home = key_partition("alice", PARTITIONS)
    folder = tmp_path_factory.mktemp("worker")
    talkative = folder / "policy.toml"
    talkative.write_text("[campaign]\nalert_accounts = 5\n")  # the relay here is smaller than what wakes on-call
    with worker(shared, folder, "--policy", str(talkative)) as running:
        running.until_ready()
        ingest(shared, relay_world[:1_000])
        headers = [("trace", b"\x00\xff"), ("trace", b"again")]
        shared.produce([(home, key, value, headers) for _, key, value in BAD.values()])
        shared.produce([(home, b"alice", good_event(), [])])
        ingest(shared, relay_world[1_000:])
        running.until_settled(shared)
        yield running


def requests_of(deployment: Deployment) -> Counter[str]:
    """How many requests are counted of each account."""
    accounts: dict[tuple[int, str], AccountState] = of_kind(deployment.states(), "observe", "account:")
    return Counter({key.partition(":")[2]: state.requests for (_, key), state in accounts.items()})


def assert_all_counted(deployment: Deployment, events: list[RequestEvent]) -> None:
    """Nothing lost and nothing counted twice."""
    assert requests_of(deployment) == Counter(event.account_id for event in events)


@pytest.mark.usefixtures("live")
def test_bad_records_are_dead_letters_byte_for_byte(shared: Deployment) -> None:
    letters = shared.read(shared.topics.dlq)
    assert [(it.key, it.value) for it in letters] == [(key, value) for _, key, value in BAD.values()]
    for letter, (reason, _, _) in zip(letters, BAD.values(), strict=True):
        assert list(letter.headers)[:2] == [("trace", b"\x00\xff"), ("trace", b"again")]
        headers = dict(letter.headers)
        assert headers["stillwatch.reason"] == reason.encode()
        assert headers["__connect.errors.topic"] == shared.topics.requests.encode()
        assert headers["__connect.errors.partition"] == str(key_partition("alice", PARTITIONS)).encode()
        assert headers["__connect.errors.stage"] == b"observe"
        assert headers["__connect.errors.exception.message"]


def test_dead_letters_are_counted_by_reason(live: WorkerProcess) -> None:
    metrics = live.metrics()
    for reason, count in Counter(reason for reason, _, _ in BAD.values()).items():
        assert metrics[f'stillwatch_dead_letters_total{{reason="{reason}"}}'] == count


@pytest.mark.usefixtures("live")
def test_good_records_among_bad_ones_are_all_counted(shared: Deployment, relay_world: list[RequestEvent]) -> None:
    assert requests_of(shared) == Counter(event.account_id for event in relay_world) + Counter(alice=1)


def test_a_worker_says_that_it_is_well_and_how_far_it_is(live: WorkerProcess, relay_world: list[RequestEvent]) -> None:
    assert live.get("/healthz") == (200, "ok\n")
    live.until("ready", lambda: live.get("/readyz") == (200, "ok\n"))
    metrics = live.metrics()
    assert metrics['stillwatch_events_read_total{stage="observe"}'] == len(relay_world) + len(BAD) + 1
    lags = [value for name, value in metrics.items() if name.startswith("stillwatch_lag_records")]
    assert lags == [0.0] * (3 * PARTITIONS + 1)
    assert metrics['stillwatch_redis_seconds_count{operation="commit"}'] > 0
    assert metrics["stillwatch_append_to_decision_seconds_count"] > 0


@pytest.mark.usefixtures("live")
def test_the_relay_is_a_campaign_with_decisions_and_alerts(shared: Deployment) -> None:
    assert sum(map(len, campaigns_of(shared.states()))) >= 20
    assert shared.read(shared.topics.enforcement)
    assert shared.read(shared.topics.alerts)


@pytest.mark.usefixtures("live")
def test_state_prints_what_is_known_of_each_kind_of_subject(
    shared: Deployment, relay_world: list[RequestEvent]
) -> None:
    account = relay_world[0].account_id
    payment = next(event.payment_hash for event in relay_world if event.payment_hash)
    campaigns = of_kind(shared.states(), "campaigns", "campaign:").values()
    campaign = max((it for it in campaigns if isinstance(it, Campaign)), key=lambda it: len(it.members))
    name = campaign.campaign_id
    count = sum(event.account_id == account for event in relay_world)
    for subject, words in (
        (account, (f"account {account}", f"{count} requests", "last 24 hours")),
        (f"payment:{payment}", (f"payment {payment}", "distinct, 7 d", "synchrony")),
        (name, (f"campaign {name} since 2026-10-0", f"accounts {len(campaign.members)},", "because")),
    ):
        answer = shared.run("state", subject)
        assert answer.returncode == 0, answer.stderr
        missing = [word for word in words if word not in " ".join(answer.stdout.split())]
        assert not missing, answer.stdout


@pytest.mark.usefixtures("live")
def test_explain_says_of_a_member_what_topic_and_redis_hold(
    shared: Deployment, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for name, value in shared.addresses().items():
        monkeypatch.setenv(name, value)
    campaigns = of_kind(shared.states(), "campaigns", "campaign:").values()
    campaign = max((it for it in campaigns if isinstance(it, Campaign)), key=lambda it: len(it.members)).campaign_id
    decisions = [msgspec.json.decode(it.value, type=Decision) for it in shared.read(shared.topics.enforcement)]
    ours = [it for it in decisions if it.subject_id == campaign]
    last, member = max(ours, key=lambda it: it.sequence), next(it.members[0] for it in ours if it.members)
    moment = datetime.fromtimestamp(last.decided_at_ms / 1000, UTC).isoformat()
    with pytest.raises(SystemExit) as ended:
        main(["explain", member, "--at", moment, "--json"])
    out, err = capfd.readouterr()
    assert (ended.value.code, err) == (0, "")
    report = msgspec.json.decode(out, type=Report)
    assert report.explanation is not None
    assert report.stored is not None
    assert report.stored.membership is not None
    assert report.stored.membership.campaign_id == campaign
    (case,) = (it for it in report.explanation.cases if it.subject_id == campaign)
    assert (case.sequence, case.action, case.score) == (last.sequence, last.action, last.score)
    assert {(it.signal, it.observed, it.baseline) for it in case.judgement.reasons} == {
        (it.signal, it.observed, it.baseline) for it in last.reasons
    }
    with pytest.raises(SystemExit) as ended:
        main(["explain", "nobody"])
    assert ended.value.code == 1
    assert capfd.readouterr() == ("", "Nothing is known or decided about nobody.\n")


@pytest.mark.usefixtures("live")
def test_state_of_what_nobody_saw_is_one_sentence_and_exit_code_1(
    shared: Deployment, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for name, value in shared.addresses().items():
        monkeypatch.setenv(name, value)
    for subject in ("nobody", "payment:nothing", "c-0000000000000000", "asn:1"):
        with pytest.raises(SystemExit) as ended:
            main(["state", subject])
        assert ended.value.code == 1
        assert capfd.readouterr() == ("", f"Nothing is known of {subject}.\n")


def test_a_day_that_waited_is_read_in_its_order_and_the_relay_limited_in_its_first_hours(
    deployment: Deployment, relay_world: list[RequestEvent], tmp_path: Path
) -> None:
    ingest(deployment, relay_world)
    with worker(deployment, tmp_path) as running:
        running.until_settled(deployment)
        assert running.drain() == 0
    assert_all_counted(deployment, relay_world)
    decisions = [msgspec.json.decode(it.value, type=Decision) for it in deployment.read(deployment.topics.enforcement)]
    limits = [it for it in decisions if it.subject_kind == "campaign" and it.action in LIMITING]
    assert {name for it in limits for name in it.members} == {event.account_id for event in relay_world}
    assert min(it.decided_at_ms for it in limits) < relay_world[0].occurred_at_ms + 6 * HOUR_MS


def test_sigterm_in_the_middle_drains_and_the_next_worker_goes_on(
    deployment: Deployment, relay_world: list[RequestEvent], tmp_path: Path
) -> None:
    with worker(deployment, tmp_path, environment={"STILLWATCH_BATCH_RECORDS": "100"}) as first:
        first.until_ready()
        ingest(deployment, relay_world)
        first.until("under way", lambda: sum(requests_of(deployment).values()) > 500)
        assert first.drain() == 0
    done = {place[1]: offset for place, offset in offsets(deployment).items() if place[0] == "observe"}
    assert deployment.committed() == {number: offset + 1 for number, offset in done.items()}
    with worker(deployment, tmp_path) as second:
        second.until_settled(deployment)
        assert second.drain() == 0
    assert_all_counted(deployment, relay_world)


def test_sigterm_ends_a_worker_whose_redis_hangs_and_the_next_one_goes_on(
    kafka_bootstrap: str, topic_prefix: str, relay_world: list[RequestEvent], tmp_path: Path
) -> None:
    with redis_server(bundled_program(), tmp_path) as redis:
        deployment = deployed(kafka_bootstrap, redis.url, topic_prefix, PARTITIONS)
        with worker(deployment, tmp_path) as first:
            first.until_ready()
            with redis.frozen():
                ingest(deployment, relay_world)
                first.until("waiting", lambda: first.get("/readyz") == (503, "Redis does not answer in time.\n"))
                first.send(signal.SIGTERM)
                assert first.wait(20) == 1
            assert "left to whoever comes next" in first.log
        with worker(deployment, tmp_path) as second:
            second.until_settled(deployment)
            assert second.drain() == 0
        assert_all_counted(deployment, relay_world)


def offsets(deployment: Deployment) -> dict[tuple[str, int], int]:
    return {place: held["offset"] for place, held in deployment.states().items()}


def test_a_redis_that_dies_or_freezes_holds_the_partitions_and_nothing_is_lost(
    kafka_bootstrap: str, topic_prefix: str, relay_world: list[RequestEvent], tmp_path: Path
) -> None:
    third = len(relay_world) // 3
    with redis_server(bundled_program(), tmp_path) as redis:
        deployment = deployed(kafka_bootstrap, redis.url, topic_prefix, PARTITIONS)
        with worker(deployment, tmp_path) as running:
            running.until_ready()
            ingest(deployment, relay_world[:third])
            running.until_settled(deployment)
            redis.kill()
            ingest(deployment, relay_world[third : 2 * third])
            running.until("waiting", lambda: "Redis cannot be reached" in running.get("/readyz")[1])
            assert running.get("/readyz")[0] == 503
            redis.start()
            running.until_settled(deployment)
            running.until_ready()
            with redis.frozen():
                ingest(deployment, relay_world[2 * third :])
                running.until("waiting", lambda: running.get("/readyz") == (503, "Redis does not answer in time.\n"))
            running.until_settled(deployment)
            assert running.drain() == 0
        assert_all_counted(deployment, relay_world)


@pytest.mark.parametrize("kept", ["older data", "nothing"])
def test_a_redis_that_comes_back_without_its_newest_data_heals_from_the_log(
    kafka_bootstrap: str, topic_prefix: str, relay_world: list[RequestEvent], tmp_path: Path, kept: str
) -> None:
    third = len(relay_world) // 3
    data, older = tmp_path / "redis", tmp_path / "older"
    data.mkdir()
    with redis_server(bundled_program(), data) as redis:
        deployment = deployed(kafka_bootstrap, redis.url, topic_prefix, PARTITIONS)
        with worker(deployment, tmp_path, environment={"STILLWATCH_BATCH_RECORDS": "100"}) as running:
            running.until_ready()
            ingest(deployment, relay_world[:third])
            running.until_settled(deployment)
            if kept == "nothing":
                older.mkdir()
            else:
                redis.kill()
                shutil.copytree(data, older)
                redis.start()
            ingest(deployment, relay_world[third : 2 * third])
            running.until_settled(deployment)
            redis.kill()
            shutil.rmtree(data)
            shutil.copytree(older, data)
            redis.start()
            ingest(deployment, relay_world[2 * third :])
            running.until_settled(deployment)
            assert running.drain() == 0
        assert_all_counted(deployment, relay_world)


def test_agents_can_be_run_apart(deployment: Deployment, relay_world: list[RequestEvent], tmp_path: Path) -> None:
    with (
        worker(deployment, tmp_path, "--agents", "observe") as observe,
        worker(deployment, tmp_path, "--agents", "networks,campaigns") as others,
    ):
        observe.until_ready()
        others.until_ready()
        ingest(deployment, relay_world)
        observe.until_settled(deployment)
        counter = 'stillwatch_events_read_total{stage="observe"}'
        observe.until("counted", lambda: observe.metrics().get(counter) == len(relay_world))
        assert others.metrics()[counter] == 0
        assert (observe.drain(), others.drain()) == (0, 0)
    assert_all_counted(deployment, relay_world)
    assert sum(map(len, campaigns_of(deployment.states()))) >= 20


def test_a_bug_ends_the_worker_with_70_and_the_same_batch_is_met_again(
    deployment: Deployment, relay_world: list[RequestEvent], tmp_path: Path
) -> None:
    fault = relay_world[len(relay_world) // 2]
    home = key_partition(fault.account_id, PARTITIONS)
    environment = {"FAULTY_ACCOUNT_ID": fault.account_id, "STILLWATCH_BATCH_RECORDS": "200"}
    ingest(deployment, relay_world)
    ours = [event for event in relay_world if key_partition(event.account_id, PARTITIONS) == home]
    for _ in range(2):
        with worker(deployment, tmp_path, program=FAULTY_WORKER, environment=environment) as faulty:
            assert faulty.wait(READY_SECONDS) == 70
            assert "ZeroDivisionError" in faulty.log
        position = offsets(deployment).get(("observe", home), -1)
        assert position < ours.index(fault)
        assert deployment.committed().get(home, 0) <= position + 1
    with worker(deployment, tmp_path) as mended:
        mended.until_settled(deployment)
    assert_all_counted(deployment, relay_world)
