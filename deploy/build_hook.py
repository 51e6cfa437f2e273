"""Puts the commit into what is built: agents/commit.txt, which `stillwatch --version` reads.

hatchling runs it (pyproject.toml, [tool.hatch.build.hooks.custom]). STILLWATCH_COMMIT says the commit where there is no
git, as in an image's build; else git says it; else nothing is written. An editable install asks git when it runs.
"""

import os
import runpy
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

VARIABLE = "STILLWATCH_COMMIT"


class CommitHook(BuildHookInterface):  # type: ignore[type-arg]  # hatchling ships the parameter, not its type
    """Adds one file to a wheel and to a source archive."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Write the file aside and have it included; raises ValueError for a STILLWATCH_COMMIT that is none."""
        built = runpy.run_path(str(Path(self.root, "agents", "built.py")))
        place = f"agents/{built['COMMIT_FILE']}"
        if version == "editable" or Path(self.root, place).exists():  # a source archive has it among its files
            return
        named = os.environ.get(VARIABLE, "").strip()
        commit = built["shortened"](named) if named else built["commit"](Path(self.root, "agents"))
        if commit is None:
            if named:
                message = f"{VARIABLE} is {named!r}; it must be a commit of 12 to 40 digits, with -dirty or without."
                raise ValueError(message)
            return
        self._folder = tempfile.TemporaryDirectory()
        file = Path(self._folder.name, built["COMMIT_FILE"])
        file.write_text(f"{commit}\n", encoding="ascii")
        build_data["force_include"][str(file)] = place
