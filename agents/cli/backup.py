"""`stillwatch backup` and `stillwatch restore`: the logs that everything follows from, in files."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import click
from aiokafka.errors import KafkaError

from agents.cli.failing import UnusableError
from agents.cli.options import PREFIX
from agents.copying.backup import back_up
from agents.copying.backup import restore as restored
from agents.copying.entry import CopyError
from agents.settings import SettingsError, bootstrap_servers, read_settings
from agents.store import StoreError
from agents.topics import TopicError

FOLDER = click.argument("folder", type=click.Path(file_okay=False, path_type=Path))


@click.command(short_help="Write requests and feedback to files.")
@FOLDER
@PREFIX
def backup(folder: Path, prefix: str) -> None:
    """Write to FOLDER what requests and feedback hold and it does not: all at first, then what came since.

    All the rest follows from these two, but the policy and the keys: see deploy/operations.md. Reads only. Needs
    KAFKA_BOOTSTRAP_SERVERS.
    """
    count = _run(lambda: back_up(bootstrap_servers(), prefix, folder))
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
    count = _run(
        lambda: restored(
            read_settings(),
            folder,
            to_prefix,
            partitions=partitions,
            replication=replication,
            tell=lambda sentence: click.echo(sentence, err=True),
        )
    )
    click.echo(f"{count:,} records put on the topics of {to_prefix}; gateways may write to them now.", err=True)


def _run(work: Callable[[], Coroutine[Any, Any, int]]) -> int:
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what matters of it comes as an error
    try:
        return asyncio.run(work())
    except (SettingsError, TopicError, CopyError, StoreError) as error:
        raise UnusableError(str(error)) from error
    except KafkaError as error:
        raise UnusableError(f"Kafka cannot be used: {error or type(error).__name__}") from error
