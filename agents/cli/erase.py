"""`stillwatch erase`: have what is known of one account forgotten, and say when the log has lost it too."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

import click

from agents.cli.options import PREFIX
from agents.cli.verdicts import NOTE, REVIEWER, put
from agents.clock import now_ms
from agents.doctor.topics import FOR_EVER, feedback_too_short
from agents.topics import Described, TopicError, TopicNames, describe_topics, specs
from streams.windows import DAY_MS

SEGMENT_MS = 7 * DAY_MS
"""How much later than a record the newest of its segment may be, where Kafka does not say: its default."""


@click.command(short_help="Have what is known of one account forgotten.")
@click.argument("account")
@NOTE
@REVIEWER
@PREFIX
def erase(account: str, note: str | None, reviewer: str, prefix: str) -> None:
    """Have what is known of ACCOUNT forgotten (GDPR, article 17), and say by when the log has lost it too.

    What is in force against it, or for it, stays until it expires; `stillwatch release` ends that. Needs
    KAFKA_BOOTSTRAP_SERVERS. Exit code 1 if a topic is kept so that it would not be forgotten.
    """
    names, at_ms = TopicNames.under(prefix), now_ms()
    fields = {"subject_kind": "account", "subject_id": account, "verdict": "erased", "reviewer": reviewer}
    bounds = "ACCOUNT has 1 to 128 characters, --reviewer 1 to 64, --note at most 500"
    servers = put(names, fields | {"note": note, "decided_at_ms": at_ms}, bounds)
    described = _described(servers, names)
    for line in told(account, names, described, at_ms):
        click.echo(line)
    short = feedback_too_short(names, described)
    if short is not None:
        click.echo(f"WRONG  {short}")
    if short is not None or any(_kept_ms(it) is None for it in described.values()):
        raise click.exceptions.Exit(1)


def _described(servers: str, names: TopicNames) -> dict[str, Described]:
    """How the topics are kept; nothing of those of which this user may not see it."""
    try:
        found = describe_topics(servers, names)
    except TopicError:
        return {}
    return {name: topic for name, topic in found.items() if "retention.ms" in topic.configs}


def told(account: str, names: TopicNames, described: Mapping[str, Described], at_ms: int) -> Iterator[str]:
    """What becomes of what is held of the account, for a person to pass on."""
    yield (
        f"{account}: the worker is told. Its windows and profile are forgotten at once, its place among links and "
        "campaigns when these are used next, or 29 days after they were used last."
    )
    yield "What is in force about it stays until it expires, 28 days at most. Its records are gone from the log by:"
    for spec in specs(names):
        topic = described.get(spec.name)
        if topic is None:
            days = (spec.retention_ms + SEGMENT_MS) // DAY_MS
            yield f"  {spec.name}: {_day(at_ms, days * DAY_MS)}, if it is kept as `stillwatch topics create` makes it"
            continue
        kept_ms = _kept_ms(topic)
        yield f"  {spec.name}: {'never, for it is kept for ever' if kept_ms is None else _day(at_ms, kept_ms)}"


def _kept_ms(topic: Described) -> int | None:
    """For how long a record of now may be there at most; None for ever.

    A segment goes once its newest record is older than the retention; its oldest is so much older at most as segments
    are rolled.
    """
    retention_ms = int(topic.configs["retention.ms"])
    return None if retention_ms == FOR_EVER else retention_ms + int(topic.configs.get("segment.ms", SEGMENT_MS))


def _day(at_ms: int, later_ms: int) -> str:
    """The first day at whose beginning so much time has passed."""
    moment = datetime.fromtimestamp((at_ms + later_ms) / 1000, UTC) + timedelta(days=1)
    return f"{moment:%Y-%m-%d}"
