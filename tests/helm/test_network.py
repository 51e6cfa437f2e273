"""Nothing is let through but what each part needs: every pod of every example is covered."""

from typing import Any

import pytest

from tests.helm.rendering import (
    EXAMPLES,
    Object,
    container_of,
    example,
    named,
    needs_helm,
    objects,
    part_of,
    pods,
)

COVERED = [name for name in EXAMPLES if name != "off"]
DNS, KAFKA, REDIS, ALERTMANAGER, ENFORCER = "dns", "kafka", "redis", "alertmanager", "enforcer"
NEEDS = {
    "worker": {DNS, KAFKA, REDIS},
    "enforcer": {DNS, KAFKA, REDIS},
    "notifier": {DNS, KAFKA, ALERTMANAGER},
    "normaliser": {DNS, KAFKA},
    "topics": {DNS, KAFKA},
    "test": {DNS, KAFKA, REDIS, ENFORCER},
}
PORTS = {
    "production": {KAFKA: {9093}, REDIS: {6380}, ALERTMANAGER: {9093}, ENFORCER: {9470}},
    "minimal": {KAFKA: {9092}, REDIS: {6379}, ENFORCER: {9470}},
    "hpa": {KAFKA: {9093}, REDIS: {6380}, ENFORCER: {9470}},
    "external-kafka": {KAFKA: {9092}, REDIS: {6379}, ALERTMANAGER: {443}, ENFORCER: {9470}},
}


def policies(name: str) -> list[Object]:
    return [it for it in example(name) if it["kind"] == "NetworkPolicy"]


def choosing(name: str, pod: Object) -> list[Any]:
    """The specs of the policies that choose a pod."""
    labels = pod["metadata"]["labels"].items()
    return [it["spec"] for it in policies(name) if it["spec"]["podSelector"]["matchLabels"].items() <= labels]


@needs_helm
@pytest.mark.parametrize("name", COVERED)
def test_every_pod_is_denied_everything_and_then_allowed_what_it_needs(name: str) -> None:
    for pod_name, pod in pods(example(name)):
        everything, own = choosing(name, pod)
        assert everything == {"podSelector": everything["podSelector"], "policyTypes": ["Ingress", "Egress"]}, pod_name
        assert own["policyTypes"] == ["Ingress", "Egress"]
        expected = {(DNS, "UDP", 53), (DNS, "TCP", 53)} | {
            (what, "TCP", port) for what in NEEDS[part_of(pod)] - {DNS} for port in PORTS[name][what]
        }
        reached = {(port["protocol"], port["port"]) for rule in own["egress"] for port in rule["ports"]}
        assert reached == {(protocol, port) for _, protocol, port in expected}
        assert all("ports" in rule for rule in own["egress"])


@needs_helm
@pytest.mark.parametrize("name", COVERED)
def test_every_port_of_a_pod_can_be_asked_by_somebody_and_no_other_port_can(name: str) -> None:
    for pod_name, pod in pods(example(name)):
        _, own = choosing(name, pod)
        open_to = {port["port"] for rule in own.get("ingress", ()) for port in rule["ports"]}
        assert open_to == {port["containerPort"] for port in container_of(pod).get("ports", ())}, pod_name
        for rule in own.get("ingress", ()):
            assert rule["from"], pod_name
            assert all(peer for peer in rule["from"])


@needs_helm
def test_gateways_ask_both_ports_of_an_enforcer_and_prometheus_the_one_with_the_metrics() -> None:
    spec = named(tuple(policies("production")), "NetworkPolicy", "-enforcer")["spec"]
    prometheus, gateways, tests = spec["ingress"]
    assert [port["port"] for port in gateways["ports"]] == [9470, 9471]
    assert gateways["from"] == [
        {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "gateways"}},
            "podSelector": {"matchLabels": {"app": "envoy"}},
        }
    ]
    assert [port["port"] for port in prometheus["ports"]] == [9470]
    assert [port["port"] for port in tests["ports"]] == [9470]


@needs_helm
def test_kafka_and_redis_are_reached_where_the_values_say() -> None:
    spec = named(tuple(policies("production")), "NetworkPolicy", "-worker")["spec"]
    dns, kafka, redis = spec["egress"]
    assert dns["to"] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}]
    assert kafka["to"] == [{"podSelector": {"matchLabels": {"strimzi.io/cluster": "events"}}}]
    assert redis["to"] == [{"ipBlock": {"cidr": "10.20.0.0/24"}}]


@needs_helm
def test_ports_are_taken_from_addresses() -> None:
    def ports(*options: str) -> list[int]:
        found = objects("--values", str(EXAMPLES["external-kafka"]), *options)
        egress = named(found, "NetworkPolicy", "-notifier")["spec"]["egress"]
        return [port["port"] for rule in egress[1:] for port in rule["ports"]]

    assert ports("--set-json", 'notifier.alertmanagerUrls=["http://a/x","https://b:9443/y:1/"]') == [9092, 80, 9443]
    assert ports("--set", r"kafka.bootstrapServers=a:1\,b:2\,c:1") == [1, 2, 443]
    assert ports("--set-json", "networkPolicy.alertmanager.ports=[7]") == [9092, 7]


@needs_helm
def test_what_a_network_policy_says_can_be_switched_off() -> None:
    found = objects("--values", str(EXAMPLES["minimal"]), "--set", "networkPolicy.enabled=false")
    assert [it for it in found if it["kind"] == "NetworkPolicy"] == []
