"""`stillwatch backup` and `stillwatch restore`: the logs that everything follows from, in files."""

from pathlib import Path

import click

from agents.cli.copying import run_copying
from agents.cli.options import PREFIX
from agents.copying.backup import back_up
from agents.copying.backup import restore as restored
from agents.settings import bootstrap_servers, read_settings

FOLDER = click.argument("folder", type=click.Path(file_okay=False, path_type=Path))


@click.command(short_help="Write requests and feedback to files.")
@FOLDER
@PREFIX
def backup(folder: Path, prefix: str) -> None:
    """Write to FOLDER what requests and feedback hold and it does not: all at first, then what came since.

    All the rest follows from these two, but the policy and the keys: see deploy/operations.md. Reads only. Needs
    KAFKA_BOOTSTRAP_SERVERS.
    """
    count = run_copying(lambda _tell: back_up(bootstrap_servers(), prefix, folder))
    click.echo(f"{count:,} records written to {folder}", err=True)


@click.command(short_help="Make topics of what a backup holds.")
@FOLDER
@click.option("--to-prefix", required=True, help="Of the topics to make: one that nothing uses, in Redis either.")
@click.option("--partitions", type=click.IntRange(1, 1024), help="As many as there were, unless given.")
@click.option("--replication", type=click.IntRange(1), default=1, show_default=True, help="Copies of each partition.")
def restore(folder: Path, to_prefix: str, partitions: int | None, replication: int) -> None:
    """Make topics under --to-prefix with the requests and the feedback of FOLDER, as they were appended then.

    A worker under that prefix builds all the rest again. One that was killed goes on. Needs KAFKA_BOOTSTRAP_SERVERS,
    and REDIS_URL, to see that Redis holds no states under the prefix.
    """
    count = run_copying(
        lambda tell: restored(
            read_settings(),
            folder,
            to_prefix,
            partitions=partitions,
            replication=replication,
            tell=tell,
        )
    )
    click.echo(f"{count:,} records put on the topics of {to_prefix}; gateways may write to them now.", err=True)
