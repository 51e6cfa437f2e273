"""`stillwatch simulate`: write the records of one or more scenarios, and the truth about their accounts."""

import gzip
import shutil
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, cast

import click
import msgspec

from agents.cli.failing import UnusableError
from agents.cli.placing import STDOUT, placed
from streams.scenarios import SCENARIOS, Truth, describe, simulate_labelled
from streams.scenarios.stage import Script

LARGEST_SCALE = 100_000.0
MOST_DAYS = 366
LONGEST_LINE = 120


@click.command(short_help="Write the records of simulated days.")
@click.argument("scenarios", nargs=-1, metavar="SCENARIO...")
@click.option("--out", metavar="RECORDS", help="Request records as JSON Lines; gzip if it ends in .gz; - for stdout.")
@click.option("--truth", metavar="TRUTH", help="What each account really is, as JSON Lines; the same endings.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed gives the same bytes.")
@click.option("--scale", type=float, default=1.0, show_default=True, help="Multiplies the number of accounts.")
@click.option("--days", type=int, default=1, show_default=True, help="How many.")
@click.option(
    "--start", type=click.DateTime(["%Y-%m-%d"]), default="2026-10-05", show_default=True, help="The first day (UTC)."
)
@click.option("--list", "listing", is_flag=True, help="Describe every scenario in one sentence, and stop.")
def simulate(
    scenarios: tuple[str, ...],
    out: str | None,
    truth: str | None,
    seed: int,
    scale: float,
    days: int,
    start: datetime,
    *,
    listing: bool,
) -> None:
    """Write simulated days of SCENARIO... (several are merged by time); --list describes them.

    Files appear whole or not at all: they are written beside their place and renamed at the end.
    """
    if listing:
        click.echo("\n".join(map(_described, SCENARIOS)))
        return
    _check(scenarios, out, truth, scale, days)
    start_ms = int(start.replace(tzinfo=UTC).timestamp()) * 1000
    script = simulate_labelled(scenarios, seed=seed, scale=scale, start_ms=start_ms, days=days)
    records, accounts = _write(script, out or STDOUT, truth)
    click.echo(f"Wrote {records:,} records of {accounts:,} accounts.", err=True)


def _described(name: str) -> str:
    """The name and the sentence, in lines of the terminal's width."""
    width = max(map(len, SCENARIOS)) + 2
    columns = max(2 * width, min(LONGEST_LINE, shutil.get_terminal_size().columns))
    return textwrap.fill(describe(name), columns, initial_indent=f"{name:{width}}", subsequent_indent=" " * width)


def _check(scenarios: Sequence[str], out: str | None, truth: str | None, scale: float, days: int) -> None:
    """Refuse, in one sentence each, what cannot be simulated or written."""
    for name in scenarios:
        if name not in SCENARIOS:
            raise UnusableError(f"There is no scenario {name!r}; there are {', '.join(SCENARIOS)}.")
    if not scenarios:
        raise UnusableError(f"Name at least one scenario: {', '.join(SCENARIOS)}.")
    if not 0 < scale <= LARGEST_SCALE:
        raise UnusableError(f"--scale must be above 0 and at most {LARGEST_SCALE:,.0f}, not {scale:g}.")
    if not 1 <= days <= MOST_DAYS:
        raise UnusableError(f"--days must be 1 to {MOST_DAYS}, not {days}.")
    if out is None:
        raise UnusableError("Say with --out where the records go (- for stdout).")
    if truth is not None and (out == truth == STDOUT or Path(out).resolve() == Path(truth).resolve()):
        raise UnusableError("--out and --truth must not be the same place.")


def _write(script: Script, out: str, truth: str | None) -> tuple[int, int]:
    """Write both files; the number of records and of accounts."""
    encoder = msgspec.json.Encoder()
    truths: dict[str, Truth] = {}
    count = 0
    buffer = bytearray()
    with ExitStack() as files:
        truth_file = files.enter_context(_place(truth)) if truth is not None else None
        record_file = files.enter_context(_place(out))
        for record, label in script:
            truths[label.account_id] = label
            encoder.encode_into(record, buffer)
            buffer += b"\n"
            record_file.write(buffer)
            buffer.clear()
            count += 1
        if truth_file is not None:
            truth_file.write(msgspec.json.Encoder().encode_lines(truths.values()))
    return count, len(truths)


@contextmanager
def _place(name: str) -> Iterator[BinaryIO]:
    """Where the lines go that are meant for `name`, through gzip if it ends so. Raises `UnusableError`."""
    with placed(name) as file, _compressed(cast("BinaryIO", file), name) as lines:
        yield lines


@contextmanager
def _compressed(file: BinaryIO, name: str) -> Iterator[BinaryIO]:
    """The file itself, or a gzip stream into it that carries neither a name nor a time, so that bytes repeat."""
    if not name.endswith(".gz"):
        yield file
        return
    with gzip.GzipFile(filename="", mode="wb", fileobj=file, compresslevel=5, mtime=0) as packed:
        yield cast("BinaryIO", packed)
