"""The chart as a whole: helm finds nothing wrong with it, it goes into a package, and its version is the program's."""

import json
import re
import tarfile
import tomllib
from pathlib import Path

import pytest
import yaml

from tests.helm.readme import README, text
from tests.helm.rendering import CHART, EXAMPLES, ROOT, example, helm, named, needs_helm, objects, told, values

LINKS = {
    "files/policy.toml": "deploy/policy.toml",
    "files/kafka-acls.txt": "deploy/kafka-acls.txt",
    "files/rules": "deploy/prometheus/rules",
    "files/dashboards": "deploy/grafana/dashboards",
}


@needs_helm
@pytest.mark.parametrize("name", EXAMPLES)
def test_helm_finds_nothing_wrong(name: str) -> None:
    done = helm("lint", "--strict", "--values", str(EXAMPLES[name]))
    assert done.returncode == 0, told(done.stdout + done.stderr)
    assert "0 chart(s) failed" in done.stdout
    assert "[WARNING]" not in done.stdout


@needs_helm
def test_with_everything_off_there_is_nothing() -> None:
    assert example("off") == ()


def test_files_of_the_chart_are_those_of_deploy() -> None:
    for link, target in LINKS.items():
        assert (CHART / link).is_symlink(), link
        assert not (CHART / link).readlink().is_absolute(), link
        assert (CHART / link).resolve() == ROOT / target


@needs_helm
def test_a_package_has_the_files_themselves_and_renders_the_same(tmp_path: Path) -> None:
    done = helm("package", "--destination", str(tmp_path))
    assert done.returncode == 0, told(done.stderr)
    (package,) = tmp_path.glob("*.tgz")
    with tarfile.open(package) as archive:
        assert {it.type for it in archive} == {tarfile.REGTYPE}
        names = set(archive.getnames())
        for member in archive.getmembers():  # extractall() has a filter from Python 3.11.4 on
            archive.extract(member, tmp_path)
    assert (tmp_path / "stillwatch/files/policy.toml").read_bytes() == (ROOT / "deploy/policy.toml").read_bytes()
    for folder, kind in (("prometheus/rules", "yaml"), ("grafana/dashboards", "json")):
        for path in (ROOT / "deploy" / folder).glob(f"*.{kind}"):
            assert f"stillwatch/files/{path.parent.name}/{path.name}" in names
    assert not [name for name in names if "/ci/" in name]
    options = ("--values", str(EXAMPLES["production"]))
    assert objects(*options, chart=tmp_path / "stillwatch") == example("production")


@needs_helm
def test_a_package_is_small_enough_for_the_secret_that_helm_keeps_of_a_release(tmp_path: Path) -> None:
    helm("package", "--destination", str(tmp_path))
    (package,) = tmp_path.glob("*.tgz")
    assert package.stat().st_size < 500_000


def test_the_version_is_the_programs() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    assert (chart["apiVersion"], chart["appVersion"]) == ("v2", project["version"])


def test_the_readme_is_what_schema_and_values_say() -> None:
    assert README.read_text(encoding="utf-8") == text(), "python -m tests.helm.readme writes it"


@needs_helm
def test_a_changed_policy_starts_who_reads_it_anew_and_nobody_else() -> None:
    def sums(*options: str) -> dict[str, str | None]:
        found = objects("--values", str(EXAMPLES["production"]), *options)
        return {
            it["metadata"]["name"]: it["spec"]["template"]["metadata"].get("annotations", {}).get("checksum/policy")
            for it in found
            if it["kind"] == "Deployment"
        }

    before, after = sums(), sums("--set-string", 'policy.text=version = "other"')
    readers = {"stillwatch-worker", "stillwatch-enforcer", "stillwatch-notifier"}
    assert {name for name in before if before[name] != after[name]} == readers
    assert before["stillwatch-normaliser"] is None


@needs_helm
def test_the_policy_is_the_one_of_deploy_or_the_one_that_is_given() -> None:
    shipped = (ROOT / "deploy/policy.toml").read_text(encoding="utf-8")
    assert named(example("production"), "ConfigMap", "-policy")["data"] == {"policy.toml": shipped}
    own = named(example("hpa"), "ConfigMap", "-policy")["data"]["policy.toml"]
    assert tomllib.loads(own) == {"version": "2026-12-01", "shadow": True}
    odd = "\n  # indented: {{ not a template }}\nversion = 'a'  \n\n"
    found = objects("--values", str(EXAMPLES["minimal"]), "--set-json", f"policy.text={json.dumps(odd)}")
    assert named(found, "ConfigMap", "-policy")["data"]["policy.toml"] == odd
    assert not [it for it in example("external-kafka") if it["kind"] == "ConfigMap"]


@needs_helm
@pytest.mark.parametrize("name", EXAMPLES)
def test_labels_are_the_recommended_ones(name: str) -> None:
    recommended = {"name", "instance", "version", "component", "part-of", "managed-by"}
    for it in example(name):
        labels = it["metadata"]["labels"]
        assert {f"app.kubernetes.io/{word}" for word in recommended} | {"helm.sh/chart"} <= set(labels)
        assert all(
            re.fullmatch(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?", value) for value in labels.values()
        )


@needs_helm
def test_an_image_is_named_by_digest_before_tag_before_version() -> None:
    def image(*options: str) -> str:
        found = objects(
            "--values", str(EXAMPLES["minimal"]), "--show-only", "templates/worker-deployment.yaml", *options
        )
        return str(found[0]["spec"]["template"]["spec"]["containers"][0]["image"])

    digest = "sha256:" + "ab" * 32
    version = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))["appVersion"]
    assert image() == f"registry.example/stillwatch:{version}"
    assert image("--set", "image.tag=9.9") == "registry.example/stillwatch:9.9"
    assert image("--set", f"image.tag=9.9,image.digest={digest}") == f"registry.example/stillwatch@{digest}"


@needs_helm
@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_changes_only_values_that_there_are(name: str) -> None:
    def unknown(given: object, known: object, path: str) -> list[str]:
        if not isinstance(given, dict) or not isinstance(known, dict) or not known:
            return []
        return [
            found
            for key, value in given.items()
            for found in ([f"{path}{key}"] if key not in known else unknown(value, known[key], f"{path}{key}."))
        ]

    given = yaml.safe_load(EXAMPLES[name].read_text(encoding="utf-8"))
    assert unknown(given, values(), "") == []
