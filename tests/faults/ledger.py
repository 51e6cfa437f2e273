"""What was counted, decided and refused, read back from real Redis and Kafka.

This is the only module of the suite that knows how states are stored.
"""

from collections import Counter
from collections.abc import Iterator

import msgspec
import redis

from agents.advance import Posted
from streams.accounts import account_of
from streams.decisions import Decision
from streams.networks import NetworkState
from streams.stages.networks_shard import NetworksShard
from streams.windows import Windows as StoredWindows
from tests.faults.balance import Found, Letter
from tests.faults.kafka_side import KafkaSide
from tests.faults.reference import Bucket, Counted, Windows, kept
from tests.integration.links_log import Buckets as LinkBuckets
from tests.integration.links_log import LinkUse, differing, since_shared, uses_once, windows_of
from tests.integration.stored_states import States, arrived, stages_of
from tests.integration.worker_harness import Deployment, WorkerProcess

AT_ONCE = 2_000
OK = 200
REFUSED = ("gap", "refused")
_link = msgspec.msgpack.Decoder(NetworkState)
_outbox = msgspec.msgpack.Decoder(tuple[Posted, ...])
_shard = msgspec.msgpack.Decoder(NetworksShard)


def account_windows(deployment: Deployment) -> Windows:
    """Every bucket of every account, as of its newest event."""
    return {key: _buckets(account_of(value).windows) for key, value in _states(deployment, "observe", "account:")}


def link_windows(deployment: Deployment, kafka: KafkaSide) -> tuple[Windows, list[str]]:
    """Every bucket of everything that accounts use, by `kind:value`, and a sentence for each that is not what it was.

    What one account holds alone has no windows of its own: those are made of the log of links here, every use once.
    What is shared has, from its second account on; where they are not what the log says, they are what counts.
    """
    uses = list(uses_once(kafka.read(deployment.topics.links)))
    by_link: dict[str, list[LinkUse]] = {}
    for use in uses:
        by_link.setdefault(use.link, []).append(use)
    windows = {name: _counted(windows_of(used)) for name, used in by_link.items()}
    states = {name: _link.decode(value) for name, value in _states(deployment, "networks", "link:")}
    wrong = differing(since_shared(uses), states)
    windows |= {name: _buckets(states[name].laid_out().windows) if name in states else {} for name in wrong}
    return windows, [f"the windows of {name} are not what the log of links says" for name in wrong]


def offsets(deployment: Deployment, stage: str) -> dict[int, int]:
    """The last offset that the states of each partition reflect; a partition without states is left out."""
    with redis.Redis.from_url(deployment.redis_url) as client:
        found = {it: client.get(_key(deployment, stage, it, "offset")) for it in range(deployment.partitions)}
    return {number: int(value) for number, value in found.items() if value is not None}


def decisions(deployment: Deployment, kafka: KafkaSide) -> tuple[list[Decision], list[str]]:
    """The distinct decisions, in the order of their topic, and a sentence for each rule that they break."""
    found: dict[str, bytes] = {}
    broken: list[str] = []
    for record in kafka.read(deployment.topics.enforcement):
        decision_id = msgspec.json.decode(record.value, type=Decision).decision_id
        if found.setdefault(decision_id, record.value) != record.value:
            broken.append(f"decision {decision_id} has two wordings")
    distinct = [msgspec.json.decode(value, type=Decision) for value in found.values()]
    sequences: dict[str, list[int]] = {}
    for it in distinct:
        sequences.setdefault(it.subject_id, []).append(it.sequence)
    broken += [
        f"the decisions about {subject} are numbered {sorted(numbers)}"
        for subject, numbers in sequences.items()
        if sorted(numbers) != list(range(1, len(numbers) + 1))
    ]
    named = Counter((it.subject_id, member) for it in distinct if it.campaign_id for member in it.members)
    broken += [
        f"{member} is named {count} times in {subject}" for (subject, member), count in named.items() if count > 1
    ]
    return distinct, broken


def refusals(worker: WorkerProcess) -> int:
    """How many writes of this worker the store refused because the place is another's, as its metrics say."""
    metrics = worker.metrics()
    return int(sum(metrics.get(f'stillwatch_redis_fence_answers_total{{answer="{it}"}}', 0) for it in REFUSED))


def is_degraded(worker: WorkerProcess) -> bool:
    """Whether the worker says that not all is well."""
    return any(worker.get(page)[0] != OK for page in ("/readyz", "/healthz"))


def repeats(worker: WorkerProcess) -> int:
    """How many records this worker was handed a second time and dropped, as its metrics say."""
    return int(sum(count for name, count in worker.metrics().items() if name.startswith("stillwatch_duplicates_total")))


def dead_letters(deployment: Deployment, kafka: KafkaSide) -> list[Letter]:
    """Every dead letter on the topic, repeats included."""
    return [
        Letter(
            int(dict(record.headers)["__connect.errors.partition"]),
            int(dict(record.headers)["__connect.errors.offset"]),
            record.key,
            record.value,
        )
        for record in kafka.read(deployment.topics.dlq)
    ]


def unsettled(deployment: Deployment, kafka: KafkaSide) -> str:
    """What of all that was produced has not had all its consequences yet, in words; empty if everything has."""
    topics = deployment.topics
    states: States = {}
    outboxes: dict[tuple[str, int], bytes] = {}
    with redis.Redis.from_url(deployment.redis_url, socket_timeout=5) as client:
        for stage, topic in (("observe", topics.requests), ("networks", topics.links), ("campaigns", topics.findings)):
            for number, end in kafka.ends(topic).items():
                keys = [_key(deployment, stage, number, name) for name in ("offset", "outbox", "shard")]
                offset, outbox, shard = client.mget(keys)
                if int(offset or -1) != end - 1:
                    return f"{stage}/{number} stands at offset {int(offset or -1)}, {topic} ends before {end}"
                outboxes[stage, number] = outbox or b""
                if shard is not None and stage == "networks":
                    states[stage, number] = {"shard": _shard.decode(shard)}
    for place, held in states.items():
        if held["shard"].open_links:
            return f"{place} has {len(held['shard'].open_links)} open links"
    campaigns = stages_of(deployment.partitions)["campaigns"]
    states["campaigns", 0] = {
        kind + name: campaigns.decode(kind + name, value)
        for kind in ("campaign:", "link:")
        for name, value in _states(deployment, "campaigns", kind)
    }
    for place, outbox in outboxes.items():
        if outbox and not all(arrived(posted, states) for posted in _outbox.decode(outbox)):
            return f"not all of the outbox of {place} has arrived"
    return ""


def found(deployment: Deployment, kafka: KafkaSide) -> Found:
    """Everything that was counted, decided and refused."""
    said, broken = decisions(deployment, kafka)
    links, wrong = link_windows(deployment, kafka)
    return Found(account_windows(deployment), links, said, broken + wrong, dead_letters(deployment, kafka))


def _buckets(windows: StoredWindows) -> dict[Bucket, Counted]:
    found = {
        (str(resolution), index): (it.requests, it.input_tokens, it.output_tokens, it.errors, it.refusals)
        for resolution, buckets in (("minutes", windows.minutes), ("hours", windows.hours), ("days", windows.days))
        for index, it in buckets.items()
    }
    return kept(found, windows.newest_ms)


def _counted(buckets: LinkBuckets) -> dict[Bucket, Counted]:
    return {
        bucket: (it.requests, it.input_tokens, it.output_tokens, it.errors, it.refusals)
        for bucket, it in buckets.items()
    }


def _states(deployment: Deployment, stage: str, kind: str) -> Iterator[tuple[str, bytes]]:
    """The stored states of one kind over all partitions, by what follows the kind in their key."""
    marker = f"}}:{kind}"
    with redis.Redis.from_url(deployment.redis_url) as client:
        names = list(client.scan_iter(match=f"{deployment.prefix}:{{{stage}:*{marker}*", count=AT_ONCE))
        for at in range(0, len(names), AT_ONCE):
            some = names[at : at + AT_ONCE]
            for name, value in zip(some, client.mget(some), strict=True):
                yield name.decode().partition(marker)[2], value


def _key(deployment: Deployment, stage: str, number: int, name: str) -> str:
    return f"{deployment.prefix}:{{{stage}:{number}}}:{name}"
