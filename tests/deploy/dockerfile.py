"""Reads a Dockerfile, and does what it says, in folders of this machine: its base is this machine's own system."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from msgspec import Struct

from tests.deploy import contained

VARIABLE = re.compile(r"\$\{(\w+)\}|\$(\w+)")
REGISTRY = re.compile(r"(PIP|SSL|HTTPS?|NO|ALL)_", re.IGNORECASE)
"""The variables that say how this machine reaches its package registry."""

BASE = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LD_LIBRARY_PATH": "/usr/local/lib"}
"""The environment of the base: the Python that runs this stands in /usr/local, as that of the image python does."""


class Instruction(Struct, frozen=True):
    """One of a Dockerfile: its word, and what follows."""

    word: str
    rest: str


class Image(Struct):
    """What is known of an image while its instructions are done, and at the end."""

    root: Path
    environment: dict[str, str]
    arguments: dict[str, str]
    labels: dict[str, str]
    user: str = "0:0"
    folder: str = "/"
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    healthcheck: tuple[str, ...] = ()
    stop_signal: str = ""
    ports: tuple[int, ...] = ()


def instructions(text: str) -> Iterator[Instruction]:
    """All of them, in order; lines that go on are joined."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    for line in re.sub(r"\\\n", " ", "\n".join(lines)).splitlines():
        if line.strip():
            word, _, rest = line.strip().partition(" ")
            yield Instruction(word, " ".join(rest.split()))


def stages(text: str) -> Iterator[tuple[str, list[Instruction]]]:
    """Each stage by its name, the last without one; what stands before the first FROM is of none."""
    found: dict[str, list[Instruction]] = {}
    name = None
    for it in instructions(text):
        if it.word == "FROM":
            name = it.rest.partition(" AS ")[2]
        if name is not None:
            found.setdefault(name, []).append(it)
    return iter(found.items())


def copied_from_context(text: str) -> list[str]:
    """The files and folders that the builder is given."""
    return [
        source
        for it in instructions(text)
        if it.word == "COPY" and "--from" not in it.rest
        for source in it.rest.split()[:-1]
    ]


def play(text: str, context: Path, work: Path, arguments: Mapping[str, str]) -> Image:
    """Do all stages, each in a folder of `work`; the image of the last. Raises AssertionError where a RUN fails."""
    made: dict[str, Image] = {}
    for name, found in stages(text):
        root = work / (name or "image")
        root.mkdir(parents=True)
        made[name] = image = Image(root, dict(BASE), {}, {})
        for it in found:
            _do(image, it, context, made, arguments)
    return made[""]


def _do(image: Image, it: Instruction, context: Path, made: Mapping[str, Image], given: Mapping[str, str]) -> None:
    match it.word:
        case "ARG":
            name, _, default = it.rest.partition("=")
            image.arguments[name] = given.get(name, default.strip('"'))
        case "ENV":
            image.environment |= _pairs(it.rest, image)
        case "LABEL":
            image.labels |= _pairs(it.rest, image)
        case "WORKDIR":
            image.folder = it.rest
            (image.root / it.rest.lstrip("/")).mkdir(parents=True, exist_ok=True)
        case "COPY":
            _copy(image, it.rest.split(), context, made)
        case "RUN":
            _run(image, it.rest)
        case _:
            _set(image, it)


def _set(image: Image, it: Instruction) -> None:
    """What only says how the image is run."""
    match it.word:
        case "FROM":
            assert it.rest.startswith("python:"), it.rest
        case "USER":
            image.user = it.rest
        case "EXPOSE":
            image.ports = tuple(map(int, it.rest.split()))
        case "STOPSIGNAL":
            image.stop_signal = it.rest
        case "HEALTHCHECK":
            image.healthcheck = tuple(json.loads(it.rest.partition(" CMD ")[2]))
        case "ENTRYPOINT":
            image.entrypoint = tuple(json.loads(it.rest))
        case "CMD":
            image.command = tuple(json.loads(it.rest))
        case _:
            raise AssertionError(f"{it.word} is not known here")


def _pairs(text: str, image: Image) -> dict[str, str]:
    found = re.findall(r'([\w.]+)=("[^"]*"|\S+)', text)
    known = image.arguments | image.environment
    return {name: VARIABLE.sub(lambda it: known[it[1] or it[2]], value.strip('"')) for name, value in found}


def _copy(image: Image, words: list[str], context: Path, made: Mapping[str, Image]) -> None:
    options = dict(it.removeprefix("--").split("=") for it in words if it.startswith("--"))
    *sources, target = (it for it in words if not it.startswith("--"))
    origin = made[options["from"]].root if "from" in options else context
    place = image.root / (Path(image.folder) / target).as_posix().lstrip("/")
    for source in sources:
        found = origin / source.lstrip("/")
        if found.is_dir():
            shutil.copytree(found, place, symlinks=True, dirs_exist_ok=True, copy_function=_linked)
        else:
            to = place / found.name if target.endswith("/") else place
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(found, to)
    if "chown" in options:
        owner, group = map(int, options["chown"].split(":"))
        for path in (place, *place.rglob("*")):
            os.chown(path, owner, group)


def _linked(source: str, target: str) -> None:
    """A hard link in place of a copy: nobody writes to what an image has."""
    os.link(source, target, follow_symlinks=False)


def _run(image: Image, script: str) -> None:
    reaching = {name: value for name, value in os.environ.items() if REGISTRY.match(name)}
    done = subprocess.run(  # noqa: S603  our own Dockerfile
        contained.command(image.root, ["/bin/sh", "-c", script], folder=image.folder, is_build=True),
        env=reaching | image.arguments | image.environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
