"""`stillwatch evaluate`: the right figures in all its forms, and one sentence for a mistake."""

import gzip
import sys
from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from agents.cli.evaluate import evaluate
from agents.evaluation.summary import class_name, innocent_table
from streams.evaluation import ClassResult, Evaluation
from streams.evaluation.intervals import interval
from streams.events import RequestRecord
from tests.streams.evaluation.deciding import MINUTE, decision, guilty, innocent

PNG = b"\x89PNG\r\n"


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """One campaign account that is suspended in its fourth minute of ten, one innocent that is throttled."""
    records = [
        RequestRecord(
            event_id=f"{who}{number}",
            occurred_at_ms=1_790_000_000_000 + number * MINUTE,
            account_id=who,
            operation="chat",
            request_model="m",
            input_tokens=5,
        )
        for number in range(10)
        for who in ("mallory", "alice", "bob")
    ]
    decisions = [
        decision("suspend", "c", 1_790_000_000_000 + 3 * MINUTE - 1_000, members=("mallory",)),
        decision("throttle", "bob", 1_790_000_000_000),
    ]
    lines: dict[str, Iterable[object]] = {
        "records": records,
        "decisions": decisions,
        "older": decisions[1:],
        "truth": [*guilty("mallory"), *innocent("alice", "bob")],
    }
    paths = {}
    for name, rows in lines.items():
        paths[name] = tmp_path / f"{name}.jsonl"
        paths[name].write_bytes(msgspec.json.Encoder().encode_lines(list(rows)))
    return paths


def run(files: dict[str, Path], *more: str | Path, truth: bool = True) -> Result:
    arguments = ["--records", files["records"], "--decisions", files["decisions"]]
    arguments += ["--truth", files["truth"]] if truth else []
    return CliRunner().invoke(evaluate, [str(it) for it in (*arguments, *more)])


def mistake(result: Result) -> str:
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    return result.stderr


def test_campaigns_innocents_and_bars_are_printed_within_80_columns(files: dict[str, Path]) -> None:
    result = run(files)
    assert result.exit_code == 1
    assert all(len(line) <= 80 for line in result.stdout.splitlines())
    (campaign,) = (line.split() for line in result.stdout.splitlines() if line.startswith("c  "))
    assert campaign == ["c", "1", "10", "30.0%", "30.0%", "100.0%", "never", "never"]
    (ordinary,) = (line.split() for line in result.stdout.splitlines() if line.startswith("ordinary"))
    assert ordinary[:5] == ["ordinary", "2", "1", "0", "0"]
    assert "c leaked 30.0% of its exchanges; the bar is 1.0%." in result.stdout
    assert "1 of 2 innocent accounts were limited, 500,000 per million; the bar is 200." in result.stdout


def test_bars_that_are_met_end_well(files: dict[str, Path]) -> None:
    result = run(files, "--bar", "leakage=0.3", "--bar", "limited=1e6")
    assert result.exit_code == 0
    assert "Past its bar" not in result.stdout


def test_the_json_holds_everything(files: dict[str, Path], tmp_path: Path) -> None:
    run(files, "--json", tmp_path / "out.json")
    found = msgspec.json.decode((tmp_path / "out.json").read_bytes(), type=Evaluation)
    assert found.campaigns[0].leakage == 0.3
    assert found.precision == 0.5
    assert found.detection["c"][0].y == 1.0
    assert found.calibration is not None
    assert found.calibration.error == pytest.approx(0.4)


def test_the_report_is_one_page_and_its_curves(files: dict[str, Path], tmp_path: Path) -> None:
    run(files, "--report", tmp_path / "report")
    page = (tmp_path / "report" / "index.html").read_text()
    assert (tmp_path / "report" / "detection.png").read_bytes().startswith(PNG)
    assert (tmp_path / "report" / "precision_recall.png").read_bytes().startswith(PNG)
    assert (tmp_path / "report" / "reliability.png").read_bytes().startswith(PNG)
    assert "c leaked 30.0% of its exchanges" in page
    assert "the score is off by\n0.400 on average" in page
    assert page.count("data:image/png;base64,") == 3
    assert "http" not in page.replace("http-equiv", "")


def test_a_report_about_nobody_has_no_curves(files: dict[str, Path], tmp_path: Path) -> None:
    files["decisions"].write_text("")
    result = run(files, "--report", tmp_path / "report", truth=False)
    assert result.exit_code == 0
    assert [path.name for path in (tmp_path / "report").iterdir()] == ["index.html"]
    page = (tmp_path / "report" / "index.html").read_text()
    assert "Nobody said who they are." in page
    assert "bars" not in page
    assert "per million" not in page


def test_the_truth_of_another_log_is_refused(files: dict[str, Path]) -> None:
    files["truth"].write_text(files["truth"].read_text().replace('"account_id":"', '"account_id":"another '))
    assert "names none of the accounts of" in mistake(run(files))


def test_without_a_truth_it_says_who_was_limited(files: dict[str, Path]) -> None:
    result = run(files, truth=False)
    assert result.exit_code == 0
    assert "2 of 3 accounts (1 throttled, 0 challenged, 1 suspended)." in result.stdout
    assert "everybody else" not in result.stdout


def test_two_sets_of_decisions_are_compared_account_by_account(files: dict[str, Path]) -> None:
    result = run(files, "--compare", files["older"], truth=False)
    assert "Limited by both: 1." in result.stdout
    assert "Only by the new decisions: 1 (mallory)." in result.stdout
    assert "Only by the old ones: 0." in result.stdout


def test_compressed_files_are_read(files: dict[str, Path]) -> None:
    for path in files.values():
        path.write_bytes(gzip.compress(path.read_bytes()))
    assert run(files).exit_code == 1


@pytest.mark.parametrize("which", ["decisions", "truth"])
def test_a_line_that_is_none_is_named(files: dict[str, Path], which: str) -> None:
    with files[which].open("ab") as file:
        file.write(b'\n{"nothing": true}\n')
    sentence = mistake(run(files))
    assert str(files[which]) in sentence
    assert "line " in sentence


@pytest.mark.parametrize("which", ["records", "decisions", "truth"])
def test_a_file_that_is_not_there_is_one_sentence(files: dict[str, Path], which: str) -> None:
    files[which].unlink()
    assert "o such file" in mistake(run(files))


@pytest.mark.parametrize("bar", ["x=1", "leakage", "leakage=much"])
def test_a_bar_that_is_none_is_one_sentence_with_the_bars_there_are(files: dict[str, Path], bar: str) -> None:
    assert "leakage_of_few=0.05" in mistake(run(files, "--bar", bar))


def test_a_report_in_place_of_a_file_is_one_sentence(files: dict[str, Path]) -> None:
    assert str(files["truth"]) in mistake(run(files, "--report", files["truth"]))


def test_bad_records_are_reported_after_the_rest(files: dict[str, Path]) -> None:
    with files["records"].open("ab") as file:
        file.write(b"not json\n")
    result = run(files, "--bar", "leakage=1", "--bar", "limited=1e6")
    assert result.exit_code == 1
    assert "1 bad row" in result.stderr
    assert "Precision: 50.0% of 2." in result.stdout


def test_without_the_extra_a_report_says_what_to_install(
    files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setattr("agents.cli.evaluate.find_spec", lambda _name: None)
    assert "with its extra `report`" in mistake(run(files, "--report", tmp_path / "report"))


@pytest.mark.parametrize(
    ("label", "accounts", "limited"),
    [
        ("look_alike:continuous_integration", 2, 2),
        ("look_alike:continuous_integration", 3, 1),
        ("benign", 20, 20),
        ("all", 1_017_476, 0),
    ],
)
def test_columns_of_innocents_stand_apart_in_small_worlds_and_in_large_ones(
    label: str, accounts: int, limited: int
) -> None:
    count = interval(limited, accounts)
    found = ClassResult(
        label=label, accounts=accounts, throttled=count, challenged=count, suspended=count, limited=count
    )
    head, line = innocent_table([found])
    between = f"{count.low * 1_000_000:,.0f}-{count.high * 1_000_000:,.0f}"
    assert line.split() == [*class_name(label).split(), f"{accounts:,}", *[str(limited)] * 3, between]
    assert (len(head), len(line)) == (80, 80)
