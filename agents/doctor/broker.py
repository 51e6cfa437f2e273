"""Kafka itself: who answers, how old it is, whether every partition has its copies; and the topics."""

from typing import Any

from kafka.errors import KafkaError
from msgspec import Struct

from agents.doctor.found import Found, ill, well
from agents.doctor.topics import differences
from agents.settings import Settings
from agents.topics import TopicError, TopicNames, asking, describe_topics, specs

OLDEST_KAFKA = (2, 8)
"""From here on a topic has an id, by which the worker notices that it was made again."""

NO_LEADER = -1
NAMED = 5
"""Partitions that a sentence names; of more it gives the number."""


class PartitionTold(Struct, frozen=True):
    """One partition of a topic as Kafka has it: its leader (-1: none), its copies and those of them that keep up."""

    topic: str
    number: int
    leader: int
    copies: int
    in_sync: int


class Cluster(Struct, frozen=True):
    """The brokers, the version that the oldest of them speaks, those that do not answer, and our partitions."""

    brokers: int
    version: tuple[int, ...]
    silent: tuple[str, ...]
    partitions: tuple[PartitionTold, ...]


def cluster_of(bootstrap_servers: str, names: TopicNames) -> Cluster:
    """What Kafka says of itself. Raises TopicError where none answers."""
    with asking(bootstrap_servers) as admin:
        brokers = admin.describe_cluster()["brokers"]
        versions, silent = [], []
        for broker in brokers:
            try:
                versions.append(tuple(admin.get_broker_version_data(broker["broker_id"]).broker_version))
            except (KafkaError, OSError):
                silent.append(f"{broker['broker_id']} at {broker['host']}:{broker['port']}")
        told = admin.describe_topics([spec.name for spec in specs(names)])
    return Cluster(len(brokers), min(versions, default=()), tuple(silent), tuple(_partitions(told)))


def _partitions(told: list[dict[str, Any]]) -> list[PartitionTold]:
    return [
        PartitionTold(
            topic["name"], it["partition_index"], it["leader_id"], len(it["replica_nodes"]), len(it["isr_nodes"])
        )
        for topic in told
        if not topic["error_code"]
        for it in topic["partitions"]
    ]


def look_at_brokers(settings: Settings) -> list[Found]:
    """What is to be said of Kafka itself. Raises TopicError where none answers."""
    return judge_cluster(cluster_of(settings.bootstrap_servers, TopicNames.under(settings.prefix)), settings)


def judge_cluster(cluster: Cluster, settings: Settings) -> list[Found]:
    """What is to be said of a Kafka that answered."""
    version = ".".join(map(str, cluster.version))
    found = [
        well(
            f"Kafka answers at {settings.bootstrap_servers}: {cluster.brokers} broker(s), "
            f"whose protocol is that of version {version}."
        )
    ]
    if cluster.version and cluster.version < OLDEST_KAFKA:
        oldest = ".".join(map(str, OLDEST_KAFKA))
        found[0] = ill(f"Kafka at {settings.bootstrap_servers} is version {version}; it must be {oldest} or newer.")
    found += [
        ill(
            f"Kafka's broker {broker} does not answer from here: start it, or let its advertised.listeners name an "
            "address that this machine reaches."
        )
        for broker in cluster.silent
    ]
    lost = [it for it in cluster.partitions if it.leader == NO_LEADER]
    if lost:
        found.append(
            ill(f"Nobody leads {_named(lost)}: nothing is read from or written to there until its broker is back.")
        )
    short = [it for it in cluster.partitions if it.leader != NO_LEADER and it.in_sync < it.copies]
    if short:
        found.append(
            ill(
                f"Fewer copies keep up than there should be of {_named(short)}: look for a broker that is down, slow "
                "or out of disk."
            )
        )
    alone = sorted({it.topic for it in cluster.partitions if it.copies == 1})
    if alone and cluster.brokers > 1:
        found.append(
            ill(
                f"There are {cluster.brokers} brokers and one copy of {', '.join(alone)}: one lost disk loses records; "
                "`kafka-reassign-partitions.sh` adds copies."
            )
        )
    return found


def _named(partitions: list[PartitionTold]) -> str:
    if len(partitions) > NAMED:
        return f"{len(partitions)} partitions, of {', '.join(sorted({it.topic for it in partitions}))}"
    return ", ".join(f"{it.topic} partition {it.number}" for it in partitions)


def look_at_kafka(settings: Settings) -> tuple[list[Found], int | None]:
    """What is to be said of Kafka and the topics, and how many partitions the requests have, if that is known."""
    names = TopicNames.under(settings.prefix)
    try:
        found = look_at_brokers(settings)
        described = describe_topics(settings.bootstrap_servers, names)
    except TopicError as error:
        return [ill(f"{str(error).rstrip('.')}.")], None
    of_requests = described.get(names.requests)
    partitions = None if of_requests is None else of_requests.partitions
    wrong = differences(names, described)
    if not wrong:
        found.append(well(f"The seven topics are as they should be, the requests in {partitions} partition(s)."))
    return found + [ill(sentence) for sentence in wrong], partitions
