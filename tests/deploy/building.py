"""Wheels and source archives as `make wheel` builds them, of a copy of this tree."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Literal

from tests.test_repository import ROOT, repository_files

COMMIT = "0123456789abcdef0123456789abcdef01234567"
BUILT = ("agents", "streams", "deploy/build_hook.py", "pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE")


def copied(folder: Path) -> Path:
    """What a wheel is made of, as git has it, in another folder: made now, without a .git."""
    for file in repository_files():
        place = file.relative_to(ROOT)
        if str(place).startswith(BUILT):
            (folder / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, folder / place)
    return folder


def build(
    tree: Path, target: Literal["wheel", "sdist"], out: Path, *, commit: str | None = COMMIT
) -> subprocess.CompletedProcess[str]:
    """Build one file into `out`."""
    environment = {name: value for name, value in os.environ.items() if name != "STILLWATCH_COMMIT"}
    if commit is not None:
        environment["STILLWATCH_COMMIT"] = commit
    return subprocess.run(  # noqa: S603  our own Python
        (sys.executable, "-m", "hatchling", "build", "--target", target, "--directory", str(out)),
        cwd=tree,
        env={**environment, "SOURCE_DATE_EPOCH": "1790000000"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def built(tree: Path, target: Literal["wheel", "sdist"], out: Path, *, commit: str | None = COMMIT) -> Path:
    """The one file that a build makes."""
    done = build(tree, target, out, commit=commit)
    assert done.returncode == 0, done.stderr
    (file,) = out.iterdir()
    return file
