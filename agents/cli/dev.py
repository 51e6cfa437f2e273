"""`stillwatch dev up|status|down`: a real Kafka and a real Redis on this machine, for a person to work with."""

import os
import shlex
from pathlib import Path

import click

from agents.cli.failing import UnusableError
from agents.cli.options import PREFIX
from agents.embedded import ServerError, servers
from agents.keys import kept_pair
from agents.settings import (
    KEY_VARIABLE,
    PREFIX_VARIABLE,
    SIGNING_VARIABLE,
    VERIFY_VARIABLE,
    SettingsError,
    kept_key,
    names_a_key,
)
from agents.settings import prefix as named_prefix
from agents.topics import DEFAULT_PARTITIONS, TopicError, create_topics

FOLDER = click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=servers.DEFAULT_FOLDER,
    show_default=True,
    help="Where data, settings and logs are.",
)


@click.group()
def dev() -> None:
    """Run the embedded Kafka and Redis."""


@dev.command()
@FOLDER
@click.option("--partitions", type=click.IntRange(1, 1024), default=DEFAULT_PARTITIONS, show_default=True)
@click.option("--brokers", type=click.IntRange(1, 3), default=1, show_default=True)
@PREFIX
def up(folder: Path, partitions: int, brokers: int, prefix: str) -> None:
    """Start Kafka and Redis, create the topics, and say where they are."""
    try:
        running = servers.up(folder, brokers=brokers)
        # A Kafka that was given is someone else's: it has its own idea of how many copies it keeps, at least one.
        create_topics(running.bootstrap_servers, partitions=partitions, replication=brokers, prefix=prefix)
        key = kept_key(folder)
        signing, verifying = kept_pair(folder.resolve())
    except (ServerError, TopicError, SettingsError) as error:
        raise UnusableError(str(error)) from error
    if os.environ.get(servers.KAFKA_VARIABLE) != running.bootstrap_servers:
        click.echo(f"export {servers.KAFKA_VARIABLE}={running.bootstrap_servers}")
    if os.environ.get(servers.REDIS_VARIABLE) != running.redis_url:
        click.echo(f"export {servers.REDIS_VARIABLE}={running.redis_url}")
    if named_prefix() != prefix:
        click.echo(f"export {PREFIX_VARIABLE}={prefix}")
    if not names_a_key():
        click.echo(f"export {KEY_VARIABLE}={key}")
    for variable, path in ((SIGNING_VARIABLE, signing), (VERIFY_VARIABLE, verifying)):
        if not os.environ.get(variable):
            click.echo(f"export {variable}={shlex.quote(str(path))}")
    click.echo(f"# Logs are in {running.logs}; `stillwatch dev down` stops both and keeps their data.")


@dev.command(short_help="Say what runs and whether it answers.")
@FOLDER
def status(folder: Path) -> None:
    """Say what runs and whether it answers; exit code 1 when something does not."""
    found = servers.status(folder)
    for server in found:
        click.echo(server.sentence)
    if not all(server.healthy for server in found):
        raise click.exceptions.Exit(1)


@dev.command()
@FOLDER
def down(folder: Path) -> None:
    """Stop Kafka and Redis; their data stays."""
    try:
        stopped = servers.down(folder)
    except ServerError as error:
        raise UnusableError(str(error)) from error
    click.echo(f"Stopped {', '.join(stopped)}." if stopped else "Nothing was running.")
