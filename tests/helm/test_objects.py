"""Every object is one that Kubernetes takes, in each version, or the operator that it is for; and rules are rules."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import jsonschema
import kubernetes_validate
import pytest
import yaml

from tests.helm.operators import SPECS
from tests.helm.rendering import EXAMPLES, KUBERNETES, ROOT, Object, example, helm, needs_helm, objects, told

PROMTOOL = shutil.which("promtool")


@pytest.fixture(scope="module", autouse=True)
def schemas_are_read_once() -> Iterator[None]:
    """Else each validation reads some megabytes."""
    with pytest.MonkeyPatch.context() as patch:
        read = cache(kubernetes_validate.utils.schema_contents)
        patch.setattr(kubernetes_validate.utils, "schema_contents", read)
        yield


def of_operators(it: Object) -> bool:
    return (it["apiVersion"], it["kind"]) in SPECS


@needs_helm
@pytest.mark.parametrize("version", KUBERNETES)
@pytest.mark.parametrize("name", EXAMPLES)
def test_kubernetes_takes_every_object_of_its_own(name: str, version: str) -> None:
    for it in example(name):
        if not of_operators(it):
            assert kubernetes_validate.validate(it, version, strict=True) == version.rpartition(".")[0]


@needs_helm
def test_an_object_with_a_field_that_there_is_not_is_noticed() -> None:
    (deployment, *_) = [it for it in example("minimal") if it["kind"] == "Deployment"]
    wrong = json.loads(json.dumps(deployment))
    wrong["spec"]["template"]["spec"]["containers"][0]["livenesProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError, match="livenesProbe"):
        kubernetes_validate.validate(wrong, KUBERNETES[0], strict=True)


@needs_helm
@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.parametrize("version", ["v1", "v1beta2"])
def test_operators_take_every_object_of_theirs(name: str, version: str) -> None:
    found = (
        example(name)
        if version == "v1"
        else objects("--values", str(EXAMPLES[name]), "--set", "strimzi.apiVersion=kafka.strimzi.io/v1beta2")
    )
    for it in filter(of_operators, found):
        assert set(it) == {"apiVersion", "kind", "metadata", "spec"}
        jsonschema.Draft202012Validator(SPECS[it["apiVersion"], it["kind"]]).validate(it["spec"])


@needs_helm
def test_the_examples_have_every_kind_that_the_chart_can_make() -> None:
    made = {it["kind"] for name in EXAMPLES for it in example(name)}
    assert made == {
        *("ConfigMap", "Deployment", "HorizontalPodAutoscaler", "Job", "NetworkPolicy", "Pod", "PodDisruptionBudget"),
        *("Service", "ServiceAccount"),
        *(kind for _, kind in SPECS),
    }


@needs_helm
@pytest.mark.parametrize("name", EXAMPLES)
def test_an_older_kubernetes_is_told_that_it_is_too_old_and_names_are_unique(name: str) -> None:
    done = helm("template", "--values", str(EXAMPLES[name]), kubernetes="1.29.0")
    assert done.returncode == 1
    assert "chart requires kubeVersion: >=1.30.0-0" in told(done.stderr)
    names = [(it["kind"], it["metadata"].get("namespace"), it["metadata"]["name"]) for it in example(name)]
    assert len(set(names)) == len(names)
    assert max((len(it) for *_, it in names), default=0) <= 63


@needs_helm
def test_rules_are_those_of_deploy_with_where_runbooks_and_dashboards_are() -> None:
    files = {path.stem: path for path in (ROOT / "deploy/prometheus/rules").glob("*.yaml")}
    found = {
        it["metadata"]["name"].removeprefix("stillwatch-"): it
        for it in example("production")
        if it["kind"] == "PrometheusRule"
    }
    assert set(found) == set(files)
    for name, it in found.items():
        expected = yaml.safe_load(files[name].read_text(encoding="utf-8"))
        for rule in (rule for group in expected["groups"] for rule in group.get("rules", ())):
            for key, place in (
                ("runbook_url", "https://runbooks.example/stillwatch/"),
                ("dashboard_url", "https://grafana.example/"),
            ):
                if key in rule.get("annotations", {}):
                    rule["annotations"][key] = moved(key, rule["annotations"][key], place)
        assert it["spec"] == expected
        assert it["metadata"]["labels"]["release"] == "prometheus"


@needs_helm
def test_a_part_that_is_off_has_no_rules_that_would_stand_for_ever() -> None:
    def rules(*off: str) -> set[str]:
        chosen = [word for part in off for word in ("--set", f"{part}.enabled=false")]
        found = objects("--values", str(EXAMPLES["production"]), *chosen)
        return {it["metadata"]["name"].removeprefix("stillwatch-") for it in found if it["kind"] == "PrometheusRule"}

    every = {path.stem for path in (ROOT / "deploy/prometheus/rules").glob("*.yaml")}
    assert rules("enforcer") == every - {"enforcement", "in-force-latency"}
    assert rules("notifier") == every - {"notifying"}
    assert rules("worker", "notifier") == every - {"pipeline", "notifying"}


def moved(key: str, url: str, place: str) -> str:
    """The same page elsewhere: of a runbook its file, of a dashboard all that comes after the host."""
    return place + (url.rpartition("/")[2] if key == "runbook_url" else url.split("/", 3)[3])


@needs_helm
@pytest.mark.skipif(PROMTOOL is None, reason="there is no promtool on PATH")
def test_prometheus_takes_the_rules(tmp_path: Path) -> None:
    for it in example("production"):
        if it["kind"] == "PrometheusRule":
            path = tmp_path / f"{it['metadata']['name']}.yaml"
            path.write_text(yaml.safe_dump(it["spec"]), encoding="utf-8")
            done = subprocess.run(  # noqa: S603  our own command
                [str(PROMTOOL), "check", "rules", str(path)], capture_output=True, text=True, timeout=30, check=False
            )
            assert done.returncode == 0, done.stdout + done.stderr


@needs_helm
def test_dashboards_are_those_of_deploy_one_configmap_each() -> None:
    files = {path.name: path for path in (ROOT / "deploy/grafana/dashboards").glob("*.json")}
    found = [it for it in example("production") if it["metadata"]["labels"].get("grafana_dashboard") == "1"]
    assert len(found) == len(files)
    for it in found:
        ((name, text),) = it["data"].items()
        assert json.loads(text) == json.loads(files[name].read_text(encoding="utf-8"))
        assert len(text.encode()) < 1024 * 1024
        assert it["metadata"]["annotations"] == {"grafana_folder": "Stillwatch"}
