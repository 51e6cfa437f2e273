"""Every pod of every example: confined, wired to what it needs, and started with a command that there is."""

import re
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import click
import pytest
import yaml

from agents.cli import cli
from agents.cli.enforce import enforce
from agents.cli.notify import notify
from agents.settings import Settings
from agents.worker import DRAIN_S
from tests.helm.rendering import (
    EXAMPLES,
    RELEASE,
    Object,
    container_of,
    every_pod,
    example,
    named,
    needs_helm,
    objects,
    part_of,
    pods,
    values,
)
from tests.helm.restricted import against_restricted

OF_EVERY_POD = pytest.mark.parametrize(("name", "pod"), every_pod())


@OF_EVERY_POD
def test_a_pod_satisfies_the_standard_restricted_and_has_no_token(name: str, pod: Object) -> None:
    assert against_restricted(pod["spec"]) == [], name
    assert pod["spec"]["automountServiceAccountToken"] is False
    context = container_of(pod)["securityContext"]
    assert context["readOnlyRootFilesystem"] is True
    assert context["capabilities"] == {"drop": ["ALL"]}
    assert pod["spec"]["securityContext"].get("runAsUser", 65532) == 65532


@needs_helm
@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("spec.hostNetwork", True),
        ("spec.volumes", [{"name": "host", "hostPath": {"path": "/"}}]),
        ("spec.securityContext.runAsUser", 0),
        ("spec.securityContext.sysctls", [{"name": "kernel.msgmax", "value": "1"}]),
        ("container.securityContext.privileged", True),
        ("container.securityContext.allowPrivilegeEscalation", None),
        ("container.securityContext.capabilities", {"drop": ["ALL"], "add": ["SYS_ADMIN"]}),
        ("container.securityContext.capabilities", {}),
        ("container.securityContext.runAsNonRoot", False),
        ("container.securityContext.seccompProfile", {"type": "Unconfined"}),
        ("container.securityContext.procMount", "Unmasked"),
        ("container.securityContext.seLinuxOptions", {"type": "spc_t"}),
        ("container.securityContext.appArmorProfile", {"type": "Unconfined"}),
        ("container.ports", [{"containerPort": 1024, "hostPort": 1024}]),
    ],
)
def test_what_is_against_the_standard_is_noticed(path: str, value: object) -> None:
    pod = deepcopy(next(it for _, it in pods(example("production"))))
    where, *keys = path.split(".")
    place: Any = container_of(pod) if where == "container" else pod["spec"]
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    assert len(against_restricted(pod["spec"])) == 1


@OF_EVERY_POD
def test_every_mount_has_its_volume_and_the_other_way_round(name: str, pod: Object) -> None:
    volumes = [it["name"] for it in pod["spec"]["volumes"]]
    mounts = [it["name"] for it in container_of(pod)["volumeMounts"]]
    assert sorted(volumes) == sorted(mounts), name
    assert len(set(volumes)) == len(volumes)
    assert {"name": "tmp", "mountPath": "/tmp"} in container_of(pod)["volumeMounts"]  # noqa: S108  a pod's, not ours
    for volume in pod["spec"]["volumes"]:
        if "secret" in volume:
            assert volume["secret"]["defaultMode"] == 0o440  # for the pod's group, and nobody else


@OF_EVERY_POD
def test_a_command_and_its_options_are_there(name: str, pod: Object) -> None:
    container = container_of(pod)
    if "command" in container:
        compile(container["args"][0], name, "exec")
        return
    parsed(cli, "stillwatch", container["args"])


def parsed(command: click.Command, name: str, arguments: list[str], parent: click.Context | None = None) -> None:
    """Parse as `stillwatch` would, and run nothing. Raises click.UsageError."""
    context = command.make_context(name, list(arguments), parent=parent)
    if isinstance(command, click.Group):
        found, chosen, rest = command.resolve_command(context, [*context._protected_args, *context.args])  # noqa: SLF001
        assert found is not None
        assert chosen is not None
        parsed(chosen, found, rest, context)


@needs_helm
@pytest.mark.parametrize("arguments", [["run", "--processs=2"], ["enforce", "--http"], ["runs"]])
def test_a_command_that_there_is_not_is_noticed(arguments: list[str]) -> None:
    with pytest.raises(click.UsageError):
        parsed(cli, "stillwatch", arguments)


@OF_EVERY_POD
def test_probes_ask_a_port_that_is_served(name: str, pod: Object) -> None:
    container = container_of(pod)
    if part_of(pod) in {"normaliser", "topics", "test"}:
        assert not {"livenessProbe", "readinessProbe", "startupProbe", "ports"} & set(container), name
        return
    ports = {it["name"]: it["containerPort"] for it in container["ports"]}
    first = container["ports"][0]["name"]
    asked = {kind: container[f"{kind}Probe"]["httpGet"] for kind in ("startup", "liveness", "readiness")}
    assert asked == {
        "startup": {"path": "/healthz", "port": first},
        "liveness": {"path": "/healthz", "port": first},
        "readiness": {"path": "/readyz", "port": first},
    }
    assert {str(it) for it in ports.values()} == set(served(container))


def served(container: Object) -> Iterator[str]:
    """The ports that a container is told to listen on."""
    for argument in container["args"]:
        if match := re.fullmatch(r"--(http|grpc)=.*:(\d+)", argument):
            yield match.group(2)
    yield from (it["value"] for it in container["env"] if it["name"] == "STILLWATCH_HEALTH_PORT")


def test_ports_are_the_ones_that_the_program_has_by_itself() -> None:
    settings = Settings("kafka:9092", "redis://redis")
    assert values()["worker"]["port"] == settings.health_port
    for command, part in ((enforce, "enforcer"), (notify, "notifier")):
        (http,) = [option for option in command.params if option.name == "http"]
        assert http.default == f"127.0.0.1:{values()[part]['port']}"


def test_values_are_the_ones_that_the_program_has_by_itself() -> None:
    settings = Settings("kafka:9092", "redis://redis")
    worker, kafka = values()["worker"], values()["kafka"]
    assert (worker["settleSeconds"], worker["batchRecords"]) == (settings.settle_after_s, settings.batch_records)
    assert (kafka["prefix"], kafka["group"]) == (settings.prefix, settings.group)


@OF_EVERY_POD
def test_a_pod_has_time_to_finish_what_it_has_in_hand(name: str, pod: Object) -> None:
    if part_of(pod) in {"topics", "test"}:
        return
    before = container_of(pod).get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
    assert pod["spec"]["terminationGracePeriodSeconds"] >= before + DRAIN_S + 1, name


@needs_helm
@pytest.mark.parametrize("name", EXAMPLES)
def test_no_secret_is_in_what_is_rendered(name: str) -> None:
    assert [it["metadata"]["name"] for it in example(name) if it["kind"] == "Secret"] == []
    for _, pod in pods(example(name)):
        for it in container_of(pod).get("env", ()):
            secret = re.search(r"PASSWORD$|_KEY$", it["name"]) and not it["name"].endswith("SIGNING_KEY")
            assert not (secret and "value" in it), it["name"]
            assert not re.search(r"://[^/@]*:[^/@]+@", it.get("value", ""))


@needs_helm
@pytest.mark.parametrize("name", EXAMPLES)
def test_each_budget_is_for_the_pods_of_one_deployment(name: str) -> None:
    budgets = [it for it in example(name) if it["kind"] == "PodDisruptionBudget"]
    for budget in budgets:
        selector = budget["spec"]["selector"]["matchLabels"]
        chosen = [pod for pod, it in pods(example(name)) if selector.items() <= it["metadata"]["labels"].items()]
        assert chosen == [f"Deployment {budget['metadata']['name']}"]
        assert budget["spec"]["maxUnavailable"] == 1
    made = {part_of(it) for _, it in pods(example(name))} & {"worker", "enforcer", "normaliser"}
    assert len(budgets) == len(made)


@needs_helm
@pytest.mark.parametrize("name", EXAMPLES)
def test_selectors_of_deployments_and_services_choose_their_own_pods(name: str) -> None:
    found = example(name)
    for it in found:
        if it["kind"] == "Deployment":
            labels = it["spec"]["template"]["metadata"]["labels"]
            assert it["spec"]["selector"]["matchLabels"].items() <= labels.items()
            for spread in it["spec"]["template"]["spec"].get("topologySpreadConstraints", ()):
                assert spread["labelSelector"] == it["spec"]["selector"]
        if it["kind"] == "Service":
            chosen = [
                pod for pod, one in pods(found) if it["spec"]["selector"].items() <= one["metadata"]["labels"].items()
            ]
            (name_of_pods,) = chosen
            assert name_of_pods.endswith("-enforcer")
            ports = {port["name"] for port in container_of(named_pod(found, name_of_pods))["ports"]}
            assert {port["targetPort"] for port in it["spec"]["ports"]} <= ports


def named_pod(found: tuple[Object, ...], name: str) -> Object:
    kind, _, rest = name.partition(" ")
    pod: Object = named(found, kind, rest)["spec"]["template"]
    return pod


@needs_helm
def test_pods_are_chosen_by_labels_that_no_version_and_no_value_changes() -> None:
    changed = ("--set", "image.tag=other,commonLabels.team=other,worker.podLabels.more=other")
    for found in (example("minimal"), objects("--values", str(EXAMPLES["minimal"]), *changed)):
        selectors = [it["spec"]["selector"]["matchLabels"] for it in found if it["kind"] == "Deployment"]
        assert sorted(it.pop("app.kubernetes.io/component") for it in selectors) == ["enforcer", "worker"]
        assert selectors == 2 * [{"app.kubernetes.io/name": "stillwatch", "app.kubernetes.io/instance": RELEASE}]


@needs_helm
def test_a_pod_is_where_the_values_say() -> None:
    spec = named(example("production"), "Deployment", "-worker")["spec"]["template"]["spec"]
    given = yaml.safe_load(EXAMPLES["production"].read_text(encoding="utf-8"))["worker"]
    assert {key: spec[key] for key in ("tolerations", "affinity", "priorityClassName")} == {
        key: given[key] for key in ("tolerations", "affinity", "priorityClassName")
    }
    assert [(it["topologyKey"], it["whenUnsatisfiable"]) for it in spec["topologySpreadConstraints"]] == [
        ("topology.kubernetes.io/zone", "ScheduleAnyway"),
        ("kubernetes.io/hostname", "ScheduleAnyway"),
    ]
    assert spec["imagePullSecrets"] == [{"name": "registry"}]
    more = container_of(named(example("external-kafka"), "Deployment", "-worker")["spec"]["template"])
    assert {"name": "TZ", "value": "UTC"} in more["env"]
    assert {"name": "more", "mountPath": "/more"} in more["volumeMounts"]


@needs_helm
def test_a_cluster_that_gives_out_user_ids_itself_is_left_to_it() -> None:
    for _, pod in pods(example("external-kafka")):
        assert pod["spec"]["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
