"""What no file of this repository may hold, whoever wrote it."""

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

LONGEST = 300
ANSWERED_FOR = {
    "streams/kernel.py": "numba keeps compiled code by the time of one file: a fold over two could be stale",
}
"""Files of streams/ and agents/ above `LONGEST` lines, each with the reason."""

# Written in two halves, so that this file does not hold what it looks for.
REGISTRIES = tuple(
    f"{name}.{domain}"
    for name, domain in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("repo1.maven", "org"),
        ("repo.maven.apache", "org"),
        ("registry.npmjs", "org"),
        ("proxy.golang", "org"),
        ("crates", "io"),
        ("rubygems", "org"),
        ("registry-1.docker", "io"),
    )
)

SECRETS = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----"
    r"|\bAKIA[0-9A-Z]{16}\b"
    r"|\bgh[pousr]_[A-Za-z0-9]{36}\b"
    r"|\bgithub_pat_[A-Za-z0-9_]{60,}"
    r"|\bxox[abprs]-[A-Za-z0-9-]{10,}"
    r"|\bsk-[A-Za-z0-9_-]{32,}"
    r"|\bpypi-[A-Za-z0-9_-]{60,}"
    r"|\beyJ[A-Za-z0-9_-]{20,}\.eyJ[A-Za-z0-9_-]{20,}\."
)

EXECUTES_WHAT_IT_LOADS = {"_pickle", "cloudpickle", "dill", "joblib", "marshal", "pickle", "shelve"}
CLOCKS = {"now", "today", "utcnow"}
SEEDLESS = {"secrets", "uuid"}


def repository_files() -> list[Path]:
    """Every file that git tracks or would track."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]  # git is found on PATH
    try:
        listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout  # noqa: S603
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this is no git checkout")
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def text_files() -> Iterator[tuple[str, str]]:
    for path in repository_files():
        try:
            yield path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


@cache
def sources(*folders: str) -> tuple[tuple[str, ast.Module], ...]:
    return tuple(
        (path.relative_to(ROOT).as_posix(), ast.parse(path.read_text(encoding="utf-8")))
        for folder in folders
        for path in sorted((ROOT / folder).rglob("*.py"))
    )


def imported(tree: ast.Module) -> Iterator[str]:
    """The first part of every module's name that is imported, at the top or inside a function."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]


def test_no_file_names_the_host_of_a_package_registry() -> None:
    assert [(name, host) for name, text in text_files() for host in REGISTRIES if host in text.lower()] == []


def test_no_file_holds_what_looks_like_a_secret() -> None:
    assert [name for name, text in text_files() if SECRETS.search(text)] == []


def test_every_requirement_of_the_lock_has_a_version_and_hashes_and_no_index() -> None:
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in text
    lines = [line for line in text.replace("\\\n", " ").splitlines() if line and not line.lstrip().startswith("#")]
    pinned = re.compile(r"[a-z0-9._-]+(\[[a-z0-9,._-]+\])?==[^ ;]+( ; .+?)?( +--hash=sha256:[0-9a-f]{64})+ *")
    assert len(lines) > 50
    assert [line[:60] for line in lines if not pinned.fullmatch(line)] == []


def test_the_lock_names_every_package_that_the_project_asks_for() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    asked = set(re.findall(r'^ *"([a-z][a-z0-9-]+)[=<>]=', project, re.MULTILINE))
    assert len(asked) > 20
    assert [name for name in sorted(asked) if not re.search(rf"^{name}==", lock, re.MULTILINE)] == []


def test_a_source_file_above_300_lines_answers_for_it() -> None:
    above = {
        path.relative_to(ROOT).as_posix()
        for folder in ("streams", "agents")
        for pattern in ("*.py", "*.lua")
        for path in (ROOT / folder).rglob(pattern)
        if len(path.read_text(encoding="utf-8").splitlines()) > LONGEST
    }
    assert above == set(ANSWERED_FOR)


def test_nothing_is_loaded_by_what_executes_it() -> None:
    trees = sources("streams", "agents", "tests")
    assert [name for name, tree in trees if EXECUTES_WHAT_IT_LOADS & set(imported(tree))] == []


def test_streams_asks_no_clock() -> None:
    asks = [
        f"{name}:{node.lineno}"
        for name, tree in sources("streams")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CLOCKS
    ]
    assert asks + [name for name, tree in sources("streams") if "time" in imported(tree)] == []


def test_streams_draws_lots_only_from_a_seed_and_only_for_scenarios() -> None:
    trees = sources("streams")
    assert [name for name, tree in trees if SEEDLESS & set(imported(tree))] == []
    assert {name for name, tree in trees if "random" in imported(tree)} <= {
        name for name, _ in trees if name.startswith("streams/scenarios/")
    }
    assert [place for name, tree in trees for place in drawn_without_a_seed(name, tree)] == []


def drawn_without_a_seed(name: str, tree: ast.Module) -> Iterator[str]:
    """Where `random` is used for anything but its class `Random`, that class made without a seed, or NumPy's chance.

    An argument may well be called `random`, so the name counts as the module only where the module is imported.
    """
    nodes = list(ast.walk(tree))
    is_module = any(alias.name == "random" for node in nodes if isinstance(node, ast.Import) for alias in node.names)
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module == "random":
            yield from (f"{name}:{node.lineno}" for alias in node.names if alias.name != "Random")
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            of_module = is_module and node.value.id == "random" and node.attr != "Random"
            if of_module or (node.value.id in {"np", "numpy"} and node.attr == "random"):
                yield f"{name}:{node.lineno}"
        elif isinstance(node, ast.Call) and not node.args and ast.unparse(node.func) in {"random.Random", "Random"}:
            yield f"{name}:{node.lineno}"


@pytest.mark.parametrize(
    "source",
    [
        "import random\nrandom.random()",
        "import random\nrandom.Random()",
        "from random import choice",
        "from random import Random\nRandom()",
        "import numpy as np\nnp.random.default_rng()",
    ],
)
def test_a_draw_without_a_seed_is_seen(source: str) -> None:
    assert list(drawn_without_a_seed("x.py", ast.parse(source)))


def test_a_draw_from_a_seed_is_allowed() -> None:
    source = "from random import Random\ndef f(random: Random) -> float: return random.random()\nf(Random(7))"
    assert not list(drawn_without_a_seed("x.py", ast.parse(source)))
