"""`stillwatch replay` at the command line: what it writes, what it says, and what it does with bad input."""

import gzip
import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from agents.cli import main
from streams.decisions import Decision

Outcome = tuple[int, str, str]

NOW_MS = time.time_ns() // 1_000_000
BAD = b"not json\n"


def row(number: int, **fields: object) -> bytes:
    record = {
        "event_id": f"e-{number}",
        "occurred_at_ms": NOW_MS - 3_600_000 + number,
        "account_id": f"acct-{number % 3}",
        "operation": "chat",
        "request_model": "m",
        "messages": [{"role": "user", "content": "Which day is it?"}],
    }
    return json.dumps(record | fields).encode() + b"\n"


ROWS = b"".join(map(row, range(20)))


@pytest.fixture
def records(tmp_path: Path) -> Path:
    path = tmp_path / "records.jsonl"
    path.write_bytes(ROWS)
    return path


@pytest.fixture
def replay(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Outcome]:
    monkeypatch.delenv("STILLWATCH_FINGERPRINT_KEY", raising=False)

    def run(*arguments: str | Path) -> Outcome:
        with pytest.raises(SystemExit) as ended:
            main(["replay", *map(str, arguments)])
        out, err = capfd.readouterr()
        assert isinstance(ended.value.code, int)
        return ended.value.code, out, err

    return run


@pytest.fixture(scope="module")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Records that decisions are made about."""
    from agents.cli.simulate import simulate  # noqa: PLC0415

    path = tmp_path_factory.mktemp("campaign") / "records.jsonl.gz"
    assert CliRunner().invoke(simulate, ["relay", "--out", str(path), "--scale", "0.1"]).exit_code == 0
    return path


def test_good_rows_give_decisions_and_exit_code_0(
    replay: Callable[..., Outcome], campaign: Path, tmp_path: Path
) -> None:
    code, out, err = replay(campaign, "--decisions", tmp_path / "out")
    decisions = [msgspec.json.decode(line, type=Decision) for line in (tmp_path / "out").read_bytes().splitlines()]
    assert (code, out) == (0, "")
    assert decisions
    assert f"{len(decisions)} decisions in {tmp_path}/out" in err


def test_a_dash_writes_the_same_bytes_to_standard_output(
    replay: Callable[..., Outcome], campaign: Path, tmp_path: Path
) -> None:
    replay(campaign, "--decisions", tmp_path / "out")
    code, out, _ = replay(campaign, "--decisions", "-")
    assert code == 0
    assert out.encode() == (tmp_path / "out").read_bytes()


def test_bad_rows_are_counted_and_written_as_they_were_and_the_exit_code_is_1(
    replay: Callable[..., Outcome], tmp_path: Path
) -> None:
    bad = [BAD, row(3), row(21, input_tokens=-1), b'{"event_id": "no newline"}']
    path, rejects, out = tmp_path / "in", tmp_path / "rejects", tmp_path / "out"
    path.write_bytes(bad[0] + ROWS + bad[1] + b"\n" + bad[2] + bad[3])
    code, _, err = replay(path, "--decisions", out, "--rejects", rejects)
    assert code == 1
    assert rejects.read_bytes() == b"".join(bad)
    assert out.exists()
    assert err.splitlines() == [
        f"20 records, 0 decisions in {out}",
        f"4 bad rows (1 duplicate_event_id, 1 missing_field, 1 not_json, 1 out_of_range): written to {rejects}",
        "  first not_json: line 1: The value is not JSON.",
        "  first duplicate_event_id: line 22: A record before it has the same `event_id`.",
        "  first out_of_range: line 24: `input_tokens` must be at least 0.",
        "  first missing_field: line 25: The required field `occurred_at_ms` is missing.",
    ]


def test_bad_rows_change_nothing_for_the_good_ones(
    replay: Callable[..., Outcome], campaign: Path, tmp_path: Path
) -> None:
    lines = gzip.decompress(campaign.read_bytes()).splitlines(keepends=True)
    (tmp_path / "mixed").write_bytes(BAD.join([*lines, b""]))
    assert replay(campaign, "--decisions", tmp_path / "clean.out")[0] == 0
    code, _, err = replay(tmp_path / "mixed", "--decisions", tmp_path / "mixed.out")
    assert code == 1
    assert f"{len(lines)} bad rows ({len(lines)} not_json): name a file with --rejects to keep them" in err
    assert (tmp_path / "mixed.out").read_bytes() == (tmp_path / "clean.out").read_bytes()


def test_rejects_can_be_replayed_once_they_are_mended(replay: Callable[..., Outcome], tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(row(1, input_tokens=-1) + row(2))
    replay(tmp_path / "in", "--decisions", tmp_path / "out", "--rejects", tmp_path / "rejects")
    mended = (tmp_path / "rejects").read_bytes().replace(b"-1}", b"1}")
    (tmp_path / "mended").write_bytes(mended)
    assert replay(tmp_path / "mended", "--decisions", tmp_path / "out")[0] == 0


def test_without_a_bad_row_the_rejects_are_empty(replay: Callable[..., Outcome], records: Path, tmp_path: Path) -> None:
    (tmp_path / "rejects").write_bytes(b"of another day")
    assert replay(records, "--decisions", tmp_path / "out", "--rejects", tmp_path / "rejects")[0] == 0
    assert (tmp_path / "rejects").read_bytes() == b""


def test_rejects_may_hold_prompts_so_only_their_owner_reads_them(
    replay: Callable[..., Outcome], records: Path, tmp_path: Path
) -> None:
    before = os.umask(0o022)
    try:
        replay(records, "--decisions", tmp_path / "out", "--rejects", tmp_path / "rejects")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "rejects").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o644


def test_an_empty_input_is_said_and_is_no_fault(replay: Callable[..., Outcome], tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"")
    code, _, err = replay(tmp_path / "in", "--decisions", tmp_path / "out")
    assert code == 0
    assert err.splitlines() == [
        f"0 records, 0 decisions in {tmp_path}/out",
        "The input is empty: there was nothing to do.",
    ]
    assert (tmp_path / "out").read_bytes() == b""


def unreadable_gzip(folder: Path) -> Path:
    path = folder / "cut.gz"
    path.write_bytes(gzip.compress(BAD + ROWS)[:-5])
    return path


def utf16(folder: Path) -> Path:
    path = folder / "utf16.jsonl"
    path.write_bytes(ROWS.decode().encode("utf-16"))
    return path


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (unreadable_gzip, "is cut short or damaged after line 21"),
        (utf16, "is UTF-16 or UTF-32; it must be JSON Lines in UTF-8"),
        (lambda folder: folder, "cannot be opened: Is a directory"),
        (lambda folder: folder / "absent", "cannot be opened: No such file or directory"),
    ],
    ids=["cut gzip", "UTF-16", "directory", "absent"],
)
def test_an_input_that_cannot_be_read_to_its_end_changes_no_file(
    replay: Callable[..., Outcome], tmp_path: Path, make: Callable[[Path], Path], words: str
) -> None:
    source = make(tmp_path)
    (tmp_path / "rejects").write_bytes(b"old rejects")
    (tmp_path / "out").write_bytes(b"old decisions")
    before = sorted(tmp_path.iterdir())
    code, out, err = replay(source, "--decisions", tmp_path / "out", "--rejects", tmp_path / "rejects")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert words in err
    assert sorted(tmp_path.iterdir()) == before
    assert (tmp_path / "rejects").read_bytes() == b"old rejects"
    assert (tmp_path / "out").read_bytes() == b"old decisions"


@pytest.mark.parametrize("option", ["--decisions", "--rejects"])
@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("absent/out", "no such file or directory"),
        ("", "is a directory"),
        ("records.jsonl/out", "not a directory"),
        ("/dev/full", "no space left on device"),
    ],
)
def test_a_place_that_cannot_be_written_is_one_sentence(
    replay: Callable[..., Outcome], records: Path, tmp_path: Path, option: str, place: str, words: str
) -> None:
    records.write_bytes(gzip.compress(BAD + b"x" * 100_000 + ROWS))
    outputs = {"--decisions": str(tmp_path / "out"), "--rejects": str(tmp_path / "rejects")}
    outputs[option] = place if place.startswith("/") else f"{tmp_path}/{place}"
    if outputs["--decisions"] == "/dev/full":
        pytest.skip("no decision is written: see the test on a full disc")
    code, out, err = replay(records, *(word for pair in outputs.items() for word in pair))
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert words in err
    assert [path.name for path in tmp_path.iterdir()] == ["records.jsonl"]


def test_a_disc_that_fills_up_under_the_decisions_is_one_sentence(
    replay: Callable[..., Outcome], campaign: Path
) -> None:
    code, _, err = replay(campaign, "--decisions", "/dev/full")
    assert (code, err) == (2, "Error: Cannot write /dev/full: no space left on device.\n")


def test_what_is_no_ordinary_file_is_written_to_and_not_replaced(replay: Callable[..., Outcome], records: Path) -> None:
    assert replay(records, "--decisions", "/dev/null", "--rejects", "/dev/null")[0] == 0
    assert Path("/dev/null").is_char_device()


def test_a_link_stays_a_link(replay: Callable[..., Outcome], records: Path, tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to("real")
    assert replay(records, "--decisions", tmp_path / "link")[0] == 0
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b""


@pytest.mark.parametrize(
    ("decisions", "rejects"), [("records.jsonl", "rejects"), ("out", "records.jsonl"), ("same", "same")]
)
def test_a_file_that_is_named_twice_is_a_mistake(
    replay: Callable[..., Outcome], records: Path, tmp_path: Path, decisions: str, rejects: str
) -> None:
    code, _, err = replay(records, "--decisions", tmp_path / decisions, "--rejects", tmp_path / "." / rejects)
    assert (code, err.count("\n")) == (2, 1)
    assert "named twice" in err
    assert records.read_bytes() == ROWS
    assert list(tmp_path.iterdir()) == [records]


def test_a_policy_with_an_unknown_key_is_named_with_its_line(
    replay: Callable[..., Outcome], records: Path, tmp_path: Path
) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text('version = "1"\nshadwo = true\n')
    code, _, err = replay(records, "--decisions", tmp_path / "out", "--policy", policy)
    assert (code, err.count("\n")) == (2, 1)
    assert err.startswith(f"{policy}:2: ")
    assert not (tmp_path / "out").exists()


def test_a_short_key_is_one_sentence(
    replay: Callable[..., Outcome], records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STILLWATCH_FINGERPRINT_KEY", "short")
    code, _, err = replay(records, "--decisions", tmp_path / "out")
    assert (code, err) == (2, "Error: STILLWATCH_FINGERPRINT_KEY has 5 bytes; it needs at least 16.\n")


def program(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-c", f"from agents.cli import main; main({['replay', *map(str, arguments)]!r})"]


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_standard_input_is_read_plain_or_gzip(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    done = subprocess.run(  # noqa: S603 - our own interpreter
        program("-", "--decisions", tmp_path / "out"), input=pack(ROWS), capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, f"20 records, 0 decisions in {tmp_path}/out\n".encode())


def test_ctrl_c_in_the_middle_ends_it_at_once_and_leaves_no_file(tmp_path: Path) -> None:
    with subprocess.Popen(  # noqa: S603 - our own interpreter
        program("-", "--decisions", tmp_path / "out", "--rejects", tmp_path / "rejects"),
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin
        assert process.stderr
        for _ in range(10):  # more than a pipe holds, so it reads by now
            process.stdin.write(ROWS * 20)
            process.stdin.flush()
        process.send_signal(signal.SIGINT)
        assert process.stderr.read().strip() == b""
        assert process.wait(timeout=60) == 130
    assert list(tmp_path.iterdir()) == []


def test_what_reviewers_said_is_replayed_with_the_events(
    replay: Callable[..., Outcome], campaign: Path, tmp_path: Path
) -> None:
    replay(campaign, "--decisions", tmp_path / "plain")
    plain = [msgspec.json.decode(it, type=Decision) for it in (tmp_path / "plain").read_bytes().splitlines()]
    first = next(it for it in plain if it.members)
    verdict = {"subject_kind": "campaign", "subject_id": first.subject_id, "verdict": "innocent", "reviewer": "r"}
    an_hour_later = {"decided_at_ms": first.decided_at_ms + 3_600_000}
    (tmp_path / "feedback").write_text(json.dumps(verdict | an_hour_later) + "\n\n")
    code, _, err = replay(campaign, "--decisions", tmp_path / "out", "--feedback", tmp_path / "feedback")
    said = [msgspec.json.decode(it, type=Decision) for it in (tmp_path / "out").read_bytes().splitlines()]
    assert code == 0, err
    about = [it.action for it in said if it.subject_id == first.subject_id]
    assert about[-1] == "release"
    assert said != plain


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("\nnonsense\n", "line 2 of {} is no verdict: The value is not JSON."),
        ('{"verdict": "innocent"}', "line 1 of {} is no verdict: The required field `subject_kind` is missing."),
        (None, "{} cannot be opened: No such file or directory."),
    ],
)
def test_feedback_that_cannot_be_read_is_one_sentence(
    replay: Callable[..., Outcome], records: Path, tmp_path: Path, text: str | None, sentence: str
) -> None:
    path = tmp_path / "feedback"
    if text is not None:
        path.write_text(text)
    code, out, err = replay(records, "--decisions", tmp_path / "out", "--feedback", path)
    assert (code, out, err) == (2, "", f"Error: {sentence.format(path)}\n")
    assert not (tmp_path / "out").exists()


def test_feedback_is_not_written_over(replay: Callable[..., Outcome], records: Path, tmp_path: Path) -> None:
    path = tmp_path / "feedback"
    path.write_text("")
    code, _, err = replay(records, "--decisions", path, "--feedback", path)
    assert (code, path.read_text()) == (2, "")
    assert "is named twice" in err
