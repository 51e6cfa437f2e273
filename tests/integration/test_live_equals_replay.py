"""What the worker makes of a log on real Kafka and Redis is what `replay` makes of it in one process.

However the log was cut into batches, whoever was killed meanwhile: the same account states, the same account
decisions byte for byte, each use of a link once, windows of what is shared that are what the log of links says,
campaigns of the same members and action.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from functools import partial
from heapq import merge
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import Struct

from agents.cli.config import read_policy
from agents.replay import Replay
from agents.store.memory import MemoryStore
from agents.topics import TopicNames
from streams.capabilities import POSITION
from streams.decisions import Decision
from streams.events import RequestEvent
from streams.fingerprint import Fingerprinter
from streams.networks import NetworkState
from streams.scenarios import simulate
from streams.windows import MINUTE_MS
from tests.integration.links_log import differing, since_shared, uses_once
from tests.integration.stored_states import States, campaigns_of, decoded, stages_of
from tests.integration.worker_harness import (
    Deployment,
    WorkerProcess,
    ingest,
    of_kind,
    worker,
)
from tests.streams.reference_links import links_of

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow, pytest.mark.timeout(300)]

PARTITIONS = 4
CAST = {"ordinary": 0.05, "relay": 0.2, "classroom": 0.2, "campus_nat": 0.2}
RELAY_ACCOUNTS = 40
POLICY = Path(__file__).with_name("jumpy_policy.toml")

StartWorker = Callable[..., AbstractContextManager[WorkerProcess]]


class Expected(Struct, frozen=True):
    """What replay makes of the events, and the uses of links that they speak of."""

    states: States
    account_decisions: frozenset[bytes]
    uses: Mapping[tuple[Any, ...], int]


@pytest.fixture(scope="session")
def small_world() -> list[RequestEvent]:
    """One day of ordinary customers, a relay and two look-alikes, without text."""
    fingerprinter = Fingerprinter(b"the key of live equals replay")
    records = merge(
        *(simulate([name], seed=3, scale=scale) for name, scale in CAST.items()),
        key=lambda record: record.occurred_at_ms,
    )
    return [fingerprinter.event(record) for record in records]


@pytest.fixture(scope="session")
def expected(small_world: list[RequestEvent]) -> Expected:
    _, policy = read_policy(POLICY)
    replay = Replay(policy, partitions=PARTITIONS)
    emitted = asyncio.run(replay.run(small_world))
    decisions = frozenset(it.value for it in emitted if it.topic == "enforcement" and is_about_account(it.value))
    return Expected(states_in(replay.store), decisions, uses_of(small_world))


@pytest.fixture
def deployment(kafka_bootstrap: str, redis_url: str, topics: TopicNames, topic_prefix: str) -> Deployment:
    return Deployment(kafka_bootstrap, redis_url, topics, topic_prefix, PARTITIONS)


@pytest.fixture
def start(deployment: Deployment, tmp_path: Path) -> StartWorker:
    return partial(worker, deployment, tmp_path, "--policy", str(POLICY))


def is_about_account(value: bytes) -> bool:
    return msgspec.json.decode(value, type=Decision).subject_kind == "account"


def states_in(store: MemoryStore) -> States:
    stages = stages_of(PARTITIONS)
    return {
        (place.stage, place.partition): {
            key: decoded(stages[place.stage], key, bytes(value)) for key, value in held.values.items()
        }
        for place, held in store._places.items()  # noqa: SLF001  there is no other reader of everything
        if held.values
    }


def assert_same(deployment: Deployment, expected: Expected) -> None:
    """Compare all that was promised to be equal."""
    states = deployment.states()
    for place in expected.states:
        if place[0] == "observe":
            found = {key: state for key, state in states[place].items() if key not in {"offset", "outbox"}}
            assert found == expected.states[place], place
    uses = list(uses_once(deployment.read(deployment.topics.links)))
    assert Counter((use.link, use.at_ms, use.counts, use.capability) for use in uses) == expected.uses
    assert differing(since_shared(uses), shared_links(states)) == []
    assert campaigns_of(states) == campaigns_of(expected.states)
    values = [record.value for record in deployment.read(deployment.topics.enforcement)]
    assert {value for value in values if is_about_account(value)} == expected.account_decisions
    assert_each_decision_once(values)
    assert deployment.read(deployment.topics.dlq) == []


def shared_links(states: States) -> dict[str, NetworkState]:
    """What is stored about each shared link, by its name."""
    return {key.removeprefix("link:"): link for (_, key), link in of_kind(states, "networks", "link:").items()}


def uses_of(events: Iterable[RequestEvent]) -> Counter[tuple[Any, ...]]:
    """Each use of a link that the events speak of, in no order: what must leave, whoever reads it when."""
    return Counter(
        (
            f"{kind}:{value}",
            event.occurred_at_ms // MINUTE_MS * MINUTE_MS,
            (
                1,
                event.input_tokens,
                event.output_tokens,
                int(event.status_code >= 400),
                int(event.finish_reason == "refusal"),
            ),
            POSITION[event.capability],
        )
        for event in events
        for kind, value in links_of(event)
    )


def assert_each_decision_once(values: list[bytes]) -> None:
    """A decision may be sent again, the same bytes under the same id; its sequence goes up by one otherwise."""
    by_id: dict[str, set[bytes]] = {}
    for value in values:
        by_id.setdefault(msgspec.json.decode(value, type=Decision).decision_id, set()).add(value)
    assert all(len(versions) == 1 for versions in by_id.values())
    decisions = [msgspec.json.decode(next(iter(versions)), type=Decision) for versions in by_id.values()]
    sequences: dict[str, list[int]] = {}
    for decision in decisions:
        sequences.setdefault(decision.subject_id, []).append(decision.sequence)
    assert all(sorted(found) == list(range(1, len(found) + 1)) for found in sequences.values())
    named = Counter(
        (decision.subject_id, member) for decision in decisions if decision.campaign_id for member in decision.members
    )
    assert not [member for member, count in named.items() if count > 1]


def test_replay_finds_the_relay_in_this_world(small_world: list[RequestEvent], expected: Expected) -> None:
    assert 15_000 < len(small_world) < 25_000
    assert expected.account_decisions
    assert any(len(members) >= RELAY_ACCOUNTS for members in campaigns_of(expected.states))


@pytest.mark.parametrize("batch_records", [2_000, 37])
def test_live_equals_replay_whatever_the_batches(
    small_world: list[RequestEvent],
    expected: Expected,
    deployment: Deployment,
    start: StartWorker,
    batch_records: int,
) -> None:
    with start(environment={"STILLWATCH_BATCH_RECORDS": str(batch_records)}) as live:
        live.until_ready()
        ingest(deployment, small_world)
        live.until_settled(deployment)
        assert live.drain() == 0
    assert_same(deployment, expected)


def test_two_workers_and_a_kill_in_the_middle_lose_nothing_and_count_nothing_twice(
    small_world: list[RequestEvent], expected: Expected, deployment: Deployment, start: StartWorker
) -> None:
    with start() as first, start() as second:
        for each in (first, second):
            each.until_ready()
        ingest(deployment, small_world)
        first.until("half way", lambda: half_way(deployment, len(small_world)))
        first.kill()
        with start() as third:
            third.until_settled(deployment)
            assert third.drain() == 0
        assert second.drain() == 0
    assert_same(deployment, expected)


def half_way(deployment: Deployment, records: int) -> bool:
    done: int = sum(of_kind(deployment.states(), "observe", "offset").values()) + PARTITIONS
    return done > records / 3
