"""What the chart tells people: its README's examples hold, its notes say what is open, and `helm test` finds out."""

import asyncio
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml
from prometheus_client import CollectorRegistry

from agents.cli import cli
from agents.enforcement.gate import Gate
from agents.enforcement.http import CheckServer
from agents.enforcement.limiting import LocalLimiter
from agents.enforcement.metrics import EnforcementMetrics
from streams.policy import DEFAULT_POLICY
from tests.helm.readme import README
from tests.helm.rendering import (
    CHART,
    EXAMPLES,
    KUBERNETES,
    NAMESPACE,
    RELEASE,
    container_of,
    example,
    named,
    needs_helm,
    objects,
)
from tests.helm.restricted import against_restricted
from tests.helm.test_pods import parsed

BLOCKS = [yaml.safe_load(it) for it in re.findall(r"```yaml\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)]
VALUES, ADAPTER, SIDECAR = BLOCKS


def test_values_in_the_readme_are_values() -> None:
    schema = yaml.safe_load((CHART / "values.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft7Validator(schema).validate(VALUES)


@needs_helm
def test_the_readmes_first_values_install_everything_that_it_says(tmp_path: Path) -> None:
    path = tmp_path / "values.yaml"
    path.write_text(yaml.safe_dump(VALUES), encoding="utf-8")
    kinds = [it["kind"] for it in objects("--values", str(path))]
    assert (kinds.count("KafkaTopic"), kinds.count("Deployment"), kinds.count("Pod")) == (7, 2, 4)


def test_an_enforcer_in_a_gateways_pod_is_as_confined_as_one_by_itself() -> None:
    for version in KUBERNETES:
        kubernetes_validate.validate(SIDECAR, version, strict=True)
    spec = SIDECAR["spec"]["template"]["spec"]
    assert against_restricted(spec) == []
    (sidecar,) = spec["initContainers"]
    parsed(cli, "stillwatch", sidecar["args"])
    _, *probe = sidecar["startupProbe"]["exec"]["command"]
    parsed(cli, "stillwatch", probe)
    assert {it["name"] for it in sidecar["volumeMounts"]} == {it["name"] for it in spec["volumes"]}


@needs_helm
def test_the_metric_that_an_hpa_follows_is_the_one_that_the_adapter_makes() -> None:
    (rule,) = ADAPTER["externalRules"]
    spec = named(example("hpa"), "HorizontalPodAutoscaler", "-worker")["spec"]
    assert spec["metrics"][0]["external"]["metric"]["name"] == rule["name"]["as"]


@needs_helm
@pytest.mark.skipif(shutil.which("jq") is None, reason="there is no jq on PATH")
def test_on_call_gets_a_pod_with_a_command_of_its_own() -> None:
    doctor, pod = pod_made_by(0)
    assert pod["metadata"] == {"name": "oncall", "labels": doctor["metadata"]["labels"]}  # no hook of helm's any more
    assert "status" not in pod
    parsed(cli, "stillwatch", container_of(pod)["args"])
    (policy,) = [it["configMap"]["name"] for it in pod["spec"]["volumes"] if it["name"] == "policy"]
    assert named(example("production"), "ConfigMap", "stillwatch-policy")["metadata"]["name"] == policy
    (mount,) = [it["mountPath"] for it in container_of(pod)["volumeMounts"] if it["name"] == "policy"]
    assert container_of(pod)["args"][-1] == f"--policy={mount}/policy.toml"


@needs_helm
@pytest.mark.skipif(shutil.which("jq") is None, reason="there is no jq on PATH")
def test_a_reviewer_gets_one_with_the_user_that_may_write_verdicts() -> None:
    doctor, pod = pod_made_by(1)
    assert pod["metadata"] == {"name": "reviewer", "labels": doctor["metadata"]["labels"]}
    parsed(cli, "stillwatch", container_of(pod)["args"])
    env = {it["name"]: it.get("value") for it in container_of(pod)["env"]}
    assert env["KAFKA_SASL_USERNAME"] == "stillwatch-reviewer"
    (secret,) = [it["secret"] for it in pod["spec"]["volumes"] if it["name"] == "kafka"]
    assert secret["secretName"] == "stillwatch-reviewer"
    assert [it["path"] for it in secret["items"]] == ["password"]
    assert named(example("production"), "KafkaUser", "stillwatch-reviewer")["spec"]["authentication"]["type"]


def pod_made_by(which: int) -> tuple[Any, Any]:
    """The doctor's pod, and what one of the README's programs makes of it."""
    doctor = named(example("production"), "Pod", "-test-doctor")
    program = re.findall(r"jq '(.*?)'", README.read_text(encoding="utf-8"), re.DOTALL)[which]
    made = subprocess.run(  # noqa: S603  the README's words
        [str(shutil.which("jq")), program],
        input=json.dumps(doctor | {"status": {"phase": "Succeeded"}}),
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    pod = json.loads(made.stdout)
    kubernetes_validate.validate(pod, KUBERNETES[-1], strict=True)
    return doctor, pod


@pytest.fixture(scope="module")
def telling(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The chart with its notes as one more object: `helm template` shows none, and an installation wants a cluster."""
    chart = tmp_path_factory.mktemp("chart") / "stillwatch"
    shutil.copytree(CHART, chart)
    text = (chart / "templates/NOTES.txt").read_text(encoding="utf-8")
    (chart / "templates/_notes.tpl").write_text(f'{{{{ define "notes" }}}}{text}{{{{ end }}}}', encoding="utf-8")
    (chart / "templates/notes.yaml").write_text(
        'kind: Notes\nmetadata: {name: notes}\ntext: {{ include "notes" . | toJson }}\n', encoding="utf-8"
    )
    return chart


def notes(chart: Path, name: str) -> str:
    """What helm says after an installation with the values of an example."""
    text: str = named(objects("--values", str(EXAMPLES[name]), chart=chart), "Notes", "notes")["text"]
    return text


@needs_helm
def test_notes_say_who_runs_whom_to_ask_and_what_is_open(telling: Path) -> None:
    told = notes(telling, "minimal")
    assert "2 of them, for 8 partitions" in told
    assert f"http://{RELEASE}-stillwatch-enforcer.{NAMESPACE}.svc:9470/v1/check" in told
    assert f"helm test {RELEASE} --namespace {NAMESPACE} --logs" in told
    assert [line for line in told.splitlines() if line.startswith("MIND: ")] == [
        "MIND: decisions leave unsigned (signing.existingSecret is not set).",
        "MIND: whoever may write decisions to Kafka is obeyed (no signing.verifyKeysSecret or verifyKeysConfigMap).",
        "MIND: Kafka is spoken to in the open (kafka.securityProtocol).",
    ]


@needs_helm
def test_notes_mind_nothing_where_nothing_is_open(telling: Path) -> None:
    told = notes(telling, "production")
    assert "MIND" not in told
    assert "3 to 24 of them by lag (keda), for 24 partitions" in told
    assert f"stillwatch-enforcer-grpc.{NAMESPACE}.svc:9471 (Envoy, TLS, STRICT_DNS)" in told


@needs_helm
@pytest.mark.parametrize("is_ready", [True, False])
async def test_helm_test_asks_an_enforcer(*, is_ready: bool) -> None:
    container = container_of(named(example("minimal"), "Pod", "-test-enforcer"))
    script, url = container["args"]
    assert (container["command"], url) == (["python", "-c"], f"http://{RELEASE}-stillwatch-enforcer:9470")
    registry = CollectorRegistry()
    gate = Gate(LocalLimiter(), DEFAULT_POLICY, EnforcementMetrics(registry))
    if is_ready:
        gate.ready()
    server = CheckServer(gate, registry, host="127.0.0.1", port=0)
    port = await server.start()
    try:
        code, said = await ran(sys.executable, "-c", script, f"http://127.0.0.1:{port}")
    finally:
        await server.stop()
    assert (code == 0) is is_ready, said
    assert ("verdict:" in said) is is_ready


async def ran(*command: str) -> tuple[Any, str]:
    """A program's exit code and what it said."""
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await process.communicate()
    return process.returncode, said.decode()
