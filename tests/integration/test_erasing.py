"""`stillwatch erase` on real Kafka and Redis: where a name stands afterwards, also when all is built again."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient
from msgspec.structs import replace

from agents.routing import key_partition
from streams.accounts import AccountState
from streams.campaigns import Campaign
from streams.events import RequestEvent
from streams.fingerprint import Fingerprinter
from streams.scenarios import simulate
from streams.windows import DAY_MS
from tests.integration.worker_harness import Deployment, deployed, ingest, of_kind, worker

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow, pytest.mark.timeout(500)]
PARTITIONS = 4
KEEP_SECONDS = 29 * 24 * 3600


@pytest.fixture
def deployment(kafka_bootstrap: str, redis_url: str, topic_prefix: str) -> Deployment:
    return deployed(kafka_bootstrap, redis_url, topic_prefix, PARTITIONS)


@pytest.fixture(scope="module")
def relay() -> list[RequestEvent]:
    """A day of a relay of twenty accounts."""
    fingerprinter = Fingerprinter(b"the key of the tests of erasing")
    return [fingerprinter.event(record) for record in simulate(["relay"], seed=5, scale=0.1)]


def again(events: list[RequestEvent], days: int) -> Iterator[RequestEvent]:
    """The same requests so many days later."""
    for event in events:
        at_ms = event.occurred_at_ms + days * DAY_MS
        yield replace(event, event_id=f"{event.event_id}-{days}", occurred_at_ms=at_ms)


def standing(deployment: Deployment, name: str) -> set[str]:
    """The keys in Redis that are called by an account's name or have it in what they hold, without the prefix."""
    word, found = name.encode(), set()
    with redis.Redis.from_url(deployment.redis_url) as client:
        for key in client.scan_iter(match=f"{deployment.prefix}:*", count=5_000):
            if not key.endswith(b":outbox") and (word in key or word in (client.get(key) or b"")):
                found.add(key.decode().removeprefix(f"{deployment.prefix}:"))
                assert -1 != client.ttl(key) <= KEEP_SECONDS
    return found


REMEMBERED = {f"{{networks:{number}}}:shard" for number in range(PARTITIONS)} | {"{campaigns:0}:exempt"}
"""Where an erased account is remembered as erased."""


def test_an_erased_member_of_a_campaign_is_known_nowhere_also_when_all_is_built_again(
    deployment: Deployment, relay: list[RequestEvent], tmp_path: Path
) -> None:
    def campaigns() -> list[Campaign]:
        return list(of_kind(deployment.states(), "campaigns", "campaign:").values())

    with worker(deployment, tmp_path) as running:
        running.until_ready()
        ingest(deployment, relay)
        running.until_settled(deployment)
        largest = max(campaigns(), key=lambda it: len(it.members))
        name, *others = sorted(largest.members)
        known = standing(deployment, name)
        assert {key.partition(":")[0] for key in known} == {"{observe", "{networks", "{campaigns"}
        said = deployment.run("erase", name, "--reviewer", "kim")
        assert (said.returncode, said.stderr) == (0, ""), said.stdout
        assert said.stdout.startswith(f"{name}: the worker is told. Its windows and profile are forgotten at once, ")
        assert said.stdout.count("\n") == 9
        running.until("forgotten", lambda: name not in requests_of(deployment))
        running.until("no member", lambda: all(name not in it.members for it in campaigns()))
        ingest(deployment, list(again([it for it in relay if it.account_id != name], days=1)))
        running.until_settled(deployment)
        in_force = {f"{{observe:{key_partition(name, PARTITIONS)}}}:account:{name}"}
        running.until("known nowhere", lambda: is_forgotten(standing(deployment, name) - in_force))
        assert set(others) <= {name for it in campaigns() for name in it.members}
        before = accounts(deployment)
        running.kill()
    with redis.Redis.from_url(deployment.redis_url) as client:
        client.delete(*client.scan_iter(match=f"{deployment.prefix}:*"))
    with worker(deployment, tmp_path) as running:
        running.until_settled(deployment)
        running.until("as before", lambda: accounts(deployment) == before)
        # A link forgets it when it is used next, and the old uses may have been the last that were taken again.
        ingest(deployment, list(again([it for it in relay if it.account_id != name], days=2)))
        running.until_settled(deployment)
        running.until("known nowhere", lambda: is_forgotten(standing(deployment, name) - in_force))
        ingest(deployment, list(again([it for it in relay if it.account_id == name], days=3)))
        running.until_settled(deployment)
        assert accounts(deployment)[name].requests == sum(it.account_id == name for it in relay)
        assert running.drain() == 0


def is_forgotten(known: set[str]) -> bool:
    """Whether an account stands only where it is remembered as erased, and in campaigns that nothing touched since.

    Such a campaign only saw it, and forgets it when it is looked at next.
    """
    return all(key in REMEMBERED or key.startswith("{campaigns:0}:campaign:") for key in known)


def requests_of(deployment: Deployment) -> dict[str, int]:
    """How many requests are counted of each account, those without any left out."""
    return {name: state.requests for name, state in accounts(deployment).items() if state.requests}


def accounts(deployment: Deployment) -> dict[str, AccountState]:
    found = of_kind(deployment.states(), "observe", "account:")
    return {key.partition(":")[2]: state for (_, key), state in found.items()}


def test_what_will_not_go_is_told(deployment: Deployment, configured: Callable[[str, dict[str, str]], None]) -> None:
    configured(deployment.topics.requests, {"retention.ms": "-1"})
    said = deployment.run("erase", "acct-1", "--reviewer", "kim")
    assert (said.returncode, said.stderr) == (1, "")
    assert f"  {deployment.topics.requests}: never, for it is kept for ever\n" in said.stdout
    assert (
        f"WRONG  The topic {deployment.topics.feedback} is kept for less time than {deployment.topics.requests}: "
        in (said.stdout)
    )


@pytest.fixture
def configured(kafka_bootstrap: str) -> Callable[[str, dict[str, str]], None]:
    """Change settings of a topic."""

    def configured(topic: str, changes: dict[str, str]) -> None:
        with KafkaAdminClient(bootstrap_servers=kafka_bootstrap) as admin:
            admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, changes)])

    return configured
