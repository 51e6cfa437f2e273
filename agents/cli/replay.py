"""`stillwatch replay`: records in, decisions out, without broker or Redis."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Never

import click

from agents.cli.config import read_policy
from agents.cli.failing import UnusableError
from agents.cli.formats import chosen, format_options
from agents.cli.options import POLICY
from agents.cli.placing import placed
from agents.cli.rows import events_of, read_verdicts, reading, report_bad
from agents.records import UnreadableError
from agents.replay import Replay
from agents.settings import SettingsError, replay_key
from streams.fingerprint import Fingerprinter


@click.command(short_help="Turn records into decisions, with no server.")
@click.argument("records")
@click.option(
    "--decisions",
    required=True,
    type=click.Path(path_type=Path, allow_dash=True),
    help="Where the decisions go, as JSON Lines; - for stdout.",
)
@POLICY
@click.option(
    "--feedback",
    type=click.Path(path_type=Path),
    help="Verdicts of reviewers, as JSON Lines; each comes when the events are as late as it.",
)
@click.option("--rejects", type=click.Path(path_type=Path), help="Where rows that are no records go, as they were.")
@format_options
def replay(
    records: str,
    decisions: Path,
    policy_path: Path | None,
    feedback: Path | None,
    rejects: Path | None,
    format_name: str,
    account_attribute: str | None,
) -> None:
    """Run RECORDS (JSON Lines, .gz or - for standard input) through the stages in this process.

    Event time only: the same input gives the same bytes. Files appear whole or not at all. Exit code 1 if a row was
    bad.
    """
    _, policy = read_policy(policy_path)
    foreign = chosen(format_name, account_attribute)
    try:
        key = replay_key()
    except SettingsError as error:
        raise UnusableError(str(error)) from error
    verdicts = () if feedback is None else read_verdicts(feedback)
    count = 0
    others = (decisions,) if feedback is None else (decisions, feedback)
    with (
        reading(records, rejects, *others, foreign=foreign) as reader,
        placed(decisions) as out,
        _interruptible(),
    ):
        try:
            events = events_of(reader, records, Fingerprinter(key), foreign)
            emitted = asyncio.run(Replay(policy).run(events, verdicts))
        except UnreadableError as error:
            raise UnusableError(str(error)) from error
        for record in emitted:
            if record.topic == "enforcement":
                out.write(record.value + b"\n")
                count += 1
    click.echo(f"{reader.good} records, {count} decisions in {decisions}", err=True)
    report_bad(reader, rejects)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let Ctrl-C end the block at once: asyncio's own handler waits for a pause, and a replay never makes one."""
    before = signal.signal(signal.SIGINT, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _interrupt(_number: int, _frame: FrameType | None) -> Never:
    raise KeyboardInterrupt
