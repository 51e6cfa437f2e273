"""`stillwatch topics create|describe`: the seven topics on a Kafka of one's own."""

import click

from agents.cli.failing import UnusableError
from agents.cli.options import PREFIX
from agents.doctor.topics import differences, table
from agents.settings import SettingsError, bootstrap_servers
from agents.topics import (
    DEFAULT_PARTITIONS,
    TopicError,
    TopicNames,
    create_topics,
    describe_topics,
    standing,
)

MOST_COPIES = 3
HEAD = ("topic", "partitions", "copies", "kept", "largest")


@click.group(short_help="Make the topics on your own Kafka, or say how they are.")
def topics() -> None:
    """Make the seven topics on the Kafka that KAFKA_BOOTSTRAP_SERVERS names, or say how they are."""


@topics.command(short_help="Make the topics that are missing.")
@click.option(
    "--partitions",
    type=click.IntRange(1, 1024),
    help=f"Of the requests; as many as there are, or {DEFAULT_PARTITIONS}, if not given.",
)
@click.option(
    "--replication",
    type=click.IntRange(1),
    help=f"Copies of each record; {MOST_COPIES}, or as many as there are brokers if these are fewer, if not given.",
)
@PREFIX
def create(partitions: int | None, replication: int | None, prefix: str) -> None:
    """Make the topics that are missing and wait until they can be written to. What is there stays as it is."""
    names = TopicNames.under(prefix)
    try:
        servers = bootstrap_servers()
        present, brokers = standing(servers, names)
        cut = partitions or present.get(names.requests, DEFAULT_PARTITIONS)
        create_topics(servers, partitions=cut, replication=replication or min(MOST_COPIES, brokers), prefix=prefix)
    except (SettingsError, TopicError) as error:
        raise UnusableError(str(error)) from error
    made = [name for name in _all(names) if name not in present]
    for name in made:
        click.echo(f"Made {name}.")
    if not made:
        click.echo(f"All {len(_all(names))} topics are there already, the requests in {cut} partition(s).")


@topics.command(short_help="Say how each topic is cut and kept.")
@PREFIX
def describe(prefix: str) -> None:
    """Say how each topic is cut and kept, and what differs from what is needed; exit code 1 if anything does."""
    names = TopicNames.under(prefix)
    try:
        described = describe_topics(bootstrap_servers(), names)
    except (SettingsError, TopicError) as error:
        raise UnusableError(str(error)) from error
    rows = [HEAD, *table(names, described)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for name, *figures in rows if described else ():
        cells = [name.ljust(widths[0]), *(it.rjust(width) for it, width in zip(figures, widths[1:], strict=True))]
        click.echo("  ".join(cells))
    wrong = differences(names, described)
    for sentence in wrong:
        click.echo(f"WRONG  {sentence}")
    if wrong:
        raise click.exceptions.Exit(1)


def _all(names: TopicNames) -> tuple[str, ...]:
    return tuple(getattr(names, stage) for stage in names.__struct_fields__)
