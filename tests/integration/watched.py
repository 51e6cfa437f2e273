"""A worker, an enforcer and a notifier that have all had something to do, and a Prometheus that watches them."""

import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import msgspec
from kafka import KafkaProducer
from msgspec import Struct
from msgspec.structs import replace

from agents.embedded.processes import LOOPBACK, choose_ports, wait_until
from agents.panels.prometheus import Prometheus
from agents.routing import key_partition
from streams.campaigns import Campaign
from streams.decisions import LIMITING
from streams.events import RequestEvent
from streams.feedback import Verdict, Word
from streams.fingerprint import Fingerprinter
from streams.learning import FEWEST_OF_EACH
from streams.scenarios import MONDAY_MS, simulate
from tests.integration.alertmanagers import alertmanager
from tests.integration.enforcers import Running, starting
from tests.integration.prometheus_server import prometheus
from tests.integration.worker_harness import Deployment, WorkerProcess, ingest, of_kind, worker

HOUR_MS = 3_600_000
REVIEWED, LATER = 24, 3
"""So many small campaigns reviewers speak of, and so many come after them: by then the model says something."""

POLICY = """
version = "watched"
[account]
prior = -2.0
throttle = { score = 0.60, families = 1, expires_hours = 6, requests = 4, tokens = 60000, window_minutes = 60 }
[campaign]
prior = -2.0
throttle = { score = 0.60, families = 2, expires_hours = 6, requests = 4, tokens = 60000, window_minutes = 60 }
challenge = { score = 0.98, families = 7, expires_hours = 12 } # however much is said of the relay, it is throttled
suspend = { score = 0.99, families = 7, expires_hours = 72 }
minimum_accounts = 3
alert_accounts = 3
[signals.new_account_at_maximum]
weight = 3.2
[signals.accounts_per_payment]
threshold = 3
"""


class Watched(Struct, frozen=True):
    """Where Prometheus is, and since when, in seconds since the epoch."""

    prometheus: str
    began_s: float


@contextmanager
def watched(deployment: Deployment, folder: Path) -> Iterator[Watched]:
    """All of it at work, on traffic of the last day that holds a relay, small campaigns and greedy accounts."""
    policy = folder / "policy.toml"
    policy.write_text(POLICY)
    began_s = time.time()
    with ExitStack() as stack:
        running = stack.enter_context(worker(deployment, folder, "--policy", str(policy)))
        (grpc,) = choose_ports((), 1)
        gate = stack.enter_context(
            starting(
                folder,
                deployment.prefix,
                *("--grpc", f"{LOOPBACK}:{grpc}"),
                KAFKA_BOOTSTRAP_SERVERS=deployment.bootstrap_servers,
                REDIS_URL=deployment.redis_url,
            )
        )
        told = stack.enter_context(alertmanager(folder))
        notifier = stack.enter_context(
            starting(
                folder,
                deployment.prefix,
                *("--alertmanager", told.url),
                command="notify",
                KAFKA_BOOTSTRAP_SERVERS=deployment.bootstrap_servers,
            )
        )
        running.until_ready()
        gate.becomes_ready()
        jobs = {
            "stillwatch-worker": running.port,
            "stillwatch-enforcer": gate.port,
            "stillwatch-notifier": notifier.port,
        }
        address = stack.enter_context(prometheus(folder, jobs))
        assert wait_until(partial(_is_scraped, address, len(jobs)), seconds=30)  # or a first event would be no rise
        _work(deployment, running, gate, round(began_s * 1000))
        yield Watched(address, began_s)


def _work(deployment: Deployment, running: WorkerProcess, gate: Running, now_ms: int) -> None:
    """Have campaigns caught and reviewed, and requests checked."""
    day_ago_ms = (now_ms - 25 * HOUR_MS) // HOUR_MS * HOUR_MS
    fingerprinter = Fingerprinter(b"the key of the dashboards' tests")
    relay = map(fingerprinter.event, simulate(["relay"], seed=7003, scale=0.1))
    ingest(deployment, [_later(event, day_ago_ms - MONDAY_MS) for event in relay])
    ingest(deployment, list(_small_campaigns(range(REVIEWED), now_ms - 6 * HOUR_MS)))
    running.until_settled(deployment)
    campaigns = _campaigns(deployment)
    assert len(campaigns) > REVIEWED, campaigns
    _review(deployment, running, campaigns, now_ms)
    ingest(deployment, list(_small_campaigns(range(REVIEWED, REVIEWED + LATER), now_ms - 3 * HOUR_MS)))
    running.until("asked", lambda: _sum(running, "stillwatch_campaign_probability_count") >= 1)
    limited = {it for campaign in campaigns if campaign.enforcement.action in LIMITING for it in campaign.members}
    assert limited, campaigns
    accounts = [*sorted(limited) * 8, *(f"innocent-{number}" for number in range(20))]

    def refused() -> bool:
        """Whether a limited account was not let through: as soon as the enforcer has read what was decided."""
        return {gate.answer(account) for account in accounts} != {"pass"}

    assert wait_until(refused, seconds=30)


def _review(deployment: Deployment, running: WorkerProcess, campaigns: list[Campaign], at_ms: int) -> None:
    """Have the model taught as many of each kind as it must have heard, and only then the lessons that it is asked of.

    Innocent are some of those that are not limited, for whoever is limited shall be seen at the gate.
    """
    innocent = [it for it in campaigns if it.enforcement.action not in LIMITING][: FEWEST_OF_EACH + 1]
    confirmed = [it for it in campaigns if it not in innocent]
    assert min(len(innocent), len(confirmed)) > FEWEST_OF_EACH, campaigns
    said = 0
    for few in (slice(FEWEST_OF_EACH), slice(FEWEST_OF_EACH, None)):
        words: tuple[tuple[Word, list[Campaign]], ...] = (("innocent", innocent[few]), ("confirmed", confirmed[few]))
        for word, spoken_of in words:
            said += len(spoken_of)
            for campaign in spoken_of:
                _say(deployment, campaign.campaign_id, word, at_ms)
        running.until("taught", lambda said=said: _sum(running, "stillwatch_lessons_total") >= said)  # type: ignore[misc]


def _is_scraped(address: str, jobs: int) -> bool:
    now_s = time.time()
    found = Prometheus(address).ask("sum(up)", start_s=now_s, end_s=now_s, step_s=1)
    return [value for it in found for _, value in it.points] == [jobs]


def _later(event: RequestEvent, by_ms: int) -> RequestEvent:
    """The same so much later: a scenario draws by the time of day, so one that begins now is another every hour."""
    born_ms = event.account_created_at_ms
    return replace(
        event,
        occurred_at_ms=event.occurred_at_ms + by_ms,
        account_created_at_ms=None if born_ms is None else born_ms + by_ms,
    )


def _small_campaigns(numbers: Iterable[int], start_ms: int) -> Iterator[RequestEvent]:
    """Four new accounts each that one instrument pays for, hour after hour, and that use more than they may."""
    for number in numbers:
        for turn in range(8):
            for account in range(4):
                yield RequestEvent(
                    event_id=f"{number}-{turn}-{account}",
                    occurred_at_ms=start_ms + turn * 20 * 60_000 + number,
                    account_id=f"small-{number}-{account}",
                    operation="chat",
                    request_model="m",
                    account_created_at_ms=start_ms - 24 * HOUR_MS,
                    payment_hash=f"payment-{number}",
                    plan_daily_tokens=1_000,
                    input_tokens=1_000,
                )


def _campaigns(deployment: Deployment) -> list[Campaign]:
    """Those that were decided about and that no other took in: of these a verdict teaches."""
    found: list[Campaign] = list(of_kind(deployment.states(), "campaigns", "campaign:").values())
    return sorted((it for it in found if it.decided and it.merged_into is None), key=lambda it: it.campaign_id)


def _say(deployment: Deployment, campaign_id: str, word: Word, at_ms: int) -> None:
    verdict = Verdict(
        subject_kind="campaign", subject_id=campaign_id, verdict=word, decided_at_ms=at_ms, reviewer="kim"
    )
    producer = KafkaProducer(bootstrap_servers=deployment.bootstrap_servers, acks="all")
    producer.send(
        deployment.topics.feedback,
        key=campaign_id.encode(),
        value=msgspec.json.encode(verdict),
        partition=key_partition(campaign_id, deployment.partitions),
    )
    producer.close(timeout=30)


def _sum(running: WorkerProcess, name: str) -> float:
    return sum(value for sample, value in running.metrics().items() if sample.partition("{")[0] == name)
