"""Real arrival times, real sizes and real prompts through live Kafka and Redis: nobody is harmed, nothing is lost.

The traces are one hour of two services of Azure (Patel et al., Splitwise, ISCA 2024; CC BY 4.0), the prompts are what
real users typed; `../shared/data/README.md` names the sources. Neither has accounts, so those are made here: people at
home, and people in offices who share an address, a payment and an organisation.
"""

import csv
import gzip
import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from agents.topics import create_topics
from streams.accounts import AccountState
from streams.decisions import Decision
from streams.events import Message, RequestRecord
from streams.windows import SPANS
from tests.integration.worker_harness import REPOSITORY, Deployment, of_kind, worker

DATA = REPOSITORY.parent / "shared" / "data"
DAY_MS = 86_400_000
PEOPLE = {"conv": 300, "code": 120}
IN_OFFICES = 0.3
OFFICES = 12
BROWSERS = [f"Browser/{version}.0 ({system})" for version in range(118, 124) for system in ("Windows", "Mac", "Linux")]

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.redis,
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not DATA.is_dir(), reason=f"the real traces and prompts are not at {DATA}"),
]

Person = dict[str, Any]
Buckets = dict[int, tuple[int, int, int, int, int]]


def arrivals(name: str) -> Iterator[tuple[int, int, int]]:
    """(milliseconds since the epoch, input tokens, output tokens) of one trace, in its order."""
    with gzip.open(DATA / "traffic" / f"azure_{name}.csv.gz", "rt", encoding="utf-8", newline="") as lines:
        for line in csv.DictReader(lines):
            moment = datetime.fromisoformat(line["TIMESTAMP"][:26] + "+00:00")  # 7 digits are one more than it takes
            yield int(moment.timestamp() * 1000), int(line["ContextTokens"]), int(line["GeneratedTokens"])


def prompts(name: str) -> list[str]:
    with gzip.open(DATA / "prompts" / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line)["text"] for line in lines]


def person(service: str, number: int, chance: Random, now_ms: int) -> Person:
    """The fields that stay the same over one person's requests."""
    office = chance.randrange(OFFICES) if chance.random() < IN_OFFICES else None
    home = f"10.{chance.randrange(256)}.{chance.randrange(256)}.{chance.randrange(1, 255)}"
    return {
        "account_id": f"{service}-{number}",
        "account_created_at_ms": now_ms - chance.randrange(8, 700) * DAY_MS,
        "plan": "pro",
        "plan_daily_tokens": 2_000_000,
        "payment_hash": f"card-{service}-{number}" if office is None else f"invoice-{office}",
        "org_id": None if office is None else f"office-{office}",
        "client_address": home if office is None else f"192.0.{office}.1",
        "asn": chance.choice([64500, 64501, 64502]) if office is None else 64600 + office,
        "network_type": "residential" if office is None else "corporate",
        "user_agent": chance.choice(BROWSERS),
        "tls_fingerprint": f"ja4-{chance.randrange(8)}",
    }


def requests(now_ms: int) -> list[RequestRecord]:
    """All rows of both traces as records in order of time, the last of them a minute before `now_ms`."""
    chance = Random(20231116)
    chat = prompts("benign_intents") + prompts("benign_chat") + prompts("benign_hard_questions") * 4
    code = prompts("benign_chat")[-1053:] + prompts("benign_hard_questions")  # its last rows are programmers' questions
    texts = {"conv": chat, "code": code}
    rows = sorted((at_ms, service, given, made) for service in PEOPLE for at_ms, given, made in arrivals(service))
    shift_ms = now_ms - 60_000 - rows[-1][0]
    people = {
        service: [person(service, number, chance, now_ms) for number in range(count)]
        for service, count in PEOPLE.items()
    }
    weights = {service: [min(chance.paretovariate(1.5), 8.0) for _ in they] for service, they in people.items()}
    return [
        RequestRecord(
            event_id=f"real-{index}",
            occurred_at_ms=at_ms + shift_ms,
            operation="chat",
            request_model="large",
            messages=[Message("user", chance.choice(texts[service]))],
            input_tokens=given,
            output_tokens=made,
            finish_reason="stop",
            **chance.choices(people[service], weights[service])[0],
        )
        for index, (at_ms, service, given, made) in enumerate(rows)
    ]


def expected(records: list[RequestRecord]) -> dict[str, dict[str, Buckets]]:
    """Per account and resolution, what each bucket inside its window must count: straight from the rows."""
    own: dict[str, list[RequestRecord]] = defaultdict(list)
    for record in records:
        own[record.account_id].append(record)
    found: dict[str, dict[str, Buckets]] = {}
    for account, rows in own.items():
        newest = max(record.occurred_at_ms for record in rows)
        found[account] = {
            resolution: {
                bucket: (
                    sum(record.occurred_at_ms // width == bucket for record in rows),
                    sum(record.input_tokens for record in rows if record.occurred_at_ms // width == bucket),
                    sum(record.output_tokens for record in rows if record.occurred_at_ms // width == bucket),
                    0,
                    0,
                )
                for bucket in {record.occurred_at_ms // width for record in rows}
                if bucket > newest // width - kept
            }
            for resolution, (width, kept) in SPANS.items()
        }
    return found


def counted(deployment: Deployment) -> dict[str, dict[str, Buckets]]:
    """The same from Redis."""
    states: dict[tuple[int, str], AccountState] = of_kind(deployment.states(), "observe", "account:")
    found: dict[str, dict[str, Buckets]] = {}
    for (_, key), state in states.items():
        windows = state.windows
        found[key.partition(":")[2]] = {
            resolution: {
                bucket: (it.requests, it.input_tokens, it.output_tokens, it.errors, it.refusals)
                for bucket, it in windows.buckets(resolution).items()
                if bucket > windows.newest_ms // width - kept
            }
            for resolution, (width, kept) in SPANS.items()
        }
    return found


def test_an_hour_of_real_traffic_is_counted_exactly_and_harms_nobody(
    kafka_bootstrap: str,
    redis_url: str,
    topic_prefix: str,
    tmp_path: Path,
    record_property: Any,  # noqa: ANN401
) -> None:
    names = create_topics(kafka_bootstrap, partitions=4, prefix=topic_prefix)
    deployment = Deployment(kafka_bootstrap, redis_url, names, topic_prefix, 4)
    records = requests(time.time_ns() // 1_000_000)
    path = tmp_path / "real.jsonl"
    path.write_bytes(msgspec.json.Encoder().encode_lines(records))
    with worker(deployment, tmp_path) as running:
        running.until_ready()
        done = deployment.run("ingest", str(path), STILLWATCH_FINGERPRINT_KEY="the key of the real input")
        assert (done.returncode, done.stderr) == (0, f"{len(records)} events produced to {names.requests}\n")
        running.until("settled", deployment.settled, seconds=150)
        assert running.drain() == 0

    assert deployment.read(names.dlq) == []
    assert counted(deployment) == expected(records)
    decisions = [msgspec.json.decode(it.value, type=Decision) for it in deployment.read(names.enforcement)]
    actions = Counter(decision.action for decision in decisions)
    record_property("decisions", dict(actions))
    assert actions["suspend"] == 0, [decision for decision in decisions if decision.action == "suspend"]
    assert deployment.read(names.alerts) == []
