"""The topics: their names, how each is cut and kept, and their creation. Nothing else creates or changes a topic."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Self

from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient
from kafka.errors import KafkaError
from msgspec import Struct
from msgspec.structs import replace

from agents.environment import SettingsError
from agents.kafka_access import client_arguments, manner
from streams.windows import DAY_MS

REQUESTS = "stillwatch.requests"
LINKS = "stillwatch.links"
FINDINGS = "stillwatch.findings"
FEEDBACK = "stillwatch.feedback"
ENFORCEMENT = "stillwatch.enforcement"
ALERTS = "stillwatch.alerts"
DLQ = "stillwatch.dlq"

DEFAULT_PREFIX = "stillwatch"
DEFAULT_PARTITIONS = 8

MAX_STAGE_RECORD_BYTES = 4 * 1024 * 1024
"""The largest record one stage may hand to the next. A producer and a consumer need settings at least as large."""

MAX_VERDICT_BYTES = 16 * 1024
"""The largest batch of verdicts that the feedback takes. One verdict has at most 9 KiB, all of it escaped in JSON."""

FRAME_BYTES = 64 * 1024
"""Room for a batch's header, a record's key and its headers on top of the value."""

LARGEST_BATCH_BYTES = MAX_STAGE_RECORD_BYTES + FRAME_BYTES
"""The largest batch that a topic takes, so a producer sends, a consumer fetches and a broker copies."""

REPLAY_MS = 29 * DAY_MS
"""How long what windows are rebuilt from is kept: the longest window, 28 days, and the day that is not over."""

OUTCOME_MS = 90 * DAY_MS
"""How long decisions, alerts and dead letters are kept, for the person who looks into an appeal."""

TIMESTAMPS = "message.timestamp.type"
BROKERS_TIME = "LogAppendTime"
WRITERS_TIME = "CreateTime"

ADMIN_TIMEOUT_MS = 10_000
ALREADY_EXISTS = 36
"""Kafka's error code when a topic to create is there."""


class TopicError(Exception):
    """The topics cannot be made, or are not as they should be. Its text is one sentence."""


class TopicNames(Struct, frozen=True):
    """The names of the seven topics. A test isolates itself with a prefix of its own: `TopicNames.under("test-1")`."""

    requests: str = REQUESTS
    links: str = LINKS
    findings: str = FINDINGS
    feedback: str = FEEDBACK
    enforcement: str = ENFORCEMENT
    alerts: str = ALERTS
    dlq: str = DLQ

    @classmethod
    def under(cls, prefix: str) -> Self:
        """Name the topics `prefix`.requests and so on."""
        return cls(*(f"{prefix}.{stage}" for stage in cls.__struct_fields__))


class TopicSpec(Struct, frozen=True):
    """One topic: its name, its number of partitions, how long a record stays, and how large a batch may be."""

    name: str
    partitions: int
    retention_ms: int
    max_message_bytes: int = LARGEST_BATCH_BYTES
    timestamps: str = BROKERS_TIME

    def configs(self, replication: int) -> dict[str, str]:
        """Return the topic's settings in Kafka's words.

        A record's time is the moment the broker took it, for every topic: event times, which a client or a replayed
        log makes, then decide neither how long a record stays nor whether the broker refuses it. A copy of a log
        keeps the times of the log (`timestamps`), until gateways write to it.
        """
        return {
            "cleanup.policy": "delete",  # never compact: a campaign's decisions each carry only the members they add
            TIMESTAMPS: self.timestamps,
            "retention.ms": str(self.retention_ms),
            "max.message.bytes": str(self.max_message_bytes),
            "min.insync.replicas": str(max(1, replication - 1)),
        }


def specs(names: TopicNames, *, partitions: int = DEFAULT_PARTITIONS) -> tuple[TopicSpec, ...]:
    """Return the table of topics; `partitions` is how many ways accounts and links are shared out.

    Findings have one partition because campaigns are tied over all of them together. Feedback has as many as the
    requests, so that who reads an account's requests reads what reviewers say of it.
    """
    return (
        TopicSpec(names.requests, partitions, REPLAY_MS, max_message_bytes=1024 * 1024),
        TopicSpec(names.links, partitions, REPLAY_MS),
        TopicSpec(names.findings, 1, REPLAY_MS),
        TopicSpec(names.feedback, partitions, REPLAY_MS, max_message_bytes=MAX_VERDICT_BYTES),
        TopicSpec(names.enforcement, partitions, OUTCOME_MS),
        TopicSpec(names.alerts, 1, OUTCOME_MS),
        TopicSpec(names.dlq, 1, OUTCOME_MS),
    )


def create_topics(
    bootstrap_servers: str,
    *,
    partitions: int = DEFAULT_PARTITIONS,
    replication: int = 1,
    prefix: str = DEFAULT_PREFIX,
    for_copies: bool = False,
) -> TopicNames:
    """Create the topics that are missing, wait until each can be written to, and return their names.

    `for_copies`: the requests and the feedback take the writer's word for when a record was appended.

    A topic that exists stays as it is. Raises `TopicError` when no Kafka answers, when it refuses, and when an existing
    topic has another number of partitions than asked for: that would send an account to a partition without its past.
    """
    names = TopicNames.under(prefix)
    table = specs(names, partitions=partitions)
    if for_copies:
        copied = {names.requests, names.feedback}
        table = tuple(replace(it, timestamps=WRITERS_TIME) if it.name in copied else it for it in table)
    with asking(bootstrap_servers, "the topics could not be created") as admin:
        _create(admin, table, replication)
        admin.wait_for_topics([spec.name for spec in table], timeout_ms=ADMIN_TIMEOUT_MS)
        _check_partitions(admin, table)
    return names


@contextmanager
def asking(bootstrap_servers: str, failure: str = "No Kafka answers") -> Iterator[Any]:
    """Ask a cluster; what goes wrong is a `TopicError` that begins with `failure`."""
    try:
        with KafkaAdminClient(
            bootstrap_servers=bootstrap_servers.split(","),
            bootstrap_timeout_ms=ADMIN_TIMEOUT_MS,
            request_timeout_ms=ADMIN_TIMEOUT_MS,
            **client_arguments(),
        ) as admin:
            yield admin
    except SettingsError as error:
        raise TopicError(str(error)) from error
    except (KafkaError, OSError, ValueError) as error:
        raise TopicError(f"{failure} at {bootstrap_servers}{manner()}: {error}") from error


def _create(admin: Any, table: tuple[TopicSpec, ...], replication: int) -> None:  # noqa: ANN401 - kafka-python is untyped
    wanted = {
        spec.name: {
            "num_partitions": spec.partitions,
            "replication_factor": replication,
            "configs": spec.configs(replication),
        }
        for spec in table
    }
    for answer in admin.create_topics(wanted, raise_errors=False)["topics"]:
        if answer["error_code"] not in {0, ALREADY_EXISTS}:
            raise TopicError(f"Kafka refused to create the topic {answer['name']}: {answer['error_message']}")


def _check_partitions(admin: Any, table: tuple[TopicSpec, ...]) -> None:  # noqa: ANN401
    present = {it["name"]: len(it["partitions"]) for it in admin.describe_topics([spec.name for spec in table])}
    for spec in table:
        if present[spec.name] != spec.partitions:
            raise TopicError(
                f"the topic {spec.name} has {present[spec.name]} partition(s), not {spec.partitions}: "
                f"ask for {present[spec.name]}, or start anew under another prefix or in another folder"
            )


def standing(bootstrap_servers: str, names: TopicNames) -> tuple[dict[str, int], int]:
    """Those of our topics that exist, with their partitions, and how many brokers there are. Raises `TopicError`."""
    with asking(bootstrap_servers) as admin:
        found = {name: len(partitions) for name, partitions in _existing(admin, names).items()}
        return found, len(admin.describe_cluster()["brokers"])


def _existing(admin: Any, names: TopicNames) -> dict[str, list[dict[str, Any]]]:  # noqa: ANN401
    """The partitions of those of our topics that exist, as Kafka describes them."""
    described = admin.describe_topics([spec.name for spec in specs(names)])
    return {it["name"]: it["partitions"] for it in described if not it["error_code"]}


def partitions_of(bootstrap_servers: str, names: TopicNames) -> int:
    """How many partitions the requests have. Raises `TopicError` when no Kafka answers or the topic is missing."""
    return _partitions(bootstrap_servers, names.requests.removesuffix(".requests"), [names.requests])[0]


def feedback_partitions(bootstrap_servers: str, names: TopicNames) -> int:
    """How many partitions the feedback has: as many as the requests. Raises `TopicError` as `partitions_of`."""
    topics = [names.requests, names.feedback]
    requests, feedback = _partitions(bootstrap_servers, names.requests.removesuffix(".requests"), topics)
    if feedback != requests:
        raise TopicError(
            f"the topic {names.feedback} has {feedback} partition(s), {names.requests} has {requests}: "
            f"what is said of an account would not reach it"
        )
    return feedback


def feedback_log(bootstrap_servers: str, names: TopicNames, partitions: int) -> str:
    """The id of the log of the feedback. Raises `TopicError` also where it has not so many partitions."""
    found = feedback_partitions(bootstrap_servers, names)
    if found != partitions:
        raise TopicError(
            f"the topic {names.feedback} has {found} partition(s), not {partitions}: start the worker anew"
        )
    return log_ids(bootstrap_servers, [names.feedback])[names.feedback]


class LogOfDecisions(Struct, frozen=True):
    """The log of decisions as it is now: its topic, the id that Kafka gave it, and its partitions."""

    topic: str
    log_id: str
    partitions: int


def log_of_decisions(bootstrap_servers: str, names: TopicNames) -> LogOfDecisions:
    """What Kafka says of it. Raises `TopicError` as `partitions_of`."""
    topic = names.enforcement
    (partitions,) = _partitions(bootstrap_servers, topic.removesuffix(".enforcement"), [topic])
    return LogOfDecisions(topic, log_ids(bootstrap_servers, [topic])[topic], partitions)


def _partitions(bootstrap_servers: str, prefix: str, topics: list[str]) -> list[int]:
    with asking(bootstrap_servers) as admin:
        found = {it["name"]: len(it["partitions"]) for it in admin.describe_topics(topics)}
    for topic in topics:
        if not found.get(topic):
            raise TopicError(
                f"Kafka at {bootstrap_servers} has no topic {topic}: "
                f"`stillwatch topics create --prefix {prefix}` creates the topics."
            )
    return [found[topic] for topic in topics]


def log_ids(bootstrap_servers: str, topics: Iterable[str]) -> dict[str, str]:
    """The id that Kafka gave each topic when it was made, by name; a topic that is missing is left out.

    Raises `TopicError` when no Kafka answers.
    """
    with asking(bootstrap_servers) as admin:
        return {it["name"]: it["topic_id"] for it in admin.describe_topics(list(topics)) if not it["error_code"]}


def end_copy(bootstrap_servers: str, names: TopicNames) -> None:
    """Have the broker's clock say when a record was appended, from now on. Raises `TopicError`."""
    topics = (names.requests, names.feedback)
    with asking(bootstrap_servers, "The settings of the topics could not be changed") as admin:
        changes = [ConfigResource(ConfigResourceType.TOPIC, it, {TIMESTAMPS: BROKERS_TIME}) for it in topics]
        answers = admin.alter_configs(changes)["topic"]  # a refusal is an answer here, and raises nothing
    for topic in topics:
        if answers[topic] != "OK":
            raise TopicError(f"Kafka refused to set {TIMESTAMPS}={BROKERS_TIME} for {topic}: {answers[topic]}")


class Described(Struct, frozen=True):
    """A topic as Kafka has it: partitions, copies of each, and all its settings in Kafka's words.

    There are none where we may not see them (DescribeConfigs).
    """

    partitions: int
    replication: int
    configs: dict[str, str]


def describe_topics(bootstrap_servers: str, names: TopicNames) -> dict[str, Described]:
    """Those of our topics that exist, by name. Raises `TopicError` when no Kafka answers."""
    with asking(bootstrap_servers) as admin:
        found = _existing(admin, names)
        resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in found]
        settings = admin.describe_configs(resources, config_filter="all")["topic"] if found else {}
        return {
            name: Described(
                len(partitions),
                min(len(it["replica_nodes"]) for it in partitions),
                {key: str(it["value"]) for key, it in settings[name].items()},
            )
            for name, partitions in found.items()
        }
