"""Reviewers on real Kafka and Redis: who is released while limited, whoever is killed, whatever Redis forgets."""

from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest
import redis
from kafka import KafkaProducer

from agents.routing import key_partition
from streams.accounts import AccountState
from streams.campaigns import Campaign
from streams.decisions import Decision
from streams.events import RequestEvent
from streams.fingerprint import Fingerprinter
from streams.scenarios import simulate
from tests.integration.worker_harness import (
    ONE_REASON_THROTTLES,
    Deployment,
    WorkerProcess,
    deployed,
    ingest,
    of_kind,
    worker,
)

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow, pytest.mark.timeout(500)]

PARTITIONS = 4
NOON_MS = 1_791_201_600_000
MINUTE_MS, DAY_MS = 60_000, 86_400_000
ACCOUNTS = [f"acct-{number}" for number in range(8)]
"""Of every partition at least one."""


@pytest.fixture
def deployment(kafka_bootstrap: str, redis_url: str, topic_prefix: str) -> Deployment:
    return deployed(kafka_bootstrap, redis_url, topic_prefix, PARTITIONS)


@pytest.fixture
def strict(tmp_path: Path) -> tuple[str, str]:
    """A policy under which one reason is enough to throttle."""
    path = tmp_path / "policy.toml"
    path.write_text(ONE_REASON_THROTTLES)
    return "--policy", str(path)


def greedy(accounts: Iterable[str], count: int, start: int = 0) -> list[RequestEvent]:
    """New accounts that use several times what their plan allows, one request a minute."""
    return [
        RequestEvent(
            event_id=f"{account}-{number}",
            occurred_at_ms=NOON_MS + number * MINUTE_MS,
            account_id=account,
            operation="chat",
            request_model="m",
            account_created_at_ms=NOON_MS - DAY_MS,
            plan_daily_tokens=1_000,
            input_tokens=1_000,
        )
        for number in range(start, start + count)
        for account in accounts
    ]


def decisions(deployment: Deployment) -> dict[str, list[str]]:
    """What was decided about each account, each decision once."""
    found = [msgspec.json.decode(it.value, type=Decision) for it in deployment.read(deployment.topics.enforcement)]
    once = {it.decision_id: it for it in found}.values()
    return {
        name: [f"{it.action} {it.sequence}" for it in once if it.subject_id == name]
        for name in {it.subject_id for it in once}
    }


def say(deployment: Deployment, command: str, account: str) -> str:
    answer = deployment.run(command, account, "--reviewer", "kim", "--note", "They showed us their invoices.")
    assert (answer.returncode, answer.stderr) == (0, "")
    return answer.stdout


def until(running: WorkerProcess, deployment: Deployment, expected: dict[str, list[str]]) -> None:
    """Wait until exactly this was decided."""
    try:
        running.until("decided", lambda: decisions(deployment) == expected)
    except AssertionError as error:
        raise AssertionError(f"{decisions(deployment)} instead of {expected}; {error}") from None


def campaigns(deployment: Deployment) -> list[Campaign]:
    found: list[Campaign] = list(of_kind(deployment.states(), "campaigns", "campaign:").values())
    return [it for it in found if it.merged_into is None]


def requests_of(deployment: Deployment) -> dict[str, int]:
    accounts: dict[tuple[int, str], AccountState] = of_kind(deployment.states(), "observe", "account:")
    return {key.partition(":")[2]: state.requests for (_, key), state in accounts.items()}


def test_an_account_is_released_once_though_the_worker_is_killed(
    deployment: Deployment, tmp_path: Path, strict: tuple[str, str]
) -> None:
    pair = ACCOUNTS[:2]
    with worker(deployment, tmp_path, *strict) as first:
        first.until_ready()
        ingest(deployment, greedy(pair, 10))
        until(first, deployment, {name: ["throttle 1"] for name in pair})
        assert say(deployment, "release", pair[0]).startswith(f"{pair[0]}: the worker is told; ")
        until(first, deployment, {pair[0]: ["throttle 1", "release 2"], pair[1]: ["throttle 1"]})
        first.until(
            "counted",
            lambda: first.metrics().get('stillwatch_verdicts_total{subject_kind="account",verdict="innocent"}') == 1,
        )
        assert "invoices" not in first.log
        first.kill()
    ingest(deployment, greedy(pair, 120, start=10))
    say(deployment, "release", pair[1])
    with worker(deployment, tmp_path, *strict) as second:
        second.until_settled(deployment)
        until(second, deployment, {name: ["throttle 1", "release 2"] for name in pair})
        assert second.get("/healthz") == (200, "ok\n")
        assert second.drain() == 0
    assert requests_of(deployment) == dict.fromkeys(pair, 130)


def test_a_redis_that_lost_everything_learns_again_what_reviewers_said(
    deployment: Deployment, tmp_path: Path, strict: tuple[str, str]
) -> None:
    with worker(deployment, tmp_path, *strict) as first:
        first.until_ready()
        ingest(deployment, greedy(ACCOUNTS, 10))
        until(first, deployment, {name: ["throttle 1"] for name in ACCOUNTS})
        for name in ACCOUNTS:
            say(deployment, "release", name)
        released = {name: ["throttle 1", "release 2"] for name in ACCOUNTS}
        until(first, deployment, released)
        first.until_settled(deployment)
        before = of_kind(deployment.states(), "observe", "account:")
        first.kill()
    with redis.Redis.from_url(deployment.redis_url) as client:
        client.delete(*client.scan_iter(match=f"{deployment.prefix}:*"))
    with worker(deployment, tmp_path, *strict) as second:
        second.until_settled(deployment)
        second.until("heard", lambda: of_kind(deployment.states(), "observe", "account:") == before)
        ingest(deployment, greedy(ACCOUNTS, 120, start=10))
        second.until_settled(deployment)
        assert second.drain() == 0
    assert decisions(deployment) == released
    assert requests_of(deployment) == dict.fromkeys(ACCOUNTS, 130)


def test_workers_that_share_the_partitions_hear_what_is_said_of_all_accounts(
    deployment: Deployment, tmp_path: Path, strict: tuple[str, str]
) -> None:
    assert {key_partition(name, PARTITIONS) for name in ACCOUNTS} == set(range(PARTITIONS))
    with worker(deployment, tmp_path, *strict) as one, worker(deployment, tmp_path, *strict) as other:
        for running in (one, other):
            running.until_ready()
        ingest(deployment, greedy(ACCOUNTS, 10))
        until(one, deployment, {name: ["throttle 1"] for name in ACCOUNTS})
        for name in ACCOUNTS:
            say(deployment, "release", name)
        released = {name: ["throttle 1", "release 2"] for name in ACCOUNTS}
        until(one, deployment, released)
        other.kill()
        for name in ACCOUNTS:
            say(deployment, "confirm", name)
        until(one, deployment, {name: [*said, "observe 3"] for name, said in released.items()})
        assert one.drain() == 0


def test_a_campaign_and_one_of_its_members_are_let_go(deployment: Deployment, tmp_path: Path) -> None:
    fingerprinter = Fingerprinter(b"the key of the feedback's tests")
    relay = [fingerprinter.event(record) for record in simulate(["relay"], seed=5, scale=0.1)]
    with worker(deployment, tmp_path) as running:
        running.until_ready()
        ingest(deployment, relay)
        running.until_settled(deployment)
        largest = max(campaigns(deployment), key=lambda it: len(it.members))
        others = {name for it in campaigns(deployment) if it.campaign_id != largest.campaign_id for name in it.seen}
        member = min(largest.members.keys() - others)  # these let it go when they are decided about
        say(deployment, "release", member)
        running.until("let go", lambda: decisions(deployment).get(member, [""])[-1].startswith("release "))
        running.until("no member", lambda: all(member not in it.members for it in campaigns(deployment)))
        say(deployment, "release", largest.campaign_id)
        expected = f"release {largest.enforcement.sequence + 1}"
        running.until("released", lambda: decisions(deployment)[largest.campaign_id][-1] == expected)
        running.until_settled(deployment)
        (released,) = [it for it in campaigns(deployment) if it.campaign_id == largest.campaign_id]
        assert set(released.members) == set(largest.members) - {member}
        lessons = sum(value for name, value in running.metrics().items() if name.startswith("stillwatch_lessons_total"))
        assert lessons == 2
        assert running.drain() == 0


def test_what_is_no_verdict_is_a_dead_letter_byte_for_byte(
    deployment: Deployment, tmp_path: Path, strict: tuple[str, str]
) -> None:
    name = ACCOUNTS[0]
    home = key_partition(name, PARTITIONS)
    producer = KafkaProducer(bootstrap_servers=deployment.bootstrap_servers, acks="all")
    headers = [("trace", b"\x00\xff")]
    producer.send(deployment.topics.feedback, key=b"k\xff", value=b"\xff\x00", headers=headers, partition=home)
    producer.close(timeout=30)
    say(deployment, "release", name)
    with worker(deployment, tmp_path, *strict) as running:
        running.until_ready()
        until(running, deployment, {name: ["release 1"]})
        running.until("counted", lambda: running.metrics().get('stillwatch_dead_letters_total{reason="not_utf8"}') == 1)
        assert running.drain() == 0
    (letter,) = deployment.read(deployment.topics.dlq)
    assert (letter.key, letter.value, letter.headers[0]) == (b"k\xff", b"\xff\x00", headers[0])
    assert dict(letter.headers)["__connect.errors.topic"] == deployment.topics.feedback.encode()
