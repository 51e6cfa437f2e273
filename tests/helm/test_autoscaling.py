"""How many workers there are, and how one version follows another: never more than there are partitions."""

import pytest

from tests.helm.rendering import EXAMPLES, Object, example, named, needs_helm, objects

PRODUCTION = ("--values", str(EXAMPLES["production"]))
HPA = ("--values", str(EXAMPLES["hpa"]))


@needs_helm
def test_keda_asks_for_the_lag_of_both_topics_that_are_shared_out() -> None:
    scaled = named(example("production"), "ScaledObject", "-worker")["spec"]
    assert (scaled["scaleTargetRef"], scaled["minReplicaCount"], scaled["maxReplicaCount"]) == (
        {"name": "stillwatch-worker", "envSourceContainerName": "worker"},
        3,
        24,
    )
    assert [trigger["metadata"]["topic"] for trigger in scaled["triggers"]] == [
        "stillwatch.requests",
        "stillwatch.links",
    ]
    assert scaled["triggers"][0] == {
        "type": "kafka",
        "name": "requests",
        "metricType": "AverageValue",
        "metadata": {
            "bootstrapServers": "events-kafka-bootstrap.detect.svc:9093",
            "consumerGroup": "stillwatch",
            "topic": "stillwatch.requests",
            "lagThreshold": "50000",
            "offsetResetPolicy": "earliest",
            "allowIdleConsumers": "false",
            "version": "2.8.0",
            "sasl": "scram_sha512",
            "tls": "enable",
        },
        "authenticationRef": {"name": "stillwatch-worker"},
    }


@needs_helm
@pytest.mark.parametrize(
    ("agents", "topics"),
    [
        ("observe,networks,campaigns", ["requests", "links"]),
        ("observe", ["requests"]),
        ("networks,campaigns", ["links"]),
        ("campaigns", ["findings"]),
    ],
)
def test_keda_looks_at_what_the_agents_read(agents: str, topics: list[str]) -> None:
    found = objects(*PRODUCTION, "--set", f"worker.agents={{{agents}}}")
    triggers = named(found, "ScaledObject", "-worker")["spec"]["triggers"]
    assert [it["metadata"]["topic"] for it in triggers] == [f"stillwatch.{it}" for it in topics]


@needs_helm
def test_keda_is_the_worker_in_kafka() -> None:
    spec = named(example("production"), "TriggerAuthentication", "-worker")["spec"]
    assert spec == {
        "env": [{"parameter": "username", "name": "KAFKA_SASL_USERNAME", "containerName": "worker"}],
        "secretTargetRef": [
            {"parameter": "password", "name": "stillwatch-worker", "key": "password"},
            {"parameter": "ca", "name": "events-cluster-ca-cert", "key": "ca.crt"},
        ],
    }


@needs_helm
@pytest.mark.parametrize(
    ("mechanism", "word"),
    [("PLAIN", "plaintext"), ("SCRAM-SHA-256", "scram_sha256"), ("SCRAM-SHA-512", "scram_sha512")],
)
def test_keda_has_its_own_words_for_how_a_password_is_proven(mechanism: str, word: str) -> None:
    options = ("--set", f"kafka.saslMechanism={mechanism},worker.autoscaling.kind=keda")
    scaled = named(objects("--values", str(EXAMPLES["external-kafka"]), *options), "ScaledObject", "-worker")
    assert scaled["spec"]["triggers"][0]["metadata"]["sasl"] == word


@needs_helm
def test_keda_proves_with_a_certificate_who_it_is_where_workers_do() -> None:
    found = objects(*HPA, "--set", "worker.autoscaling.kind=keda")
    spec = named(found, "TriggerAuthentication", "-worker")["spec"]
    assert spec == {
        "secretTargetRef": [
            {"parameter": "ca", "name": "kafka-ca", "key": "ca.crt"},
            {"parameter": "cert", "name": "kafka-worker", "key": "user.crt"},
            {"parameter": "key", "name": "kafka-worker", "key": "user.key"},
        ]
    }
    metadata = named(found, "ScaledObject", "-worker")["spec"]["triggers"][0]["metadata"]
    assert (metadata["tls"], metadata.get("sasl")) == ("enable", None)


@needs_helm
def test_keda_needs_nothing_for_a_kafka_in_the_open() -> None:
    found = objects("--values", str(EXAMPLES["minimal"]), "--set", "worker.autoscaling.kind=keda")
    assert [it for it in found if it["kind"] == "TriggerAuthentication"] == []
    (first, _) = named(found, "ScaledObject", "-worker")["spec"]["triggers"]
    assert "authenticationRef" not in first
    assert named(found, "ScaledObject", "-worker")["spec"]["maxReplicaCount"] == 8  # as many as there are partitions


@needs_helm
def test_an_hpa_follows_the_external_metric() -> None:
    spec = named(example("hpa"), "HorizontalPodAutoscaler", "-worker")["spec"]
    assert (spec["minReplicas"], spec["maxReplicas"]) == (2, 12)
    assert spec["metrics"] == [
        {
            "type": "External",
            "external": {
                "metric": {
                    "name": "stillwatch_lag_records",
                    "selector": {"matchLabels": {"topic": "stillwatch.requests"}},
                },
                "target": {"type": "AverageValue", "averageValue": "100000"},
            },
        }
    ]


@needs_helm
@pytest.mark.parametrize(
    ("options", "kind", "count"), [(PRODUCTION, "ScaledObject", None), (HPA, "HorizontalPodAutoscaler", None)]
)
def test_who_is_scaled_has_no_number_of_its_own(options: tuple[str, ...], kind: str, count: int | None) -> None:
    found = objects(*options)
    assert named(found, "Deployment", "-worker")["spec"].get("replicas") is count
    assert [it["kind"] for it in found if it["metadata"]["name"].endswith("-worker") and it["kind"] == kind] == [kind]
    fixed = objects(*options, "--set", "worker.autoscaling.kind=none,worker.replicas=5")
    assert named(fixed, "Deployment", "-worker")["spec"]["replicas"] == 5
    assert not [it for it in fixed if it["kind"] == kind and it["metadata"]["name"].endswith("-worker")]


@needs_helm
def test_workers_are_added_in_steps_and_taken_away_slowly_one_by_one() -> None:
    def behavior(it: Object) -> object:
        advanced = it["spec"].get("advanced", {}).get("horizontalPodAutoscalerConfig", it["spec"])
        return advanced["behavior"]

    keda = behavior(named(example("production"), "ScaledObject", "-worker"))
    assert keda == behavior(named(example("hpa"), "HorizontalPodAutoscaler", "-worker"))
    assert keda == {
        "scaleUp": {
            "stabilizationWindowSeconds": 60,
            "policies": [
                {"type": "Percent", "value": 100, "periodSeconds": 120},
                {"type": "Pods", "value": 2, "periodSeconds": 120},
            ],
            "selectPolicy": "Max",
        },
        "scaleDown": {
            "stabilizationWindowSeconds": 900,
            "policies": [{"type": "Pods", "value": 1, "periodSeconds": 300}],
        },
    }


@needs_helm
@pytest.mark.parametrize("name", ["minimal", "production", "hpa", "external-kafka"])
def test_a_new_version_comes_one_worker_at_a_time_and_none_goes_before_the_next_is_ready(name: str) -> None:
    spec = named(example(name), "Deployment", "-worker")["spec"]
    assert spec["strategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    assert spec["minReadySeconds"] == 10
    assert named(example(name), "Deployment", "-enforcer")["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


@needs_helm
def test_topics_are_made_before_the_first_worker_and_before_each_new_version() -> None:
    job = named(example("minimal"), "Job", "-topics")
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    pod = job["spec"]["template"]["spec"]
    assert pod["containers"][0]["args"] == ["topics", "create", "--partitions=8", "--replication=1"]
    assert "serviceAccountName" not in pod  # the chart's own is not there yet


@needs_helm
def test_an_enforcer_answers_while_gateways_still_find_it_and_may_be_asked_on_its_own_node() -> None:
    pod = named(example("production"), "Deployment", "-enforcer")["spec"]["template"]["spec"]
    assert pod["containers"][0]["lifecycle"] == {"preStop": {"sleep": {"seconds": 5}}}
    near = named(example("production"), "Service", "-enforcer")["spec"]
    assert (near["internalTrafficPolicy"], near["trafficDistribution"]) == ("Cluster", "PreferSameZone")
    local = named(example("external-kafka"), "Service", "-enforcer")["spec"]
    assert (local["internalTrafficPolicy"], "trafficDistribution" in local) == ("Local", False)
    headless = named(example("production"), "Service", "-enforcer-grpc")["spec"]
    assert (headless["clusterIP"], [port["port"] for port in headless["ports"]]) == ("None", [9471])
