"""What is built: the same bytes wherever, all that runs and nothing else, and the commit in it."""

import os
import tarfile
import zipfile
from hashlib import sha256
from pathlib import Path

import pytest

from tests.deploy.building import COMMIT, build, built, copied
from tests.test_repository import ROOT, repository_files


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copied(tmp_path_factory.mktemp("tree"))


@pytest.fixture(scope="module")
def wheel(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tree, "wheel", tmp_path_factory.mktemp("wheel"))


def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def commit_in(wheel: Path) -> str | None:
    with zipfile.ZipFile(wheel) as archive:
        return archive.read("agents/commit.txt").decode() if "agents/commit.txt" in archive.namelist() else None


def test_two_builds_from_two_folders_are_the_same_bytes(wheel: Path, tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        other = copied(tmp_path / "somewhere" / "else")
        again = built(other, "wheel", tmp_path / "wheel")
        archives = [built(copied(tmp_path / name), "sdist", tmp_path / f"{name}-out") for name in ("a", "b")]
    finally:
        os.umask(before)
    assert sha256(again.read_bytes()).hexdigest() == sha256(wheel.read_bytes()).hexdigest()
    assert len({sha256(it.read_bytes()).hexdigest() for it in archives}) == 1


def test_the_wheel_has_every_file_of_streams_and_agents_and_none_of_anything_else(wheel: Path) -> None:
    ours = {it.relative_to(ROOT).as_posix() for it in repository_files()}
    shipped = {it for it in ours if it.startswith(("streams/", "agents/"))}
    added = {it for it in names(wheel) if not it.startswith("stillwatch-")}
    assert added == shipped | {"agents/commit.txt"}
    assert {Path(it).suffix for it in shipped} >= {".py", ".lua", ".lock", ".j2", ".properties", ".typed"}


def test_the_wheel_says_the_commit_that_the_environment_names(wheel: Path) -> None:
    assert commit_in(wheel) == f"{COMMIT[:12]}\n"


def test_a_wheel_from_the_source_archive_has_the_commit_of_the_archive(tree: Path, tmp_path: Path) -> None:
    archive = built(tree, "sdist", tmp_path / "sdist")
    with tarfile.open(archive) as file:
        for member in file.getmembers():  # extractall() has a filter from Python 3.11.4 on
            file.extract(member, tmp_path / "source")
    (source,) = (tmp_path / "source").iterdir()
    assert commit_in(built(source, "wheel", tmp_path / "wheel", commit=None)) == f"{COMMIT[:12]}\n"


def test_where_nobody_knows_the_commit_the_wheel_says_none(tree: Path, tmp_path: Path) -> None:
    assert commit_in(built(tree, "wheel", tmp_path, commit=None)) is None


def test_a_commit_that_is_none_stops_the_build_with_a_sentence(tree: Path, tmp_path: Path) -> None:
    done = build(tree, "wheel", tmp_path, commit="main")
    assert done.returncode != 0
    assert "STILLWATCH_COMMIT is 'main'; it must be a commit of 12 to 40 digits" in done.stderr
    assert not list(tmp_path.iterdir())
