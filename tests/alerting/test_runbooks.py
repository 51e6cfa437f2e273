"""The runbooks: one an alert, each with the same four sections, and nothing in them that there is not."""

import re
import shlex
from pathlib import Path

import click
import pytest

from agents.cli import cli
from agents.notifying.rendering import ALERTNAME, RUNBOOKS
from tests.alerting.declared import declared
from tests.alerting.test_rules import ALERTS, RECORDED, rules

FOLDER = Path(__file__).parents[2] / "deploy" / "runbooks"
BOOKS = sorted(FOLDER.glob("*.md"))
SECTIONS = ["What it means", "What to look at", "What to do", "When it is nothing"]
COMMAND = re.compile(r"(?m)^(stillwatch .+)$|`(stillwatch [^`]+)`")


@pytest.fixture(params=BOOKS, ids=lambda path: str(path.stem))
def text(request: pytest.FixtureRequest) -> str:
    path: Path = request.param
    return path.read_text()


def test_each_alert_has_a_runbook_and_each_runbook_an_alert() -> None:
    assert {path.stem for path in BOOKS} == {rule["alert"] for rule in ALERTS} | {ALERTNAME}
    assert RUNBOOKS.endswith("/deploy/runbooks")


def test_it_is_short_and_has_the_four_sections_in_their_order(text: str) -> None:
    assert re.findall(r"(?m)^## (.+)$", text) == SECTIONS
    assert len(text.splitlines()) <= 60


def test_each_command_of_ours_is_one_that_there_is(text: str) -> None:
    for line, inline in COMMAND.findall(text):
        _check(shlex.split(line or inline))


def _check(words: list[str]) -> None:
    """Walk down to the command, and look for each of its options."""
    command: click.Command = cli
    for index, word in enumerate(words[1:], start=1):
        if not isinstance(command, click.Group):
            options = {it for parameter in command.params for it in (*parameter.opts, *parameter.secondary_opts)}
            assert {it for it in words[index:] if it.startswith("--")} <= options, words
            return
        found = command.get_command(click.Context(command), word)
        assert found is not None, words
        command = found


def test_each_metric_is_one_that_there_is(text: str) -> None:
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    assert set(RECORDED.findall(text)) <= recorded
    assert set(re.findall(r"\bstillwatch_\w+", text)) <= declared().keys()


def test_each_file_that_it_names_is_there(text: str) -> None:
    for name in re.findall(r"\]\(([^)]+\.md)\)", text):
        assert (FOLDER / name).is_file(), name
    for name in re.findall(r"\bdeploy/[\w./-]+\.(?:txt|json|md|toml|yaml|yml)\b", text):
        assert (FOLDER.parents[1] / name).is_file(), name


def test_each_command_for_kafka_says_which(text: str) -> None:
    flat = " ".join(text.split())
    assert re.findall(r"\bkafka-[\w-]+\.sh(?! --bootstrap-server )", flat) == []
    assert re.findall(r"\bkcat(?![^`]*? -b )", flat) == []
