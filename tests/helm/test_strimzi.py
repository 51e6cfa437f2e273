"""What Strimzi is asked to make is what the code has: the topics of agents/topics.py, the rights of kafka-acls.txt."""

import pytest

from agents.topics import TopicNames, specs
from tests.helm.rendering import EXAMPLES, NAMESPACE, Object, container_of, example, named, needs_helm, objects, pods
from tests.integration.secured_kafka import principals, table
from tests.integration.secured_redis import PREFIX

PRODUCTION = ("--values", str(EXAMPLES["production"]))


def of_kind(found: tuple[Object, ...], kind: str) -> list[Object]:
    return [it for it in found if it["kind"] == kind]


@needs_helm
@pytest.mark.parametrize(
    ("prefix", "partitions", "replication"), [("stillwatch", 8, 3), ("sw-eu.1", 64, 1), ("a", 1, 5)]
)
def test_topics_are_those_of_the_code(prefix: str, partitions: int, replication: int) -> None:
    chosen = f"kafka.prefix={prefix},kafka.partitions={partitions},kafka.replication={replication}"
    found = objects(*PRODUCTION, "--set", chosen, "--set", "worker.autoscaling.kind=none,worker.replicas=1")
    expected = {
        spec.name: {
            "topicName": spec.name,
            "partitions": spec.partitions,
            "replicas": replication,
            "config": spec.configs(replication),
        }
        for spec in specs(TopicNames.under(prefix), partitions=partitions)
    }
    topics = of_kind(found, "KafkaTopic")
    assert {it["metadata"]["name"]: it["spec"] for it in topics} == expected
    for it in topics:
        assert it["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
        assert it["metadata"]["labels"]["strimzi.io/cluster"] == "events"


@needs_helm
def test_users_may_what_the_table_says_and_nothing_else() -> None:
    chosen = f"kafka.prefix={PREFIX},kafka.group={PREFIX},normaliser.fromTopic=otlp_logs"
    users = of_kind(objects(*PRODUCTION, "--set", chosen), "KafkaUser")
    found = {
        (
            it["metadata"]["name"].removeprefix("stillwatch-"),
            operation,
            rule["resource"]["type"],
            rule["resource"]["name"],
            rule["resource"]["patternType"] == "prefix",
        )
        for it in users
        for rule in it["spec"]["authorization"]["acls"]
        for operation in rule["operations"]
        if rule["type"] == "allow"
    }
    assert found == {(it.principal, it.operation, it.kind, it.name, it.is_prefix) for it in table()}
    assert [it["metadata"]["name"] for it in users] == sorted(f"stillwatch-{it}" for it in principals())


@needs_helm
def test_a_normaliser_reads_the_topic_that_it_is_told_and_is_no_user_where_there_is_none() -> None:
    user = named(example("production"), "KafkaUser", "-normaliser")
    names = [rule["resource"]["name"] for rule in user["spec"]["authorization"]["acls"]]
    assert names == ["gateway_spans", "stillwatch-ingest", "stillwatch.requests"]
    without = objects(*PRODUCTION, "--set", "normaliser.enabled=false")
    assert "stillwatch-normaliser" not in {it["metadata"]["name"] for it in of_kind(without, "KafkaUser")}


@needs_helm
@pytest.mark.parametrize(("protocol", "kind"), [("SASL_SSL", "scram-sha-512"), ("SSL", "tls")])
def test_users_prove_who_they_are_as_the_pods_do(protocol: str, kind: str) -> None:
    found = objects(*PRODUCTION, "--set", f"kafka.securityProtocol={protocol}")
    assert {it["spec"]["authentication"]["type"] for it in of_kind(found, "KafkaUser")} == {kind}


@needs_helm
@pytest.mark.parametrize("protocol", ["SASL_SSL", "SSL"])
def test_each_pod_has_the_secret_that_strimzi_makes_of_a_user_and_is_that_user(protocol: str) -> None:
    found = objects(*PRODUCTION, "--set", f"kafka.securityProtocol={protocol}")
    users = {it["metadata"]["name"] for it in of_kind(found, "KafkaUser")}
    for name, pod in pods(found):
        volumes = {it["name"]: it for it in pod["spec"]["volumes"]}
        if name == "Pod stillwatch-test-enforcer":
            assert "kafka" not in volumes
            continue
        assert volumes["kafka"]["secret"]["secretName"] in users, name
        assert volumes["kafka-ca"]["secret"]["secretName"] == "events-cluster-ca-cert"
        told = {it["name"]: it.get("value") for it in container_of(pod)["env"]}
        if protocol == "SASL_SSL":
            assert told["KAFKA_SASL_USERNAME"] == volumes["kafka"]["secret"]["secretName"]
        else:
            keys = [it["key"] for it in volumes["kafka"]["secret"]["items"]]
            assert keys == ["user.crt", "user.key"]


@needs_helm
def test_objects_are_where_strimzis_cluster_is() -> None:
    there = objects(
        *PRODUCTION,
        *("--set", "strimzi.namespace=kafka,kafka.tls.caSecret=copied-ca"),
        *(
            option
            for user in ("worker", "enforcer", "normaliser", "oncall")
            for option in ("--set", f"kafka.users.{user}.existingSecret=copied-{user}")
        ),
    )
    strimzis = [it for it in there if it["apiVersion"].startswith("kafka.strimzi.io")]
    assert {it["metadata"]["namespace"] for it in strimzis} == {"kafka"}
    pod = named(there, "Deployment", "-worker")["spec"]["template"]
    told = {it["name"]: it.get("value") for it in container_of(pod)["env"]}
    assert told["KAFKA_BOOTSTRAP_SERVERS"] == "events-kafka-bootstrap.kafka.svc:9093"
    assert told["KAFKA_SASL_USERNAME"] == "stillwatch-worker"
    assert {it["metadata"]["namespace"] for it in of_kind(example("production"), "KafkaTopic")} == {NAMESPACE}


@needs_helm
def test_an_enforcer_that_changes_over_to_another_prefix_may_read_both() -> None:
    user = named(objects(*PRODUCTION, "--set", "enforcer.prefix=sw-24"), "KafkaUser", "-enforcer")
    rules = user["spec"]["authorization"]["acls"]
    assert [(rule["resource"]["name"], rule["operations"]) for rule in rules] == [
        ("stillwatch.enforcement", ["Read"]),
        ("sw-24.enforcement", ["Read"]),
    ]
