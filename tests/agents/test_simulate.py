"""`stillwatch simulate`: whole files or none, the same bytes for the same seed, one sentence for a mistake."""

import gzip
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from agents.cli.simulate import simulate
from streams.events import RequestRecord
from streams.scenarios import SCENARIOS, Truth, simulate_labelled
from streams.scenarios.stage import Script

SMALL = ("--scale", "0.05")
DAY_MS = 86_400_000


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(simulate, [str(argument) for argument in arguments])


def mistake(result: Result) -> str:
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    return result.stderr


def test_records_and_truth_are_written_and_agree(tmp_path: Path) -> None:
    out, truth = tmp_path / "records.jsonl", tmp_path / "truth.jsonl"
    result = run("relay", "campus_nat", "--out", out, "--truth", truth, *SMALL)
    assert result.exit_code == 0
    records = [msgspec.json.decode(line, type=RequestRecord) for line in out.read_bytes().splitlines()]
    truths = [msgspec.json.decode(line, type=Truth) for line in truth.read_bytes().splitlines()]
    assert {record.account_id for record in records} == {truth.account_id for truth in truths}
    assert len(truths) == 25
    assert f"Wrote {len(records):,} records of 25 accounts." in result.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["records.jsonl", "truth.jsonl"]


def test_no_record_carries_a_label(tmp_path: Path) -> None:
    out = tmp_path / "records.jsonl"
    run("relay", "--out", out, *SMALL)
    fields = set(RequestRecord.__struct_fields__)
    assert all(set(msgspec.json.decode(line)) <= fields for line in out.read_bytes().splitlines())


@pytest.mark.parametrize("name", ["records.jsonl", "records.jsonl.gz"])
def test_the_same_seed_writes_the_same_bytes(tmp_path: Path, name: str) -> None:
    first, second, other = (tmp_path / folder / name for folder in "abc")
    for path, seed in ((first, 7), (second, 7), (other, 8)):
        path.parent.mkdir()
        assert run("campus_nat", "--out", path, "--seed", str(seed), *SMALL).exit_code == 0
    assert first.read_bytes() == second.read_bytes()
    assert first.read_bytes() != other.read_bytes()


def test_a_name_that_ends_in_gz_is_compressed(tmp_path: Path) -> None:
    plain, packed = tmp_path / "records.jsonl", tmp_path / "records.jsonl.gz"
    run("campus_nat", "--out", plain, *SMALL)
    run("campus_nat", "--out", packed, *SMALL)
    assert gzip.decompress(packed.read_bytes()) == plain.read_bytes()


def test_a_dash_writes_to_standard_output(tmp_path: Path) -> None:
    out = tmp_path / "records.jsonl"
    run("campus_nat", "--out", out, *SMALL)
    assert run("campus_nat", "--out", "-", *SMALL).stdout_bytes == out.read_bytes()


def test_what_is_not_an_ordinary_file_is_written_to_and_not_replaced() -> None:
    assert run("campus_nat", "--out", "/dev/null", *SMALL).exit_code == 0
    assert Path("/dev/null").is_char_device()


def test_an_existing_file_is_replaced(tmp_path: Path) -> None:
    out = tmp_path / "records.jsonl"
    out.write_text("old\n")
    assert run("campus_nat", "--out", out, *SMALL).exit_code == 0
    assert not out.read_bytes().startswith(b"old")


@pytest.mark.parametrize("failure", [KeyboardInterrupt, OSError("disk full"), RuntimeError])
def test_what_is_interrupted_leaves_the_old_files_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: BaseException
) -> None:
    out, truth = tmp_path / "records.jsonl", tmp_path / "truth.jsonl"
    out.write_text("old\n")

    def broken(names: tuple[str, ...], *, seed: int, scale: float, days: int) -> Script:
        def script() -> Iterator[tuple[RequestRecord, Truth]]:
            lines = simulate_labelled(names, seed=seed, scale=scale, days=days)
            yield next(lines)
            yield next(lines)
            raise failure

        return script()

    monkeypatch.setattr("agents.cli.simulate.simulate_labelled", broken)
    assert run("campus_nat", "--out", out, "--truth", truth, *SMALL).exit_code != 0
    assert [path.name for path in tmp_path.iterdir()] == ["records.jsonl"]
    assert out.read_text() == "old\n"


def test_the_list_describes_every_scenario() -> None:
    result = run("--list")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert [line.split()[0] for line in lines if not line.startswith(" ")] == list(SCENARIOS)
    assert all(len(line) <= 80 for line in lines)


def test_an_unknown_scenario_is_named_with_the_known_ones() -> None:
    sentence = mistake(run("relais", "--out", "-"))
    assert "'relais'" in sentence
    assert "campus_nat" in sentence


@pytest.mark.parametrize("scale", ["0", "-1", "nan", "inf", "1e9"])
def test_a_scale_that_makes_no_world_is_refused(scale: str) -> None:
    assert "--scale" in mistake(run("relay", "--out", "-", "--scale", scale))


def test_several_days_are_written_one_after_the_other(tmp_path: Path) -> None:
    out = tmp_path / "records.jsonl"
    assert run("campus_nat", "--out", out, "--days", "3", *SMALL).exit_code == 0
    days = {msgspec.json.decode(line)["occurred_at_ms"] // DAY_MS for line in out.read_bytes().splitlines()}
    assert len(days) == 3


def test_the_first_day_may_be_another_and_all_moves_with_it(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for path, start in ((one, "2026-10-05"), (other, "2026-11-30")):
        assert run("thin", "--scale", "0.01", "--out", str(path), "--start", start).exit_code == 0
    days = [{msgspec.json.decode(line)["occurred_at_ms"] // DAY_MS for line in path.open()} for path in (one, other)]
    assert {day + 56 for day in days[0]} == days[1]


def test_a_first_day_that_is_none_is_a_mistake() -> None:
    assert run("thin", "--out", "-", "--start", "soon").exit_code == 2


@pytest.mark.parametrize("days", ["0", "-1", "367"])
def test_days_that_make_no_world_are_refused(days: str) -> None:
    assert "--days" in mistake(run("relay", "--out", "-", "--days", days))


def test_no_scenario_is_a_mistake() -> None:
    assert "at least one scenario" in mistake(run("--out", "-"))


def test_no_place_for_the_records_is_a_mistake() -> None:
    assert "--out" in mistake(run("relay"))


@pytest.mark.parametrize("name", ["-", "same.jsonl"])
def test_records_and_truth_in_one_place_are_a_mistake(name: str) -> None:
    assert "same place" in mistake(run("relay", "--out", name, "--truth", name))


def test_a_folder_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    sentence = mistake(run("campus_nat", "--out", tmp_path / "absent" / "records.jsonl", *SMALL))
    assert f"{tmp_path}/absent/records.jsonl: " in sentence
    assert "no such file" in sentence.lower()


def test_a_folder_in_place_of_the_file_is_one_sentence(tmp_path: Path) -> None:
    assert "directory" in mistake(run("campus_nat", "--out", tmp_path, *SMALL))


def test_a_truth_that_cannot_be_written_leaves_no_records_either(tmp_path: Path) -> None:
    mistake(run("campus_nat", "--out", tmp_path / "records.jsonl", "--truth", tmp_path / "absent" / "t", *SMALL))
    assert list(tmp_path.iterdir()) == []
