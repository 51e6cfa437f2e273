"""What helm makes of the chart with each example of values: rendered once for the session, by the real helm."""

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "helm" / "stillwatch"
HELM = shutil.which("helm")
needs_helm = pytest.mark.skipif(HELM is None, reason="there is no helm on PATH")

EXAMPLES = {path.name.removesuffix("-values.yaml"): path for path in sorted((CHART / "ci").glob("*-values.yaml"))}
KUBERNETES: Final = ("1.34.0", "1.35.0", "1.36.0", "1.37.0")
RELEASE, NAMESPACE = "trial", "detect"

Object = dict[str, Any]


def helm(*arguments: str, chart: Path = CHART, kubernetes: str = KUBERNETES[-1]) -> subprocess.CompletedProcess[str]:
    """Run `helm ARGUMENTS... CHART`; lint, template and package alike take the chart there."""
    assert HELM is not None
    version = [] if arguments[0] == "package" else ["--kube-version", kubernetes]
    command, *options = arguments
    chosen = [RELEASE, str(chart), "--namespace", NAMESPACE] if command == "template" else [str(chart)]
    return subprocess.run(  # noqa: S603  our own command
        [HELM, command, *chosen, *version, *options], capture_output=True, text=True, timeout=60, check=False
    )


def told(output: str) -> str:
    """What helm says, without a line for each link that it follows."""
    return "\n".join(line for line in output.splitlines() if "found symbolic link" not in line).strip()


def objects(*options: str, chart: Path = CHART) -> tuple[Object, ...]:
    """All that helm renders with these options."""
    done = helm("template", *options, chart=chart)
    assert done.returncode == 0, told(done.stderr)
    return tuple(it for it in yaml.load_all(done.stdout, Loader=yaml.CSafeLoader) if it)


@cache
def example(name: str) -> tuple[Object, ...]:
    """All that helm renders with the values of an example."""
    return objects("--values", str(EXAMPLES[name]))


@cache
def values() -> Mapping[str, Any]:
    """The values as the chart has them."""
    found: Mapping[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    return found


def named(found: tuple[Object, ...], kind: str, name: str) -> Object:
    """The object of that kind whose name ends so."""
    (one,) = [it for it in found if it["kind"] == kind and it["metadata"]["name"].endswith(name)]
    return one


def pods(found: tuple[Object, ...]) -> Iterator[tuple[str, Object]]:
    """Each pod with the name of what makes it: labels in `metadata`, the rest in `spec`."""
    for it in found:
        name = f"{it['kind']} {it['metadata']['name']}"
        if it["kind"] == "Pod":
            yield name, it
        elif it["kind"] in {"Deployment", "Job"}:
            yield name, it["spec"]["template"]


def part_of(pod: Object) -> str:
    """Which part of Stillwatch a pod is."""
    return str(pod["metadata"]["labels"]["app.kubernetes.io/component"])


def container_of(pod: Object) -> Object:
    """The one container of a pod."""
    (container,) = pod["spec"]["containers"]
    found: Object = container
    return found


def every_pod() -> list[Any]:
    """A parameter for each pod of each example; one that skips where there is no helm."""
    if HELM is None:
        return [pytest.param("no helm", {}, marks=needs_helm)]
    return [pytest.param(name, pod, id=f"{one}: {name}") for one in EXAMPLES for name, pod in pods(example(one))]
