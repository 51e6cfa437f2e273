"""`stillwatch evaluate`: decisions held against the truth, or against other decisions."""

from importlib.util import find_spec
from pathlib import Path

import click
import msgspec

from agents.cli.failing import UnusableError
from agents.cli.placing import placed
from agents.cli.rows import reading, report_bad
from agents.evaluation.recorded import judged_recording, read_decisions, read_truths
from agents.evaluation.summary import comparison, is_unlabelled, summary
from agents.records import UnreadableError, opened
from agents.settings import SettingsError, replay_key
from streams.evaluation import Evaluation
from streams.evaluation.bars import Bar
from streams.fingerprint import Fingerprinter

BARS = tuple(f"{name}={value:g}" for name, value in msgspec.structs.asdict(Bar()).items())


@click.command(short_help="Hold decisions against the truth.")
@click.option("--records", required=True, metavar="FILE", help="The request records, JSON Lines or .gz.")
@click.option("--decisions", required=True, metavar="FILE", help="The decisions about them.")
@click.option("--truth", metavar="FILE", help="What each account really is. Without it, who was limited is counted.")
@click.option("--compare", metavar="FILE", help="Other decisions about the same records: an older policy's, or live.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Where the result goes, as JSON.")
@click.option("--report", type=click.Path(path_type=Path), help="A folder for an HTML page and its curves as PNG.")
@click.option("--bar", "bars", multiple=True, metavar="NAME=NUMBER", help=f"Another bar: {', '.join(BARS)}.")
def evaluate(
    records: str,
    decisions: str,
    truth: str | None,
    compare: str | None,
    json_path: Path | None,
    report: Path | None,
    bars: tuple[str, ...],
) -> None:
    """Say per campaign what leaked and how soon it was found, and per class of innocents who was harmed.

    A decision is in force one second after its decided_at_ms. Exit code 1 if a bar is missed, or a row was bad.
    The bar `leakage_of_few` is that of campaigns with at most five exchanges an account, `leakage` that of others.
    """
    bar = _bar(bars)
    if report is not None:
        _check_extra()
    try:
        truths = {} if truth is None else read_truths(truth)
        each = [read_decisions(name) for name in (decisions, compare) if name is not None]
        with reading(records, None) as reader, opened(records) as lines:
            judge, *others = judged_recording(reader.read(lines, records), each, truths, Fingerprinter(replay_key()))
    except (UnreadableError, SettingsError) as error:
        raise UnusableError(str(error)) from error
    found = judge.result()
    if truth is not None and is_unlabelled(found):
        raise UnusableError(f"{truth} names none of the accounts of {records}: it is the truth of another log.")
    click.echo(summary(found))
    for other in others:
        click.echo(f"\nAgainst {compare}:\n\n{summary(other.result())}\n")
        click.echo(comparison(other.limited_accounts(), judge.limited_accounts()))
    missed = list(bar.shortfalls(found)) if truth is not None else []
    if missed:
        click.echo("\nPast its bar:\n" + "\n".join(missed))
    if json_path is not None:
        with placed(json_path) as out:
            out.write(msgspec.json.format(msgspec.json.encode(found)) + b"\n")
    if report is not None:
        _write_report(found, report, missed, Path(decisions).name)
    report_bad(reader, None)
    if missed:
        raise click.exceptions.Exit(1)


def _bar(asked: tuple[str, ...]) -> Bar:
    """Our bars, with those replaced that were asked for."""
    values = dict(it.partition("=")[::2] for it in asked)
    try:
        return msgspec.convert(values, Bar, strict=False)
    except msgspec.ValidationError as error:
        raise UnusableError(f"--bar {', '.join(asked)}: {error}. There are {', '.join(BARS)}.") from error


def _check_extra() -> None:
    if find_spec("matplotlib") is None or find_spec("jinja2") is None:
        raise UnusableError("--report draws with matplotlib and jinja2: install Stillwatch with its extra `report`.")


def _write_report(found: Evaluation, folder: Path, missed: list[str], subject: str) -> None:
    from agents.evaluation.charts import charts  # noqa: PLC0415  an extra, which need not be installed
    from agents.evaluation.page import page  # noqa: PLC0415

    images = charts(found)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UnusableError(f"{folder}: {error.strerror}") from error
    for name, image in images.items():
        with placed(folder / f"{name}.png") as out:
            out.write(image)
    with placed(folder / "index.html") as out:
        out.write(page(found, images, missed, subject).encode())
