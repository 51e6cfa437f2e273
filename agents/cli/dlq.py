"""`stillwatch dlq list|replay`: what could not be read, and what of it is sent again now that it can be."""

from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager

import click
import msgspec

from agents.cli.failing import UnusableError
from agents.cli.options import PREFIX
from agents.clock import moment, now_ms
from agents.deadletters import Reason
from agents.explaining.evidence import plural
from agents.letters import Letter, Letters, ReplayError
from agents.settings import SettingsError, bootstrap_servers
from agents.topics import TopicError, TopicNames

LISTED = 20

REASONS = click.option(
    "--reason",
    "reasons",
    multiple=True,
    type=click.Choice([it.value for it in Reason]),
    help="Only those; may be given more than once.",
)


@click.group(short_help="List what could not be read; send it again.")
def dlq() -> None:
    """Records that could not be read lie on the dead-letter topic, whole, with the reason."""


@dlq.command("list", short_help="Say what lies there, and why.")
@REASONS
@click.option("--last", type=click.IntRange(0), default=LISTED, show_default=True, help="So many, the newest.")
@click.option("--json", "as_json", is_flag=True, help="All of them, as JSON Lines.")
@PREFIX
def list_letters(reasons: tuple[str, ...], last: int, as_json: bool, prefix: str) -> None:  # noqa: FBT001  click's
    """Say what lies on the dead-letter topic, when it came, from where and why it could not be read.

    Nothing of what a record says is printed: what cannot be read may hold anything. Needs KAFKA_BOOTSTRAP_SERVERS.
    """
    counts: Counter[str] = Counter()
    newest: deque[Letter] = deque(maxlen=last)
    with _letters(prefix) as letters:
        for letter in _chosen(letters, reasons):
            counts[letter.reason] += 1
            if as_json:
                click.echo(msgspec.json.encode(_told(letter)))
            newest.append(letter)
    if as_json:
        return
    click.echo(_counted(counts))
    for letter in newest:
        for line in _lines(letter):
            click.echo(line)


@dlq.command(short_help="Send again what can be read by now.")
@REASONS
@click.option("--dry-run", is_flag=True, help="Only say how many it would be.")
@PREFIX
def replay(reasons: tuple[str, ...], dry_run: bool, prefix: str) -> None:  # noqa: FBT001
    """Send dead letters again to the topics they came from, byte for byte: those that can be read by now.

    So after a new version that reads what an older one refused, or when a time that was in the future is past. What
    would be refused again stays where it is, and so do records of links, which count in their order alone; nothing is
    sent twice. An event counts at its own time, in the windows that still hold it. Needs KAFKA_BOOTSTRAP_SERVERS.
    """
    refused: Counter[str] = Counter()
    done = found = 0

    def readable(letters: Letters) -> Iterator[Letter]:
        nonlocal done, found
        for letter in _chosen(letters, reasons):
            if letter.is_sent:
                done += 1
            elif letter.refusal is not None:
                refused[letter.refusal.reason] += 1
            else:
                found += 1
                yield letter

    with _letters(prefix) as letters:
        if dry_run:
            for _ in readable(letters):
                pass
        else:
            if settled := letters.settle():
                click.echo(f"{settled} had arrived of a replay that was cut off.", err=True)
            letters.send(readable(letters))
    click.echo(f"{found} {'would be sent' if dry_run else 'sent'} again, {done} before.")
    if refused:
        click.echo(f"Still not to be read: {_counted(refused)}")


@contextmanager
def _letters(prefix: str) -> Iterator[Letters]:
    """The letters under a prefix; what goes wrong with them becomes a sentence."""
    try:
        yield Letters(bootstrap_servers(), TopicNames.under(prefix), now_ms)
    except (SettingsError, TopicError, ReplayError) as error:
        raise UnusableError(str(error)) from error


def _chosen(letters: Letters, reasons: tuple[str, ...]) -> Iterator[Letter]:
    return (it for it in letters.read() if not reasons or it.reason in reasons)


def _counted(counts: Counter[str]) -> str:
    if not counts:
        return "No dead letter."
    total = counts.total()
    told = ", ".join(f"{count} {reason}" for reason, count in counts.most_common())
    return f"{total} {plural('dead letter', total)}: {told}."


def _lines(letter: Letter) -> Iterator[str]:
    """As a person reads it, in 80 columns for the usual names."""
    topic, partition, offset = letter.source
    yield f"{letter.offset}  {moment(letter.at_ms)}  {topic}/{partition} at {offset}"
    state = "sent again" if letter.is_sent else "can be read now" if letter.refusal is None else "cannot be read"
    yield f"    {letter.reason}, {len(letter.value or b''):,} bytes, {state}"
    yield f"    {letter.sentence}"


def _told(letter: Letter) -> dict[str, object]:
    topic, partition, offset = letter.source
    return {
        "offset": letter.offset,
        "appended_at_ms": letter.at_ms,
        "reason": letter.reason,
        "sentence": letter.sentence,
        "stage": letter.stage,
        "topic": topic,
        "partition": partition,
        "source_offset": offset,
        "bytes": len(letter.value or b""),
        "readable": letter.refusal is None,
        "replayed": letter.is_sent,
    }
