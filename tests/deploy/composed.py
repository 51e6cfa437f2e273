"""deploy/docker-compose.yaml as it is read with an environment that names nothing, and what its services are."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.deploy.contained import Mounted
from tests.test_repository import ROOT

FILE = ROOT / "deploy" / "docker-compose.yaml"
VARIABLE = re.compile(r"(?<!\$)\$\{(\w+):-([^}]*)\}")


def composition() -> dict[str, Any]:
    """All of it: variables are what they are by default, `$$` is a dollar."""
    text = VARIABLE.sub(lambda it: it[2], FILE.read_text(encoding="utf-8")).replace("$$", "$")
    found: dict[str, Any] = yaml.safe_load(text)
    return found


def services() -> Mapping[str, Mapping[str, Any]]:
    """Every service by its name."""
    found: Mapping[str, Mapping[str, Any]] = composition()["services"]
    return found


def is_ours(service: Mapping[str, Any]) -> bool:
    """Whether it runs the image of deploy/Dockerfile."""
    return str(service["image"]).startswith("stillwatch:")


def mounts(service: Mapping[str, Any], deploy: Path) -> list[Mounted]:
    """Its secrets and configurations, as files below `deploy`, a copy of the folder that the composition is in."""
    whole = composition()
    secrets = [
        Mounted(deploy / whole["secrets"][name]["file"], f"/run/secrets/{name}") for name in service.get("secrets", ())
    ]
    configs = [
        Mounted((deploy / whole["configs"][it["source"]]["file"]).resolve(), it["target"])
        for it in service.get("configs", ())
    ]
    return secrets + configs
