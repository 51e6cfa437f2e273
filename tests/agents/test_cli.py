"""The command line as a whole: one sentence and an exit code for every mistake, never a traceback."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from agents.cli import COMMANDS, cli, main

Outcome = tuple[int, str, str]


@pytest.fixture
def stillwatch(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Outcome]:
    """Run the command line in this process: (exit code, stdout, stderr)."""
    for name in ("KAFKA_BOOTSTRAP_SERVERS", "REDIS_URL", "STILLWATCH_FINGERPRINT_KEY"):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments: str | Path) -> Outcome:
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        assert isinstance(ended.value.code, int)
        return ended.value.code, out, err

    return run


def started(*arguments: str) -> subprocess.Popen[bytes]:
    program = f"import sys; from agents.cli import main; main({arguments!r})"
    return subprocess.Popen(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("unknown",), "No such command 'unknown'"),
        (("--unknown",), "No such option"),
        (("replay",), "Missing argument 'RECORDS'"),
        (("replay", "rows.jsonl"), "Missing option '--decisions'"),
        (("replay", "rows.jsonl", "--decisions"), "Option '--decisions' requires an argument"),
        (("replay", "a", "b", "--decisions", "d"), "unexpected extra argument"),
        (("simulate", "relay", "--scale", "abc"), "Invalid value for '--scale': 'abc' is not a valid float"),
        (("simulate", "relais", "--out", "-"), "There is no scenario 'relais'"),
        (("dev", "up", "--brokers", "9"), "'--brokers': 9 is not in the range"),
        (("config", "check", "--policy", "absent.toml"), "absent.toml: cannot be read: No such file or directory"),
        (("config", "check", "mine.toml"), "with an option: stillwatch config check --policy mine.toml"),
        (("run", "--agents", "observe,guess"), "not guess"),
        (("run",), "KAFKA_BOOTSTRAP_SERVERS is not set"),
        (("state", "acct-1"), "KAFKA_BOOTSTRAP_SERVERS is not set"),
        (("explain", "acct-1"), "KAFKA_BOOTSTRAP_SERVERS is not set"),
        (("ingest", "rows.jsonl"), "STILLWATCH_FINGERPRINT_KEY is not set"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_mistake_is_one_sentence_on_stderr_and_exit_code_2(
    stillwatch: Callable[..., Outcome], arguments: tuple[str, ...], words: str
) -> None:
    code, out, err = stillwatch(*arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert words in err


@pytest.mark.parametrize("group", [(), ("dev",), ("config",)], ids=str)
def test_a_group_alone_says_what_it_can_do(stillwatch: Callable[..., Outcome], group: tuple[str, ...]) -> None:
    code, out, err = stillwatch(*group)
    assert (code, out) == (2, "")
    assert "Usage:" in err
    assert "Commands:" in err


@pytest.mark.parametrize("group", [(), ("dev",), ("config",)], ids=str)
def test_no_summary_of_a_command_is_cut_short(stillwatch: Callable[..., Outcome], group: tuple[str, ...]) -> None:
    _, out, _ = stillwatch(*group, "--help")
    assert "..." not in out.partition("Commands:")[2]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(stillwatch: Callable[..., Outcome], name: str) -> None:
    code, out, err = stillwatch(name, "--help")
    assert (code, err) == (0, "")
    assert out.startswith(f"Usage: stillwatch {name} ")


def test_what_a_command_ends_with_is_the_exit_code(
    stillwatch: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    @click.command()
    @click.argument("code", type=int)
    def leave(code: int) -> None:
        raise click.exceptions.Exit(code)

    monkeypatch.setattr(cli, "get_command", lambda _context, _name: leave)
    assert [stillwatch("leave", str(code)) for code in (0, 1, 2)] == [(0, "", ""), (1, "", ""), (2, "", "")]


@pytest.mark.parametrize("arguments", [("--version",), ("simulate", "--list")], ids=" ".join)
def test_what_succeeds_ends_with_0(stillwatch: Callable[..., Outcome], arguments: tuple[str, ...]) -> None:
    assert stillwatch(*arguments)[0] == 0


def test_ctrl_c_ends_a_command_with_130_and_without_a_word_of_python() -> None:
    process = started("simulate", "ordinary", "--out", "-")
    assert process.stdout
    assert process.stderr
    with process:
        process.stdout.read(1000)  # it works by now
        process.send_signal(signal.SIGINT)
        process.stdout.read()
        assert process.stderr.read().strip() == b""
    assert process.returncode == 130


def test_a_reader_that_goes_away_ends_a_command_quietly() -> None:
    process = started("simulate", "ordinary", "--out", "-")
    assert process.stdout
    assert process.stderr
    with process:
        process.stdout.read(1000)
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


def test_a_reader_that_is_gone_before_the_first_word_does_no_harm() -> None:
    read, write = os.pipe()
    os.close(read)
    program = "from agents.cli import main; main(['simulate', '--list'])"
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", program], stdout=write, stderr=subprocess.PIPE, check=False
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (141, b"")
