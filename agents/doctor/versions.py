"""Which Python and which packages are installed, against what Stillwatch is made for."""

import platform
import re
from collections.abc import Callable, Iterable
from importlib.metadata import PackageNotFoundError, metadata, requires, version

from agents.doctor.found import Found, ill, well

SAID = ("aiokafka", "faust-streaming", "kafka-python", "redis", "river", "numba")
"""Those whose insides Stillwatch relies on: each is said, the others only where they are wrong."""

REQUIREMENT = re.compile(r"(?P<name>[\w.-]+)(?:\[[^]]*\])?(?P<pins>[^;]*)(?:;\s*(?P<marker>.*))?")
PIN = re.compile(r"(==|>=|<)\s*([\w.]+)")


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def look_at_versions() -> list[Found]:
    """What is to be said of Python and of the packages."""
    python = platform.python_version()
    needed = str(metadata("stillwatch").json.get("requires_python", ""))
    if not fits(python, needed):
        return [ill(f"Python is {python}; it must be {needed}.")]
    return judge_packages(python, requires("stillwatch") or ())


def judge_packages(
    python: str, requirements: Iterable[str], installed: Callable[[str], str | None] = _installed
) -> list[Found]:
    """What is to be said of packages that are required as pyproject.toml has it."""
    found, said = [], []
    for requirement in requirements:
        told = REQUIREMENT.match(requirement)
        if told is None:
            continue
        name, pins, marker = told["name"], told["pins"].strip(), told["marker"] or ""
        has = installed(name)
        if has is None:
            if not marker:
                found.append(ill(f"The package {name} is missing: install stillwatch anew from its lock."))
        elif not fits(has, pins):
            found.append(ill(f"The package {name} is {has}; it must be {pins}: install stillwatch anew from its lock."))
        elif name in SAID:
            said.append(f"{name} {has}")
    return found or [well(f"Python is {python}; {', '.join(said)} are as pinned.")]


def fits(has: str, pins: str) -> bool:
    """Whether a version is as the pins say: `==`, `>=` and `<`, all that pyproject.toml uses."""
    mine = _numbers(has)
    for relation, wanted in PIN.findall(pins):
        theirs = _numbers(wanted)
        if relation == "==" and mine != theirs:
            return False
        if relation == ">=" and mine < theirs:
            return False
        if relation == "<" and mine >= theirs:
            return False
    return True


def _numbers(text: str) -> tuple[int, ...]:
    """1.10.0rc1 -> (1, 10): what stands before the first part that is no number, without zeros at the end."""
    parts = []
    for part in text.split("."):
        if not part.isdigit():
            break
        parts.append(int(part))
    while parts and parts[-1] == 0:
        parts.pop()
    return tuple(parts)
