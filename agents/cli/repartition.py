"""`stillwatch repartition copy|finish|compare`: more partitions, by a copy of the logs under another prefix."""

import asyncio
from collections.abc import Callable

import click

from agents.cli.copying import run_copying
from agents.cli.failing import UnusableError
from agents.cli.options import prefix_option
from agents.clock import now_ms
from agents.copying.comparing import PASS, Standings, compare
from agents.copying.repartition import Copy, plan
from agents.ending import told_to_stop
from agents.explaining.topic import decided
from agents.settings import SettingsError, bootstrap_servers, read_settings
from agents.topics import TopicError, TopicNames

SHOWN = 20

_PREFIX = prefix_option("Of the topics to copy.")
_TO_PREFIX = click.option("--to-prefix", required=True, help="Of the copy: one that nothing else uses.")


@click.group(short_help="Give the topics more partitions.")
def repartition() -> None:
    """Give the topics another number of partitions, by a copy of the logs under another prefix.

    See "More partitions" in deploy/operations.md.
    """


@repartition.command(short_help="Copy requests and feedback.")
@_PREFIX
@_TO_PREFIX
@click.option("--partitions", type=click.IntRange(1, 1024), required=True, help="How many the copy has.")
@click.option("--dry-run", is_flag=True, help="Say what there is to do, and do nothing.")
def copy(prefix: str, to_prefix: str, partitions: int, *, dry_run: bool) -> None:
    """Copy requests and feedback to topics under --to-prefix, and follow them until SIGTERM or Ctrl-C.

    Makes the topics. Each record keeps its key, its headers and the time at which it was appended, and comes once,
    also where this was killed: the same command goes on. Needs KAFKA_BOOTSTRAP_SERVERS, and REDIS_URL, to see that
    Redis holds no states under the new prefix.
    """

    async def work(tell: Callable[[str], None]) -> None:
        settings = read_settings()
        made = await asyncio.to_thread(plan, settings.bootstrap_servers, prefix, to_prefix, partitions)
        copying = Copy(settings, made, tell)
        if dry_run:
            counts = ", ".join(f"{topic} ({count} partitions)" for topic, count in made.counts.items())
            tell(
                f"{await copying.count():,} records of {counts} are to be copied to {partitions} partitions each under "
                f"{to_prefix}, {made.replication} copies of each; its topics are "
                f"{'there already' if made.exists else 'to be made'}."
            )
            return
        count = await copying.follow(told_to_stop())
        tell(
            f"{count:,} records copied in this run. The same command goes on; `stillwatch repartition finish` ends it."
        )

    run_copying(work)


@repartition.command(short_help="Copy the rest, and let gateways write.")
@_PREFIX
@_TO_PREFIX
def finish(prefix: str, to_prefix: str) -> None:
    """Copy what is left, once nothing writes to the old requests any more, and let gateways write to the copy.

    Stop `repartition copy` and whatever produces requests first. It waits until nothing has come for five seconds.
    From then on the broker's clock says when a record was appended. Needs KAFKA_BOOTSTRAP_SERVERS and REDIS_URL.
    """

    async def work(tell: Callable[[str], None]) -> None:
        settings = read_settings()
        made = await asyncio.to_thread(plan, settings.bootstrap_servers, prefix, to_prefix, None)
        count = await Copy(settings, made, tell).finish()
        tell(f"{count:,} records copied; the copy is complete. Gateways may write to {made.new.requests} now.")

    run_copying(work)


@repartition.command("compare", short_help="Say what is in force under one only.")
@_PREFIX
@_TO_PREFIX
@click.option("--all", "everything", is_flag=True, help="Every difference, not the first 20.")
def compare_command(prefix: str, to_prefix: str, *, everything: bool) -> None:
    """Compare what is in force now under the two prefixes; exit code 1 if anybody is limited more or less.

    Run it when the worker of the copy has caught up, before enforcers follow its decisions. A campaign that was found
    anew may have another id: its members are compared. It takes decisions as they stand on the topics; enforcers check
    who signed them. Needs KAFKA_BOOTSTRAP_SERVERS.
    """
    try:
        servers = bootstrap_servers()
        old, new = (Standings(decided(servers, TopicNames.under(it).enforcement)) for it in (prefix, to_prefix))
    except (SettingsError, TopicError) as error:
        raise UnusableError(str(error)) from error
    found = compare(old, new, now_ms())
    milder = [it for it in found.differences if it.is_milder]
    harder = [it for it in found.differences if not it.is_milder]
    click.echo(f"{found.old} accounts and templates are limited under {prefix}, {found.new} under {to_prefix},")
    click.echo(f"{len(milder)} of them less under {to_prefix} than under {prefix}, {len(harder)} more.")
    for it in [*milder, *harder][: None if everything else SHOWN]:
        click.echo(f"{it.kind} {it.name}: {it.old} under {prefix}, {it.new} under {to_prefix}")
    for it in found.campaigns[: None if everything else SHOWN]:
        click.echo(f"campaign {it.name} is in force only under {prefix if it.new == PASS else to_prefix}")
    if found.differences:
        raise click.exceptions.Exit(1)
