"""`make audit`: whether a known vulnerability is in what is locked, and whether that could be looked up at all.

pip-audit passes over a package that its service does not know, or does not answer about, and ends well. That is no
answer, so here it is none: exit code 0 if every package was looked up and none is known to be vulnerable, 1 if one is,
2 if some could not be looked up.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

SECONDS = 600
OPTIONS = ("--format", "json", "--disable-pip", "--require-hashes", "--progress-spinner", "off")


def main(locks: Sequence[str]) -> int:
    """Audit the lock files; the exit code."""
    files = [word for lock in locks for word in ("--requirement", lock)]
    command = [str(Path(sys.executable).with_name("pip-audit")), *OPTIONS, *files]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)  # noqa: S603
        packages = json.loads(done.stdout)["dependencies"]
    except (OSError, subprocess.TimeoutExpired, ValueError, KeyError):
        sys.stderr.write(f"Nothing was audited: pip-audit, or the service that it asks, gave no answer ({files[1]}).\n")
        return 2
    code, lines = judged(packages)
    (sys.stderr if code else sys.stdout).write("".join(f"{line}\n" for line in lines))
    return code


def judged(packages: Sequence[dict[str, Any]]) -> tuple[int, list[str]]:
    """The exit code, and a line for each vulnerability, for what could not be looked up, or that all is well."""
    lines = [
        f"{it['name']} {it['version']}: {found['id']}"
        + (f", mended in {', '.join(found['fix_versions'])}" if found.get("fix_versions") else "")
        for it in packages
        for found in it.get("vulns", ())
    ]
    code = 1 if lines else 0
    passed_over = [it["name"] for it in packages if "skip_reason" in it]
    if passed_over or not packages:
        told = ", ".join(passed_over[:3]) + (", ..." if len(passed_over) > len(passed_over[:3]) else "")
        lines.append(
            f"{len(passed_over)} of {len(packages)} packages could not be looked up, so nothing is said of them"
            f"{f' ({told})' if told else ''}: is the service that pip-audit asks within reach?"
        )
        code = code or 2
    return code, lines or [f"None of {len(packages)} packages has a known vulnerability."]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
