"""Each part of Stillwatch as its own user of a real Kafka with authorizer: what it must do it can, and nothing else."""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
import redis
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import GroupAuthorizationFailedError, TopicAuthorizationFailedError
from kafka import KafkaConsumer, KafkaProducer
from kafka import TopicPartition as Place
from kafka.admin import KafkaAdminClient

from agents import topics
from agents.deadletters import Reason, Refusal, dead_letter
from agents.doctor.broker import look_at_kafka
from agents.doctor.kafka_rights import look_at_authorizer, look_at_kafka_rights
from agents.explaining.topic import decided
from agents.ingest import Ingest, IngestError
from agents.kafka_access import client_arguments
from agents.keys import make_pair
from agents.settings import Settings
from agents.signing import Verified, Verifier
from agents.topics import TopicError, TopicNames, create_topics, partitions_of, standing
from streams.decisions import Decision
from streams.events import RequestEvent
from streams.windows import DAY_MS, MINUTE_MS
from tests.certificates import Authority
from tests.integration.enforcers import enforcer
from tests.integration.secured_kafka import MECHANISMS, SecuredKafka, principals, secured_kafka, table
from tests.integration.secured_redis import PREFIX, SecuredRedis, secured_redis
from tests.integration.worker_harness import ONE_REASON_THROTTLES, Deployment, worker

pytestmark = pytest.mark.kafka
BEGAN_MS = time.time_ns() // 1_000_000 - 20 * MINUTE_MS
TOPICS = TopicNames.under(PREFIX)
ALL = tuple(getattr(TOPICS, name) for name in TOPICS.__struct_fields__)
IMPLIED = {"Read": "Describe", "Write": "Describe", "Delete": "Describe", "Alter": "Describe"}
As = Callable[[dict[str, str]], AbstractContextManager[None]]


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredKafka]:
    with secured_kafka(tmp_path_factory.mktemp("secured")) as found:
        yield found


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give a broker that does not answer six seconds instead of ten."""
    monkeypatch.setattr(topics, "ADMIN_TIMEOUT_MS", 6_000)


@pytest.fixture
def acting() -> As:
    """A block in which this process's environment is another's."""

    @contextmanager
    def acting(environment: dict[str, str]) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            yield

    return acting


def event(account: str, number: int) -> RequestEvent:
    """One of many requests of a new account that uses several times what its plan allows."""
    return RequestEvent(
        event_id=f"{account}-{number}",
        occurred_at_ms=BEGAN_MS + number * MINUTE_MS,
        account_id=account,
        operation="chat",
        request_model="m",
        account_created_at_ms=BEGAN_MS - DAY_MS,
        plan_daily_tokens=1_000,
        input_tokens=1_000,
    )


def put(bootstrap: str, topic: str, *events: RequestEvent) -> int:
    """Produce as `stillwatch ingest` does."""
    producer = Ingest(bootstrap, topic)
    try:
        return producer.put(events)
    finally:
        producer.close()


def put_letter(bootstrap: str, refused: RequestEvent) -> None:
    """A dead letter, as the worker writes it, that can be read all the same."""
    letter = dead_letter(
        Refusal(Reason.NOT_JSON, "The value is not JSON.", "DecodeError"),
        stage="observe",
        source=(TOPICS.requests, 0, 0),
        key=refused.account_id.encode(),
        value=msgspec.json.encode(refused),
    )
    with KafkaProducer(bootstrap_servers=bootstrap, acks="all", **client_arguments()) as producer:
        producer.send(TOPICS.dlq, key=letter.key, value=letter.value, headers=[*letter.headers]).get(timeout=30)


def told(operation: str) -> str:
    """DESCRIBE_CONFIGS -> DescribeConfigs."""
    return "".join(word.capitalize() for word in operation.split("_"))


@pytest.mark.parametrize("name", principals())
def test_a_principal_may_do_with_each_topic_what_the_table_says_and_nothing_else(
    secured: SecuredKafka, acting: As, name: str
) -> None:
    rules = [rule for rule in table() if rule.principal == name]
    expected = {topic: {rule.operation for rule in rules if rule.covers("topic", topic)} for topic in ALL}
    expected = {topic: allowed | {IMPLIED[it] for it in allowed & set(IMPLIED)} for topic, allowed in expected.items()}
    with (
        acting(secured.user(name)),
        KafkaAdminClient(bootstrap_servers=secured.sasl, **client_arguments()) as admin,
    ):
        found = {
            it["name"]: {told(operation) for operation in it.get("authorized_operations") or ()}
            for it in admin.describe_topics(list(ALL))
        }
    assert found == expected


@pytest.mark.parametrize("name", principals())
def test_doctor_says_whether_a_part_has_its_rights(secured: SecuredKafka, acting: As, name: str) -> None:
    settings = Settings(secured.sasl, "redis://unused/0", prefix=PREFIX, group=PREFIX)
    with acting(secured.user(name)):
        assert look_at_authorizer(settings)[1]
        assert [it.sentence for it in look_at_kafka_rights(settings, name) if not it.well] == []
        other = {"worker": "gateway", "gateway": "worker"}.get(name)
        said = [it.sentence for it in look_at_kafka_rights(settings, other) if not it.well] if other else []
    if name == "worker":
        assert f"Kafka does not let gateway Write {TOPICS.requests}: add `--allow-principal User:gateway " in said[0]
        assert any(it.startswith(f"Kafka lets gateway Write {TOPICS.enforcement}, which it does not") for it in said)
    elif name == "gateway":
        rule = f"--allow-principal User:worker --operation Read --operation Write --topic {TOPICS.links}"
        assert f"Kafka does not let worker Read and Write {TOPICS.links}: add `{rule}` (deploy/kafka-acls.txt)." in said
        rule = f"--allow-principal User:worker --operation Read --group {PREFIX}"
        assert said[-1] == f"Kafka does not let worker join the group {PREFIX}: add `{rule}`."


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_the_gateway_writes_requests_by_each_mechanism(secured: SecuredKafka, acting: As, mechanism: str) -> None:
    with acting(secured.user("gateway", mechanism)):
        assert put(secured.sasl, TOPICS.requests, event(mechanism, 1)) == 1


async def test_the_gateway_can_write_requests_and_nothing_else(secured: SecuredKafka, acting: As) -> None:
    with acting(secured.user("gateway")):
        async with AIOKafkaProducer(bootstrap_servers=secured.sasl, **client_arguments()) as producer:
            assert (await producer.send_and_wait(TOPICS.requests, b"no json", partition=1)).offset >= 0
            for topic in set(ALL) - {TOPICS.requests}:
                with pytest.raises(TopicAuthorizationFailedError):
                    await producer.send_and_wait(topic, b"{}", partition=0)
        await refused_to_read(secured, TOPICS.requests)  # the others it does not even see
        with pytest.raises(IngestError, match=rf"no topic {PREFIX}\.feedback"):
            put(secured.sasl, TOPICS.feedback, event("a", 1))
        with pytest.raises(TopicError, match=r"the topics could not be created|Kafka refused to create the topic"):
            create_topics(secured.sasl, prefix=f"{PREFIX}.more")


async def test_nobody_but_the_worker_can_write_a_decision_or_join_its_group(secured: SecuredKafka, acting: As) -> None:
    for name in set(principals()) - {"worker"}:
        with acting(secured.user(name)):
            async with AIOKafkaProducer(bootstrap_servers=secured.sasl, **client_arguments()) as producer:
                with pytest.raises(TopicAuthorizationFailedError):
                    await producer.send_and_wait(TOPICS.enforcement, b"{}", partition=0)
            consumer = AIOKafkaConsumer(bootstrap_servers=secured.sasl, group_id=PREFIX, **client_arguments())
            await consumer.start()
            try:
                with pytest.raises(GroupAuthorizationFailedError):
                    await consumer.committed(TopicPartition(TOPICS.enforcement, 0))
            finally:
                await consumer.stop()


async def test_the_reviewer_can_neither_read_requests_nor_what_others_said(secured: SecuredKafka, acting: As) -> None:
    with acting(secured.user("reviewer")):
        assert partitions_of(secured.sasl, TOPICS) == 2
        for topic in (TOPICS.requests, TOPICS.feedback):  # the others it does not even see
            await refused_to_read(secured, topic)


async def refused_to_read(secured: SecuredKafka, topic: str) -> None:
    """Ask for what is at the beginning of a topic, as whom the environment says."""
    place = TopicPartition(topic, 0)
    consumer = AIOKafkaConsumer(bootstrap_servers=secured.sasl, group_id=None, **client_arguments())
    await consumer.start()
    try:
        consumer.assign([place])
        consumer.seek(place, 0)
        with pytest.raises(TopicAuthorizationFailedError):
            await consumer.getmany(place, timeout_ms=10_000)
    finally:
        await consumer.stop()


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    "changes",
    [
        {"KAFKA_SASL_PASSWORD": "hunter2"},
        {"KAFKA_SASL_USERNAME": "nobody"},
        {"KAFKA_SASL_MECHANISM": "PLAIN", "KAFKA_SASL_PASSWORD": "hunter2"},
    ],
)
def test_a_wrong_password_is_one_sentence_without_it(
    secured: SecuredKafka, acting: As, changes: dict[str, str]
) -> None:
    environment = secured.user("worker") | changes
    name = environment["KAFKA_SASL_USERNAME"]
    told = f"^No Kafka answers at {secured.sasl} over SASL_SSL as {name} \\(it is the same"
    with acting(environment), pytest.raises(TopicError, match=told) as caught:
        partitions_of(secured.sasl, TOPICS)
    assert "hunter2" not in str(caught.value)
    assert "own word" not in str(caught.value)


@pytest.mark.usefixtures("impatient")
def test_a_broker_of_another_authority_or_of_another_name_is_not_spoken_to(
    secured: SecuredKafka, acting: As, tmp_path: Path
) -> None:
    stranger = Authority(tmp_path, "another authority")
    with (
        acting(secured.user("worker") | {"KAFKA_SSL_CAFILE": str(stranger.ca)}),
        pytest.raises(TopicError, match=r"^No Kafka answers at"),
    ):
        partitions_of(secured.sasl, TOPICS)
    by_name = secured.sasl.replace("127.0.0.1", "localhost")  # the certificate is for the address
    with acting(secured.user("worker")), pytest.raises(TopicError, match=r"^No Kafka answers at"):
        partitions_of(by_name, TOPICS)
    with acting(secured.user("worker", KAFKA_SSL_CHECK_HOSTNAME="false")):
        assert partitions_of(by_name, TOPICS) == 2


@pytest.mark.redis
@pytest.mark.timeout(400)
def test_a_worker_with_a_certificate_reads_and_commits(
    secured: SecuredKafka, acting: As, redis_url: str, tmp_path: Path
) -> None:
    deployment = Deployment(secured.inside, redis_url, TOPICS, PREFIX, partitions=2)
    with acting(secured.certified("gateway")):
        put(secured.mutual, TOPICS.requests, event("mutual", 2))
    with worker(deployment, tmp_path, environment=secured.certified("worker")) as running:
        running.until_ready()
        running.until_settled(deployment)
        running.until("committed", lambda: sum(deployment.committed().values()) > 0)
        assert running.drain() == 0
    with redis.Redis.from_url(redis_url) as client:
        client.delete(*client.scan_iter(match=f"{PREFIX}:*"))


@pytest.mark.usefixtures("impatient")
def test_a_certificate_is_a_user_too_and_one_is_needed(secured: SecuredKafka, acting: As, tmp_path: Path) -> None:
    with acting(secured.certified("gateway")):
        assert put(secured.mutual, TOPICS.requests, event("mutual", 1)) == 1
        with pytest.raises(TopicError, match=rf"no topic {PREFIX}\.enforcement"):
            list(decided(secured.mutual, TOPICS.enforcement))
    with acting(secured.certified("enforcer")):
        assert isinstance(list(decided(secured.mutual, TOPICS.enforcement)), list)
    none = {"KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_SSL_CAFILE": str(secured.authority.ca)}
    for environment in (none, secured.certified("gateway", Authority(tmp_path, "another authority"))):
        with acting(environment), pytest.raises(TopicError, match=r"^No Kafka answers at"):
            partitions_of(secured.mutual, TOPICS)


def test_the_installer_makes_the_topics_and_on_call_sees_whether_they_are_well(
    secured: SecuredKafka, acting: As
) -> None:
    with acting(secured.user("installer")):
        assert standing(secured.sasl, TopicNames.under(f"{PREFIX}.eu")) == ({}, 1)
        create_topics(secured.sasl, partitions=2, prefix=f"{PREFIX}.eu")
    with acting(secured.user("oncall")):
        found, partitions = look_at_kafka(Settings(secured.sasl, "redis://unused/0", prefix=f"{PREFIX}.eu"))
        assert (partitions, [one.sentence for one in found if not one.well]) == (2, [])
        assert list(decided(secured.sasl, f"{PREFIX}.eu.enforcement")) == []


@pytest.mark.redis
@pytest.mark.timeout(400)
def test_a_whole_deployment_works_with_each_part_as_its_own_user(
    secured: SecuredKafka, acting: As, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with secured_redis(tmp_path_factory.mktemp("redis")) as states:
        deployed_as_users(secured, states, acting, tmp_path)


def deployed_as_users(secured: SecuredKafka, states: SecuredRedis, acting: As, tmp_path: Path) -> None:
    deployment = Deployment(secured.inside, states.admin_url, TOPICS, PREFIX, partitions=2)
    name = make_pair(tmp_path / "decider.key")
    (tmp_path / "policy.toml").write_text(ONE_REASON_THROTTLES)
    of_worker = secured.user("worker") | states.user("worker", tmp_path)
    of_worker["STILLWATCH_SIGNING_KEY"] = str(tmp_path / "decider.key")
    with worker(deployment, tmp_path, "--policy", f"{tmp_path}/policy.toml", environment=of_worker) as running:
        running.until_ready()
        assert f"Decisions are signed with the key {name}." in running.log
        with acting(secured.user("gateway")):
            put(secured.sasl, TOPICS.requests, *(event("acct-1", number) for number in range(10)))
        running.until("decided", lambda: actions(secured, acting, tmp_path) == ["throttle"])
        enforced_as_users(secured, states, tmp_path)
        said = deployment.run("release", "acct-1", "--reviewer", "kim", **secured.user("reviewer"))
        assert (said.returncode, said.stderr) == (0, "")
        running.until("released", lambda: actions(secured, acting, tmp_path) == ["throttle", "release"])
        told = deployment.run("erase", "acct-3", "--reviewer", "kim", **secured.user("privacy"))
        assert (told.returncode, told.stderr, "if it is kept" in told.stdout) == (0, "", False), told.stdout
        told = deployment.run("erase", "acct-3", "--reviewer", "kim", **secured.user("reviewer"))
        assert (told.returncode, told.stderr) == (0, ""), told.stdout
        assert f"{TOPICS.alerts}: " in told.stdout
        assert told.stdout.endswith(", if it is kept as `stillwatch topics create` makes it\n")
        running.until_settled(deployment)
        running.until("committed", lambda: sum(deployment.committed().values()) >= 10)
        assert running.drain() == 0
        assert "own word" not in running.log
        assert "hunter2" not in running.log
        of_oncall = secured.user("oncall") | states.user("oncall", tmp_path)
        for command in (("explain", "acct-1"), ("state", "acct-1"), ("doctor",), ("dlq", "list")):
            told = deployment.run(*command, **of_oncall)
            assert (told.returncode, told.stderr) == (0, ""), told.stdout
        with acting(secured.user("worker")):
            put_letter(secured.sasl, event("acct-9", 1))
        told = deployment.run("dlq", "replay", **of_oncall)
        assert (told.returncode, told.stdout) == (2, "")
        told = deployment.run("dlq", "replay", **secured.user("replayer"))
        assert (told.stdout.splitlines()[0], told.stderr) == ("1 sent again, 0 before.", "")
    with states.admin() as client:
        denied = {(it["username"], it["object"]) for it in client.acl_log()}
    # redis-py says its name, where it may, and doctor asks whether Redis keeps anything on disk.
    assert {what for _, what in denied} <= {"client|setinfo", "config|get"}


def enforced_as_users(secured: SecuredKafka, states: SecuredRedis, folder: Path) -> None:
    """The throttle is in force at an enforcer, and at a gateway that knows it from the mirror alone."""
    (folder / "keys").mkdir()
    shutil.copy(folder / "decider.key.pub", folder / "keys")
    keys = {"STILLWATCH_VERIFY_KEYS": str(folder / "keys")}
    of_enforcer = secured.user("enforcer") | states.user("enforcer", folder) | keys
    with enforcer(folder, PREFIX, **of_enforcer) as one:
        assert one.check("acct-1")["subject_id"] == "acct-1"
        with enforcer(folder, PREFIX, **states.user("gateway", folder) | keys) as other:
            assert other.check("acct-1")["subject_id"] == "acct-1"
            assert "hunter2" not in other.log.read_text()
        assert one.check("acct-2").get("subject_id") is None
        assert "own word" not in one.log.read_text()


def actions(secured: SecuredKafka, acting: As, keys: Path) -> list[str]:
    """What the enforcer reads of the account, each signed by the decider."""
    checks = Verifier(keys)
    found: dict[str, Decision] = {}
    with acting(secured.user("enforcer")):
        for record in records(secured, TOPICS.enforcement):
            verified = checks.verify(record.key, record.value, record.headers)
            assert isinstance(verified, Verified), verified
            if verified.decision.subject_id == "acct-1":
                found[verified.decision.decision_id] = verified.decision
    return [it.action for it in sorted(found.values(), key=lambda it: it.sequence)]


def records(secured: SecuredKafka, topic: str) -> list[Any]:
    with KafkaConsumer(bootstrap_servers=secured.sasl, enable_auto_commit=False, **client_arguments()) as consumer:
        ends = consumer.end_offsets([Place(topic, number) for number in range(2)])
        consumer.assign(list(ends))
        consumer.seek_to_beginning()
        found: list[Any] = []
        while any(consumer.position(place) < end for place, end in ends.items()):
            found += [record for batch in consumer.poll(timeout_ms=500).values() for record in batch]
        return found
