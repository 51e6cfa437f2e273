"""What an image is made of is locked to the versions that the tests ran with."""

import re
import tomllib
from collections.abc import Mapping

import pytest

from tests.test_repository import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PINNED = re.compile(r"([a-z0-9._-]+)(?:\[[a-z0-9,._-]+\])?==([^ ;]+)(?: ; .+?)?((?: +--hash=sha256:[0-9a-f]{64})+) *")
RUNTIME = "deploy/requirements-runtime.lock"
BUILD = "deploy/requirements-build.lock"


def locked(name: str) -> Mapping[tuple[str, str], str]:
    """Package and version -> the hashes of its files."""
    text = (ROOT / name).read_text(encoding="utf-8")
    assert "://" not in text
    lines = [line for line in text.replace("\\\n", " ").splitlines() if line and not line.lstrip().startswith("#")]
    matches = [PINNED.fullmatch(line) for line in lines]
    assert None not in matches
    return {(it[1], it[2]): it[3] for it in matches if it}


def asked(*lists: list[str]) -> set[str]:
    """The names that these requirements begin with."""
    return {re.split(r"[\[=<>]", it)[0] for requirements in lists for it in requirements}


@pytest.mark.parametrize("name", [RUNTIME, BUILD])
def test_a_lock_of_the_image_has_versions_and_hashes_of_the_lock_that_tests_run_with(name: str) -> None:
    whole = locked("requirements.lock")
    assert {pin: hashes for pin, hashes in locked(name).items() if whole.get(pin) != hashes} == {}


def test_the_image_has_what_the_worker_the_gateways_and_otlp_need() -> None:
    project = PROJECT["project"]
    extras = project["optional-dependencies"]
    names = {name for name, _ in locked(RUNTIME)}
    assert asked(project["dependencies"], extras["gateway"], extras["otlp"]) - names == set()


def test_the_image_has_no_tool_of_ours_and_no_embedded_server() -> None:
    tools = [it for it in PROJECT["dependency-groups"]["dev"] if isinstance(it, str)]
    project = PROJECT["project"]
    ours = asked(project["dependencies"], *project["optional-dependencies"].values())
    embedded = asked(project["optional-dependencies"]["embedded"])
    names = {name for name, _ in locked(RUNTIME)}
    assert names & ((asked(tools) - ours) | embedded) == set()


def test_the_wheel_is_built_with_what_the_project_names() -> None:
    built_with = {f"{name}=={version}" for name, version in locked(BUILD)}
    assert set(PROJECT["build-system"]["requires"]) <= built_with
    assert PROJECT["build-system"]["requires"] == PROJECT["dependency-groups"]["build"]
