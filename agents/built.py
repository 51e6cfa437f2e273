"""What runs here: the version, and the commit that it was built from, where that can be known."""

import os
import platform
import re
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Final

COMMIT_FILE: Final = "commit.txt"
"""Beside this file in a wheel and in a source archive: deploy/build_hook.py writes it there."""

DESCRIBE: Final = ("describe", "--always", "--dirty", "--abbrev=12", "--exclude=*")
COMMIT: Final = re.compile(r"([0-9a-f]{12})[0-9a-f]{0,28}(-dirty)?")

METRIC: Final = ("stillwatch_build", "The version that runs, and the commit that it was built from.")
"""Name and help of the metric that has `labels`."""


def version() -> str:
    """The version that is installed; where nothing is, 0+source."""
    try:
        return metadata.version("stillwatch")
    except metadata.PackageNotFoundError:
        return "0+source"


def commit(package: Path = Path(__file__).parent) -> str | None:
    """Twelve digits of the commit, and `-dirty` where files were changed since; None where nothing says it.

    A wheel says it in a file. In a checkout git is asked, and only about a repository that has `package` at its top:
    one around an environment in which Stillwatch is installed is somebody else's.
    """
    written = package / COMMIT_FILE
    if written.is_file():
        return shortened(written.read_text(encoding="utf-8"))
    if not (package.parent / ".git").exists():
        return None
    try:
        command = ["git", "-C", str(package.parent), *DESCRIBE]  # git is found on PATH
        said = subprocess.run(  # noqa: S603  words of this file
            command,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    return shortened(said)


def shortened(text: str) -> str | None:
    """A commit of 12 to 40 digits, with or without `-dirty`, as it is shown; None for anything else."""
    found = COMMIT.fullmatch(text.strip())
    return None if found is None else found[1] + (found[2] or "")


def sentence() -> str:
    """What `stillwatch --version` says."""
    known = commit()
    return f"stillwatch, version {version()}{'' if known is None else f' ({known})'}"


def labels() -> dict[str, str]:
    """The labels of the build metric; without `commit` where it is not known."""
    known = commit()
    said = {"version": version(), "python": platform.python_version()}
    return said if known is None else {**said, "commit": known}
