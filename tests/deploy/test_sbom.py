"""What an image has of others is said in a bill of materials, the same one whenever it is made."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.deploy.building import copied
from tests.test_repository import ROOT

RUNTIME = "deploy/requirements-runtime.lock"


@pytest.fixture(scope="module")
def bills(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """`make sbom`, in two folders."""
    return [made(copied(tmp_path_factory.mktemp("tree"))) for _ in range(2)]


def made(tree: Path) -> bytes:
    """What `make sbom` writes in a copy of this tree, with the tools of the environment that runs this."""
    for name in ("Makefile", "requirements.lock", RUNTIME):
        (tree / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tree / name)
    tools = Path(sys.executable).parent
    given = [f"BIN={tools}", f"PYTHON={sys.executable}", "EPOCH=1790000000"]
    command = ["make", "--assume-old", ".venv/.ready", *given, "sbom"]  # make is found on PATH
    done = subprocess.run(  # noqa: S603  our own Makefile
        command,
        cwd=tree,
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return (tree / "dist" / "stillwatch.cdx.json").read_bytes()


def locked() -> set[tuple[str, str]]:
    """The packages of the lock that this machine and this Python need, by name and version."""
    text = (ROOT / RUNTIME).read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line.partition(" --hash")[0] for line in text.splitlines() if line and not line.startswith("#")]
    needed = [it for it in map(Requirement, lines) if it.marker is None or it.marker.evaluate()]
    return {(canonicalize_name(it.name), str(it.specifier).removeprefix("==")) for it in needed}


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_two_bills_are_the_same_bytes_and_name_what_is_locked(bills: list[bytes]) -> None:
    first, second = bills
    assert first == second
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(first.decode()) is None
    bill: dict[str, Any] = json.loads(first)
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert {(canonicalize_name(it["name"]), it["version"]) for it in bill["components"]} == locked()
    assert bill["metadata"]["component"]["name"] == "stillwatch"
    assert bill["metadata"]["timestamp"].startswith("2026-09-21T")
    root = bill["metadata"]["component"]["bom-ref"]
    depends = {it["ref"]: it.get("dependsOn", []) for it in bill["dependencies"]}
    assert len(depends[root]) > 10
