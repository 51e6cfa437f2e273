"""An environment of its own for each third-party program, made when it is first needed and kept.

Every package is pinned with its hashes in `requirements/NAME.txt`. What cannot be installed is a contestant less, with
the reason in the report, or a test that is skipped: the bench and the tests go on without it.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from agents.embedded import ServerError, jars

REQUIREMENTS = Path(__file__).with_name("requirements")
INSTALL_SECONDS = 1_200
CONNECTOR = jars.Jar(
    "org.apache.flink",
    "flink-sql-connector-kafka",
    "4.0.1-2.0",
    "c7127a6518fba5d6b75eb4692229192e7147ea378e69c7b7cf16d0494057b0c3",
)
"""Flink's Kafka connector is an archive of Java, not in the Python package."""


class NotInstalledError(Exception):
    """A contestant's environment cannot be had; a few words why."""


def python_of(environment: str | None, folder: Path, requirements: Path = REQUIREMENTS) -> Path:
    """The interpreter of an environment in `folder`, installed if it is not there. Raises NotInstalledError."""
    if environment is None:
        return Path(sys.executable)
    lock = requirements / f"{environment}.txt"
    here = folder / environment
    ready = here / ".ready"
    digest = hashlib.sha256(lock.read_bytes() + sys.version.encode()).hexdigest()
    if not ready.exists() or ready.read_text(encoding="ascii") != digest:
        if environment == "flink" and shutil.which("java") is None:
            raise NotInstalledError("there is no Java on PATH")
        _install(here, lock)
        ready.write_text(digest, encoding="ascii")
    return here / "bin" / "python"


def connector() -> Path:
    """The path of Flink's Kafka connector, downloaded once into the user's Maven cache. Raises NotInstalledError."""
    try:
        return jars._fetch(jars._maven(), CONNECTOR)  # noqa: SLF001  the same care as for Kafka's own archives
    except ServerError as error:
        raise NotInstalledError(str(error)) from error


def _install(here: Path, lock: Path) -> None:
    uv = Path(sys.executable).with_name("uv")
    if not uv.exists():
        raise NotInstalledError("there is no uv in this environment")
    shutil.rmtree(here, ignore_errors=True)
    here.parent.mkdir(parents=True, exist_ok=True)
    for command in (
        [str(uv), "venv", "--quiet", "--python", sys.executable, str(here)],
        [
            *(str(uv), "pip", "install", "--quiet", "--compile-bytecode", "--require-hashes"),
            *("--python", str(here / "bin" / "python"), "--requirement", str(lock)),
        ],
    ):
        _run(command)


def _run(command: list[str]) -> None:
    try:
        subprocess.run(  # noqa: S603  words of this file
            command, env=os.environ, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=True
        )
    except subprocess.CalledProcessError as error:
        lines = [line.strip() for line in error.stderr.splitlines() if line.strip()] or ["no reason given"]
        raise NotInstalledError(f"its packages cannot be installed: {lines[0]}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotInstalledError(f"its packages cannot be installed: {type(error).__name__}") from error
