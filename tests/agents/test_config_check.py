"""`stillwatch config check` at the command line: what it prints, where, and its exit codes."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from agents.cli.config import config

POLICIES = Path(__file__).parent.parent / "data" / "policies"
SHIPPED = Path(__file__).parent.parent.parent / "deploy" / "policy.toml"


def check(*arguments: str) -> Result:
    return CliRunner().invoke(config, ["check", *arguments])


def test_a_usable_policy_is_ok_in_one_line_on_stdout(tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text('version = "autumn"\n[signals.anomaly]\nenabled = false\n')
    result = check("--policy", str(policy))
    assert result.stdout == f"{policy}: ok, version autumn, 19 signals on\n"
    assert (result.exit_code, result.stderr) == (0, "")


def test_a_policy_in_shadow_says_so(tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text("shadow = true\n")
    assert check("--policy", str(policy)).stdout.endswith(", 20 signals on, shadow (nothing is enforced)\n")


def test_the_shipped_policy_is_ok() -> None:
    assert check("--policy", str(SHIPPED)).exit_code == 0


def test_without_an_option_the_file_in_deploy_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "deploy").mkdir()
    (tmp_path / "deploy" / "policy.toml").write_text('version = "mine"\n')
    assert check().stdout == "deploy/policy.toml: ok, version mine, 20 signals on\n"


def test_without_any_file_the_shipped_policy_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert check().stdout.startswith("shipped policy (there is no deploy/policy.toml here): ok, version ")


def test_every_mistake_is_one_line_on_stderr_that_an_editor_can_jump_to() -> None:
    path = POLICIES / "many_mistakes.toml"
    result = check("--policy", str(path))
    expected = [f"{path}:{line}" for line in path.with_suffix(".txt").read_text().splitlines()]
    assert result.stderr.splitlines() == expected
    assert (result.exit_code, result.stdout) == (2, "")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(None, "cannot be read: No such file or directory."), (b"version = '\xff'", "is not UTF-8 text.")],
    ids=["absent", "not UTF-8"],
)
def test_a_file_that_cannot_be_read_is_one_sentence(tmp_path: Path, content: bytes | None, sentence: str) -> None:
    path = tmp_path / "policy.toml"
    if content is not None:
        path.write_bytes(content)
    result = check("--policy", str(path))
    assert (result.exit_code, result.stdout, result.stderr) == (2, "", f"{path}: {sentence}\n")


def test_a_folder_is_no_policy(tmp_path: Path) -> None:
    result = check("--policy", str(tmp_path))
    assert (result.exit_code, result.stderr) == (2, f"{tmp_path}: cannot be read: Is a directory.\n")


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_bytes(b"\xef\xbb\xbfversion = 'autumn'\r\nshadow = true\r\n")
    assert check("--policy", str(policy)).exit_code == 0
