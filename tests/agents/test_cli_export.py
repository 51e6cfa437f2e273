"""`stillwatch export`: files in, findings and bundles out, and one sentence for a mistake."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from agents.cli import main
from agents.exporting.lines import added_to
from agents.exporting.sharing import SHARING_VARIABLE
from agents.settings import KAFKA_VARIABLE, REDIS_VARIABLE, VERIFY_VARIABLE
from tests.agents.exporting.campaigning import AT, HOUR, about, of_template, simulated_day

DATA = Path(__file__).resolve().parents[1] / "data" / "exporting"
DECISIONS = str(DATA / "decisions.jsonl")
NOWHERE = "127.0.0.1:1"
Outcome = tuple[int, str, str]
STIX = ("--format", "stix", "--producer", "Example AI")


@pytest.fixture(autouse=True)
def key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The sharing key of the page, in a file that the environment names."""
    file = tmp_path / "example.key"
    file.write_text("a sharing key for this page alone\n")
    file.chmod(0o600)
    monkeypatch.setenv(SHARING_VARIABLE, str(file))
    for name in (KAFKA_VARIABLE, REDIS_VARIABLE, VERIFY_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    return file


@pytest.fixture
def export(capfd: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Run the command: (exit code, stdout, stderr)."""

    def run(*arguments: str) -> Outcome:
        with pytest.raises(SystemExit) as ended:
            main(["export", *arguments])
        assert isinstance(ended.value.code, int)
        return ended.value.code, *capfd.readouterr()

    return run


def test_the_findings_of_the_example_are_those_that_are_committed(export: Callable[..., Outcome]) -> None:
    """Golden. After an intended change run what is asked for here, with the key of this test, into these files."""
    golden = (DATA / "findings.jsonl").read_text()
    assert export("--format", "ocsf", "--decisions", DECISIONS) == (0, golden, "")


def test_the_bundle_of_the_example_is_the_one_that_is_committed(export: Callable[..., Outcome]) -> None:
    golden = (DATA / "bundle.json").read_text()
    assert export(*STIX, "--decisions", DECISIONS) == (0, golden, "")


def test_a_file_gets_the_same_and_is_its_owner_s_alone(export: Callable[..., Outcome], tmp_path: Path) -> None:
    for format_name, golden in ((("--format", "ocsf"), "findings.jsonl"), (STIX, "bundle.json")):
        out = tmp_path / golden
        assert export(*format_name, "--decisions", DECISIONS, "--out", str(out)) == (0, "", "")
        assert out.read_bytes() == (DATA / golden).read_bytes()
        assert out.stat().st_mode & 0o777 == 0o600


def test_without_a_sharing_key_findings_have_no_links(
    export: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(SHARING_VARIABLE)
    code, out, _ = export("--format", "ocsf", "--decisions", DECISIONS)
    assert code == 0
    assert len(out.splitlines()) == 3
    assert '"observables"' not in out


def test_one_campaign_and_what_is_newer(export: Callable[..., Outcome], tmp_path: Path) -> None:
    file = tmp_path / "decisions.jsonl.gz"
    made = [about(), about(subject="c-2", at_ms=AT + HOUR), of_template(at_ms=AT + 2 * HOUR)]
    file.write_bytes(gzip.compress(msgspec.json.Encoder().encode_lines(made)))

    def told(*more: str) -> list[tuple[str, int]]:
        code, out, _ = export("--format", "ocsf", "--decisions", str(file), *more)
        assert code == 0
        found = [json.loads(line) for line in out.splitlines()]
        return [(it["finding_info"]["uid"], it["time"] - AT) for it in found]

    def campaigns(*more: str) -> list[str]:
        code, out, _ = export(*STIX, "--decisions", str(file), *more)
        assert code == 0
        return [it["name"][-3:] for it in json.loads(out)["objects"] if it["type"] == "campaign"]

    assert told() == [("c-1", 0), ("c-2", HOUR), ("c-1", 2 * HOUR)]
    assert told("--campaign", "c-1") == [("c-1", 0), ("c-1", 2 * HOUR)]
    assert told("--since", "2026-10-05T13:00:00") == [("c-2", HOUR), ("c-1", 2 * HOUR)]
    assert told("--since", "2026-10-05T14:00:00+01:00", "--campaign", "c-2") == [("c-2", HOUR)]
    assert campaigns() == ["c-1", "c-2"]
    assert campaigns("--campaign", "c-2") == ["c-2"]
    assert campaigns("--since", "2026-10-05T13:30:00") == ["c-1"]


@pytest.mark.parametrize("format_name", [("--format", "ocsf"), STIX])
def test_accounts_leave_only_when_they_are_asked_for_and_never_as_they_are(
    export: Callable[..., Outcome], tmp_path: Path, format_name: tuple[str, ...]
) -> None:
    day = simulated_day()
    file = tmp_path / "decisions.jsonl"
    file.write_bytes(msgspec.json.Encoder().encode_lines(day.decisions))
    for asked in ((), ("--accounts",)):
        code, out, _ = export(*format_name, "--decisions", str(file), *asked)
        assert code == 0
        assert [it for it in day.accounts | day.hashes if it in out] == []
        assert ('"account"' in out) == bool(asked)


def test_a_campaign_that_nothing_is_decided_about_is_exit_code_1(export: Callable[..., Outcome]) -> None:
    for format_name in (("--format", "ocsf"), STIX):
        assert export(*format_name, "--decisions", DECISIONS, "--campaign", "c-0") == (
            1,
            "",
            "Nothing is decided about c-0.\n",
        )


def test_a_campaign_of_which_only_a_template_or_an_heir_is_known_is_one_that_nothing_is_decided_about(
    export: Callable[..., Outcome], tmp_path: Path
) -> None:
    file = tmp_path / "decisions.jsonl"
    made = [of_template(campaign_id="c-3"), about("release", campaign_id="c-4")]
    file.write_bytes(msgspec.json.Encoder().encode_lines(made))
    for campaign in ("c-3", "c-4"):
        code, _, error = export(*STIX, "--decisions", str(file), "--campaign", campaign)
        assert (code, error) == (1, f"Nothing is decided about {campaign}.\n")


def test_an_empty_file_is_no_finding(export: Callable[..., Outcome], tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(b"")
    assert export("--format", "ocsf", "--decisions", str(tmp_path / "empty")) == (0, "", "")


MISTAKES = {
    ("--decisions", DECISIONS): "Missing option '--format'",
    ("--format", "cef"): "'cef' is not one of 'ocsf', 'stix'",
    ("--format", "ocsf", "--decisions", "nowhere.jsonl"): "nowhere.jsonl cannot be opened: No such file",
    ("--format", "ocsf"): "KAFKA_BOOTSTRAP_SERVERS is not set",
    ("--format", "ocsf", "--follow", "--decisions", DECISIONS): "--follow is for Kafka and ocsf",
    (*STIX, "--follow"): "--follow is for Kafka and ocsf",
    ("--format", "ocsf", "--follow"): "KAFKA_BOOTSTRAP_SERVERS is not set",
    ("--format", "ocsf", "--decisions", DECISIONS, "--tlp", "red"): "--producer and --tlp are for stix",
    ("--format", "ocsf", "--decisions", DECISIONS, "--producer", "me"): "--producer and --tlp are for stix",
    ("--format", "stix", "--decisions", DECISIONS): "--format stix needs --producer NAME",
    ("--format", "stix", "--decisions", DECISIONS, "--producer", ""): "--format stix needs --producer NAME",
    (*STIX, "--decisions", DECISIONS, "--tlp", "white"): "'white' is not one of 'clear'",
    ("--format", "ocsf", "--decisions", DECISIONS, "--since", "noon"): "--since noon is no time",
    ("--format", "ocsf", "--decisions", DECISIONS, "--out", "/nowhere/x"): "Cannot write /nowhere/x: no such file",
}


@pytest.mark.parametrize("arguments", MISTAKES, ids=" ".join)
def test_a_mistake_is_one_sentence_and_exit_code_2(export: Callable[..., Outcome], arguments: tuple[str, ...]) -> None:
    code, out, error = export(*arguments)
    assert (code, out) == (2, "")
    assert MISTAKES[arguments] in error
    assert error.count("\n") == 1
    assert error.startswith("Error: ")


def test_a_broken_line_is_one_sentence_as_explain_says_it(export: Callable[..., Outcome], tmp_path: Path) -> None:
    file = tmp_path / "decisions.jsonl"
    file.write_bytes(Path(DECISIONS).read_bytes() + b'{"half": ')
    for format_name in (("--format", "ocsf"), STIX):
        code, out, error = export(*format_name, "--decisions", str(file))
        assert (code, out) == (2, "")
        assert f"{file}: line 4 is no decision: " in error


def test_a_key_that_is_missing_open_or_short_is_one_sentence(
    export: Callable[..., Outcome], key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key.chmod(0o644)
    assert export("--format", "ocsf", "--decisions", DECISIONS)[0::2] == (
        2,
        f"Error: {key} holds the sharing key ({SHARING_VARIABLE}) and is open to others (mode 0644): chmod 600 it.\n",
    )
    monkeypatch.delenv(SHARING_VARIABLE)
    for arguments in (STIX, ("--format", "ocsf", "--accounts")):
        code, out, error = export(*arguments, "--decisions", DECISIONS)
        assert (code, out) == (2, "")
        assert f"needs {SHARING_VARIABLE}" in error


def test_kafka_that_is_away_is_one_sentence(export: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.topics.ADMIN_TIMEOUT_MS", 1_000)
    monkeypatch.setenv(KAFKA_VARIABLE, NOWHERE)
    code, _, error = export("--format", "ocsf", "--follow")
    assert code == 2
    assert error.startswith(f"Error: No Kafka answers at {NOWHERE}: ")


def test_a_file_that_is_added_to_knows_its_events_and_loses_half_a_line(tmp_path: Path) -> None:
    whole = (DATA / "findings.jsonl").read_bytes()
    file = tmp_path / "findings.jsonl"
    file.write_bytes(whole + whole.splitlines()[0][:90])
    out, written = added_to(file)
    out.write(b"more\n")
    out.close()
    assert file.read_bytes() == whole + b"more\n"
    assert written == {json.loads(line)["metadata"]["uid"] for line in whole.splitlines()}


@pytest.mark.parametrize("content", [b"no findings", b"no findings\n", b'{"time":1}\n', b'{"metadata":'])
def test_a_file_of_something_else_is_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "mine"
    file.write_bytes(content)
    with pytest.raises(msgspec.DecodeError):
        added_to(file)
    assert file.read_bytes() == content


def test_a_device_is_only_written_to() -> None:
    out, written = added_to(Path("/dev/null"))
    with out:
        assert written == frozenset()
        assert out.write(b"x") == 1
