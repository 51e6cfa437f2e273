"""How fast an enforcer answers, and how soon a decision is in force: `python -m tests.benchmarks.enforcing`.

In process: checks by a gate that knows 100,000 limited accounts, 300 campaigns of 100 members and 300 templates with
wordings. And over a real Kafka and Redis: from handing a signed decision to a producer to its being in force in each of
two enforcers of this process, which follow the log, write the mirror and read it.
"""

import asyncio
import random
import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from aiokafka import AIOKafkaProducer
from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from agents import kafka_access
from agents.embedded import servers
from agents.enforcement.gate import Gate
from agents.enforcement.limiting import LocalLimiter, RedisLimiter
from agents.enforcement.metrics import EnforcementMetrics
from agents.enforcement.mirror import Mirror
from agents.enforcement.reading import Log
from agents.enforcement.service import Enforcer
from agents.keys import make_pair
from agents.signing import Signer
from agents.topics import create_topics, log_of_decisions
from streams.decisions import Decision, Limits, Wording
from streams.enforcement import Ask
from streams.events import SKETCH_ALPHABET
from streams.policy import DEFAULT_POLICY, Policy
from tests.agents.signing_setup import encoded
from tests.integration.enforcers import HOUR_MS, decided

ACCOUNTS, CAMPAIGNS, MEMBERS, TEMPLATES = 100_000, 300, 100, 300
CHECKS = 100_000
DECISIONS, A_SECOND = 1_000, 100
WORDS = 24
NO_BREAKER = {"accounts_per_hour": 10**7, "templates_per_hour": 10**7}


def main() -> None:
    """Print both tables."""
    in_process()
    asyncio.run(in_force())


def in_process() -> None:
    """Checks a second, and how long one takes."""
    draw = random.Random(1)
    gate = Gate(LocalLimiter(), policy(), EnforcementMetrics(CollectorRegistry()))
    for number in range(ACCOUNTS):
        gate.take(decided("suspend", f"limited-{number}"))
    for number in range(CAMPAIGNS):
        members = tuple(f"member-{number}-{member}" for member in range(MEMBERS))
        gate.take(decided("throttle", f"c-{number}", members=members, limits=Limits(10**6, 10**9, HOUR_MS)))
    for number in range(TEMPLATES):
        template = decided("suspend", f"template:{number}", subject_kind="network", wording=Wording(sketch(draw), 0.5))
        gate.take(template)
    gate.ready()
    asks: dict[str, Callable[[], Ask]] = {
        "an innocent, by account": lambda: Ask(f"innocent-{draw.randrange(10**6)}"),
        "an innocent, with template and sketch": lambda: Ask("innocent", f"{draw.randrange(10**9)}x", sketch(draw)),
        "a suspended account": lambda: Ask(f"limited-{draw.randrange(ACCOUNTS)}"),
        "a member of a throttled campaign": lambda: Ask(
            f"member-{draw.randrange(CAMPAIGNS)}-{draw.randrange(MEMBERS)}", tokens=100
        ),
        "a limited template": lambda: Ask("innocent", str(draw.randrange(TEMPLATES))),
    }
    print(f"{'check in process':42}{'checks/s':>10}{'p50 us':>9}{'p99 us':>9}")
    for name, ask in asks.items():
        questions = [ask() for _ in range(CHECKS)]
        took = [timed(gate, question) for question in questions]
        print(
            f"{name:42}{CHECKS / sum(took):>10,.0f}{percentile(took, 50) * 1e6:>9.1f}{percentile(took, 99) * 1e6:>9.1f}"
        )


def timed(gate: Gate, ask: Ask) -> float:
    """Seconds of one check."""
    began = time.perf_counter()
    gate.check_now(ask)
    return time.perf_counter() - began


async def in_force() -> None:
    """From the producer to being in force."""
    with TemporaryDirectory() as folder, servers.running(Path(folder)) as running:
        names = create_topics(running.bootstrap_servers, partitions=8, prefix="bench")
        key = Path(folder) / "keys" / "a.key"
        key.parent.mkdir()
        make_pair(key)
        connect = {"bootstrap_servers": running.bootstrap_servers, **kafka_access.client_arguments()}
        enforcers = [
            Enforcer(
                policy(),
                RedisLimiter(running.redis_url, prefix="bench"),
                CollectorRegistry(),
                log=Log(partial(log_of_decisions, running.bootstrap_servers, names), connect),
                mirror=Mirror(running.redis_url, "bench"),
                verify_keys=key.parent,
            )
            for _ in range(2)
        ]
        for it in enforcers:
            it.follow()
        producer = AIOKafkaProducer(**connect, enable_idempotence=True, acks="all", linger_ms=2)
        await producer.start()
        signer = Signer(key)
        waits: list[list[float]] = [[], []]
        await decide(producer, names.enforcement, signer, decided("suspend", "first"), enforcers, [[], []])
        for number in range(DECISIONS):
            began = time.perf_counter()
            await decide(producer, names.enforcement, signer, decided("suspend", f"a-{number}"), enforcers, waits)
            await asyncio.sleep(max(0.0, 1 / A_SECOND - (time.perf_counter() - began)))
        print(f"\n{'from the producer to being in force':42}{'decisions':>10}{'p50 ms':>9}{'p99 ms':>9}{'most ms':>9}")
        for number, took in enumerate(waits, start=1):
            told = f"{statistics.median(took) * 1e3:>9.1f}{percentile(took, 99) * 1e3:>9.1f}{max(took) * 1e3:>9.1f}"
            print(f"{f'enforcer {number} of 2':42}{len(took):>10,}{told}")
        await producer.stop()
        for it in enforcers:
            await it.close()


async def decide(
    producer: AIOKafkaProducer,
    topic: str,
    signer: Signer,
    decision: Decision,
    enforcers: Sequence[Enforcer],
    waits: Sequence[list[float]],
) -> None:
    """Produce a decision, and note how long each enforcer takes to have it in force."""
    key, value = encoded(decision)
    began = time.perf_counter()
    await producer.send(topic, key=key, value=value, headers=list(signer.headers("enforcement", key, value)))
    waiting = list(range(len(enforcers)))
    while waiting:
        await asyncio.sleep(0.0005)
        for number in waiting.copy():
            if enforcers[number].gate.latest("account", decision.subject_id):
                waits[number].append(time.perf_counter() - began)
                waiting.remove(number)


def policy() -> Policy:
    """The shipped one, whose breaker is not what is measured here."""
    return replace(DEFAULT_POLICY, enforcement=replace(DEFAULT_POLICY.enforcement, **NO_BREAKER))


def sketch(draw: random.Random) -> str:
    """A sketch of so many words."""
    return "".join(draw.choice(SKETCH_ALPHABET) + draw.choice(SKETCH_ALPHABET) for _ in range(WORDS))


def percentile(values: Sequence[float], share: int) -> float:
    """The value below which so many percent lie."""
    return statistics.quantiles(values, n=100)[share - 1]


if __name__ == "__main__":
    main()
