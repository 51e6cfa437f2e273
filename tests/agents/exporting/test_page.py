"""deploy/findings.md: what it shows is what the commands in it give."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from agents.cli import main
from agents.exporting.findings import CONTROLS
from agents.exporting.ocsf import OCSF_VERSION, PROFILES
from agents.exporting.sharing import SHARING_VARIABLE
from agents.exporting.stix import Object

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "deploy" / "findings.md").read_text()
DECISIONS = "tests/data/exporting/decisions.jsonl"
EVENT, OBJECTS = re.findall(r"```json\n(.*?)\n```", PAGE, re.DOTALL)


@pytest.fixture(autouse=True)
def key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sharing key that the page makes."""
    (told,) = re.findall(r"\(umask 077; echo \"(.*)\" > example\.key\)", PAGE)
    file = tmp_path / "example.key"
    file.write_text(f"{told}\n")
    file.chmod(0o600)
    monkeypatch.setenv(SHARING_VARIABLE, str(file))
    monkeypatch.chdir(ROOT)


def given(capfd: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as ended:
        main(["export", *arguments, "--decisions", DECISIONS])
    assert ended.value.code == 0
    return capfd.readouterr().out


def test_the_event_is_the_last_that_the_command_gives(capfd: pytest.CaptureFixture[str]) -> None:
    """After an intended change paste what the command on the page gives."""
    assert f"stillwatch export --format ocsf --decisions {DECISIONS} | tail -1 | python3 -m json.tool" in PAGE
    assert given(capfd, "--format", "ocsf").splitlines()[-1] == json.dumps(
        json.loads(EVENT), separators=(",", ":"), ensure_ascii=False
    )


def test_the_objects_are_in_the_bundle_that_the_command_gives(capfd: pytest.CaptureFixture[str]) -> None:
    assert f'stillwatch export --format stix --producer "Example AI" --decisions {DECISIONS}' in PAGE
    made = json.loads(given(capfd, "--format", "stix", "--producer", "Example AI"))["objects"]
    shown: list[Any] = [json.loads(it) for it in re.findall(r"^{\n.*?^}$", OBJECTS, re.DOTALL | re.MULTILINE)]
    assert [it["type"] for it in shown] == ["campaign", "x-stillwatch-link", "indicator"]
    assert [it for it in shown if it not in made] == []


def test_every_kind_of_object_every_profile_and_every_action_is_told() -> None:
    kinds = [kind.__struct_config__.tag for kind in Object.__args__]
    assert [it for it in kinds if f"`{it}`" not in PAGE and it != "extension-definition"] == []
    assert [it for it in PROFILES if f"`{it}`" not in PAGE] == []
    assert [it for it in CONTROLS if it not in PAGE] == []
    assert f"OCSF {OCSF_VERSION}" in PAGE
