"""`stillwatch replay`: records in, decisions out, without broker or Redis."""

import asyncio
import os
import time
from pathlib import Path

import click

from agents.cli.config import read_policy
from agents.cli.failing import UnusableError
from agents.cli.rows import Whole, events_of, rejects_to, report_bad
from agents.records import RecordReader, UnreadableError
from agents.replay import Replay
from agents.settings import KEY_VARIABLE, SettingsError, fingerprint_key
from streams.fingerprint import Fingerprinter

REPLAY_KEY = b"stillwatch replay, no secret"
"""Keys the hashes where the environment names no key: a replay stays on this machine, and must be repeatable."""


@click.command()
@click.argument("records")
@click.option("--decisions", required=True, type=click.Path(path_type=Path), help="Where the decisions go: JSON Lines.")
@click.option("--policy", "policy_path", type=click.Path(path_type=Path), help="Another policy than deploy/policy.toml.")
@click.option("--rejects", type=click.Path(path_type=Path), help="Where rows that are no records go, as they were.")
def replay(records: str, decisions: Path, policy_path: Path | None, rejects: Path | None) -> None:
    """Run RECORDS (JSON Lines, .gz or - for standard input) through the stages in this process.

    Event time only: the same input gives the same bytes. Exit code 1 if a row was bad.
    """
    _, policy = read_policy(policy_path)
    try:
        key = fingerprint_key() if os.environ.get(KEY_VARIABLE) else REPLAY_KEY
    except SettingsError as error:
        raise UnusableError(str(error)) from error
    reader = RecordReader(time.time_ns() // 1_000_000)
    count = 0
    with Whole(decisions) as out, rejects_to(rejects) as bad:
        try:
            emitted = asyncio.run(Replay(policy).run(events_of(reader, records, Fingerprinter(key), bad)))
        except UnreadableError as error:
            raise UnusableError(str(error)) from error
        for record in emitted:
            if record.topic == "enforcement":
                out.write(record.value + b"\n")
                count += 1
    click.echo(f"{reader.good} records, {count} decisions in {decisions}", err=True)
    report_bad(reader, rejects)
