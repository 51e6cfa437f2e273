"""Who may do what in Kafka: whether there is an authorizer at all, and whether a part has the rights of its row."""

from typing import Any

from kafka.admin import (
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ResourcePatternFilter,
    ResourceType,
)
from kafka.errors import AuthorizationError, CoordinatorNotAvailableError, SecurityDisabledError

from agents.doctor.found import Found, ill, well
from agents.rights import IN_GROUP, KAFKA
from agents.settings import VERIFY_VARIABLE, Settings
from agents.topics import TopicError, TopicNames, asking

IMPLIED = {"Read": "Describe", "Write": "Describe", "Delete": "Describe", "Alter": "Describe"}
DANGEROUS = frozenset({"Read", "Write", "Create", "Delete", "Alter", "AlterConfigs"})
FILE = "deploy/kafka-acls.txt"


def look_at_authorizer(settings: Settings) -> tuple[list[Found], bool]:
    """Whether anybody may write decisions, and whether there is an authorizer that could forbid it.

    It is wrong where nobody checks decisions either: then whoever reaches Kafka suspends whom he likes.
    """
    decisions = TopicNames.under(settings.prefix).enforcement
    try:
        has_one = _has_authorizer(settings.bootstrap_servers, decisions)
    except TopicError as error:
        return [ill(f"Whether Kafka has an authorizer could not be seen: {error}.")], False
    if has_one:
        return [well("Kafka has an authorizer: who may do what is for its ACLs to say.")], True
    sentence = f"Kafka has no authorizer: whoever reaches it may write to {decisions}"
    if settings.verify_keys is not None:
        return [well(f"{sentence}; enforcers take only what is signed ({VERIFY_VARIABLE}).")], False
    return [
        ill(
            f"{sentence}, and no decision is checked: set {VERIFY_VARIABLE} (`stillwatch keys new`), or give Kafka "
            f"authorizer.class.name and the rules of {FILE}."
        )
    ], False


def _has_authorizer(bootstrap_servers: str, topic: str) -> bool:
    """Only a broker without one says so; who may not ask for rules is told that instead."""
    pattern = ResourcePatternFilter(ResourceType.TOPIC, topic, ACLResourcePatternType.MATCH)
    wanted = ACLFilter(None, None, ACLOperation.ANY, ACLPermissionType.ANY, pattern)
    with asking(bootstrap_servers) as admin:
        try:
            admin.describe_acls(wanted)
        except SecurityDisabledError:
            return False
        except AuthorizationError:
            return True
    return True


def look_at_kafka_rights(settings: Settings, part: str) -> list[Found]:
    """Whether whom the environment names has what `part` needs, and nothing that makes it dangerous beyond that."""
    names = TopicNames.under(settings.prefix)
    topics = [getattr(names, stage) for stage in names.__struct_fields__]
    try:
        with asking(settings.bootstrap_servers) as admin:
            told = {it["name"]: it.get("authorized_operations") or () for it in admin.describe_topics(topics)}
            in_group = part not in IN_GROUP or _may_join(admin, settings.group)
    except TopicError as error:
        return [ill(f"The rights of {part} in Kafka could not be seen: {error}.")]
    allowed = {name: {spoken(it) for it in operations} for name, operations in told.items()}
    needed = {getattr(names, stage): operations for stage, operations in KAFKA[part].items()}
    found = judge_rights(part, needed, allowed)
    if not in_group:
        rule = f"--allow-principal User:{part} --operation Read --group {settings.group}"
        found.append(ill(f"Kafka does not let {part} join the group {settings.group}: add `{rule}`."))
    return found or [well(f"Kafka lets {part} do what it needs, and nothing else that matters.")]


def judge_rights(part: str, needed: dict[str, frozenset[str]], allowed: dict[str, set[str]]) -> list[Found]:
    """What is missing, and what is too much; nothing where both are right."""
    found = []
    for topic, operations in needed.items():
        missing = sorted(operations - allowed.get(topic, set()))
        if missing:
            words = " ".join(f"--operation {it}" for it in missing)
            rule = f"--allow-principal User:{part} {words} --topic {topic}"
            found.append(ill(f"Kafka does not let {part} {' and '.join(missing)} {topic}: add `{rule}` ({FILE})."))
    for topic, granted in allowed.items():
        own = needed.get(topic, frozenset())
        more = sorted((granted - own - {IMPLIED[it] for it in own if it in IMPLIED}) & DANGEROUS)
        if more:
            found.append(
                ill(f"Kafka lets {part} {' and '.join(more)} {topic}, which it does not need: take that away ({FILE}).")
            )
    return found


def _may_join(admin: Any, group: str) -> bool:  # noqa: ANN401  kafka-python is untyped
    """Whether this user may read as a member; True where no group ever was and nobody can say."""
    try:
        told = admin.describe_groups([group])[group]
    except AuthorizationError:
        return False
    except CoordinatorNotAvailableError:
        return True
    return "READ" in (told["authorized_operations"] or ())


def spoken(operation: str) -> str:
    """DESCRIBE_CONFIGS -> DescribeConfigs, as kafka-acls.sh has it."""
    return "".join(word.capitalize() for word in operation.split("_"))
