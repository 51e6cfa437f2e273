"""What is said of what runs: the version always, the commit where something knows it."""

import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from functools import partial
from importlib import metadata
from pathlib import Path

import pytest
from click.testing import CliRunner
from prometheus_client import CollectorRegistry, generate_latest

from agents import built
from agents.cli import cli
from agents.enforcement.metrics import EnforcementMetrics
from agents.metrics import Metrics
from agents.notifying.metrics import NotifierMetrics

HEAD = "0123456789abcdef0123456789abcdef01234567"


def git(folder: Path, *arguments: str) -> str:
    command = ("git", "-c", "user.name=n", "-c", "user.email=e@example.com", "-C", str(folder), *arguments)
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """The folder `agents` of a checkout that has one commit."""
    if shutil.which("git") is None:
        pytest.skip("there is no git here")
    package = tmp_path / "checkout" / "agents"
    package.mkdir(parents=True)
    (package / "a.py").write_text("1\n")
    git(package.parent, "init", "--quiet")
    git(package.parent, "add", ".")
    git(package.parent, "commit", "--quiet", "--no-verify", "--message", "m")
    return package


def test_a_checkout_says_its_commit_and_whether_files_were_changed_since(package: Path) -> None:
    head = git(package, "rev-parse", "HEAD")[:12]
    assert built.commit(package) == head
    (package / "a.py").write_text("2\n")
    assert built.commit(package) == f"{head}-dirty"


def test_a_tag_is_not_taken_for_a_commit(package: Path) -> None:
    git(package, "tag", "--annotate", "v1", "--message", "m")
    assert built.commit(package) == git(package, "rev-parse", "HEAD")[:12]


def test_a_file_beside_the_code_says_the_commit_before_git_does(package: Path) -> None:
    (package / built.COMMIT_FILE).write_text(f"{HEAD}\n")
    assert built.commit(package) == HEAD[:12]


def test_the_repository_around_an_installed_package_is_not_asked(package: Path) -> None:
    installed = package / "site-packages" / "agents"
    installed.mkdir(parents=True)
    assert built.commit(installed) is None


def test_without_git_or_with_a_git_that_fails_nothing_is_said(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(package.parent / ".git" / "objects")
    assert built.commit(package) is None
    monkeypatch.setenv("PATH", str(package))
    assert built.commit(package) is None


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (HEAD, HEAD[:12]),
        (f" {HEAD[:12]}-dirty\n", f"{HEAD[:12]}-dirty"),
        (HEAD[:11], None),
        (HEAD + "0", None),
        ("unknown", None),
        ("", None),
    ],
)
def test_a_commit_is_shown_with_twelve_digits_and_what_is_none_is_not(text: str, shown: str | None) -> None:
    assert built.shortened(text) == shown


def said(arguments: Sequence[str]) -> str:
    done = CliRunner().invoke(cli, arguments)
    assert done.exit_code == 0
    return done.output


def test_the_command_says_its_version_with_the_commit_where_it_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(built, "commit", lambda: f"{HEAD[:12]}")
    assert said(["--version"]) == f"stillwatch, version {metadata.version('stillwatch')} ({HEAD[:12]})\n"
    monkeypatch.setattr(built, "commit", lambda: None)
    assert said(["--version"]) == f"stillwatch, version {metadata.version('stillwatch')}\n"


@pytest.mark.parametrize("metrics", [Metrics, EnforcementMetrics, partial(NotifierMetrics, alertmanagers=())])
def test_every_process_tells_the_commit_in_its_build_metric(
    metrics: Callable[[CollectorRegistry], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    for known, told in (("abc", r'commit="abc",'), (None, "")):
        registry = CollectorRegistry()
        monkeypatch.setattr(built, "commit", lambda known=known: known)
        metrics(registry)
        expected = rf'^stillwatch_build_info\{{{told}python="3[^"]+",version="[0-9][^"]+"\}} 1\.0$'
        assert re.search(expected, generate_latest(registry).decode(), re.MULTILINE)
