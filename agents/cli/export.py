"""`stillwatch export`: campaigns as findings for a SIEM, or as intelligence for other providers."""

import asyncio
import logging
import os
import sys
from pathlib import Path
from typing import BinaryIO, Literal, get_args

import click
import msgspec
from msgspec import Struct

from agents.cli.failing import UnusableError
from agents.cli.following import decisions_log
from agents.cli.logs import log_to_stderr
from agents.cli.moments import milliseconds
from agents.cli.placing import STDOUT, placed
from agents.clock import now_ms
from agents.ending import told_to_stop
from agents.enforcement.metrics import Taken
from agents.environment import SettingsError, words
from agents.environment import path as named_path
from agents.evaluation.recorded import each_decision
from agents.explaining.topic import each_record
from agents.exporting.bundle import Terms, bundle_of
from agents.exporting.cases import Cases, concerns_campaigns
from agents.exporting.findings import Shown
from agents.exporting.following import Follower
from agents.exporting.intake import WHY, Intake
from agents.exporting.lines import Wanted, added_to, lines_of
from agents.exporting.sharing import SHARING_VARIABLE, SharingKey, read_sharing_key
from agents.exporting.stix import Tlp
from agents.records import UnreadableError
from agents.settings import REDIS_VARIABLE, VERIFY_VARIABLE, bootstrap_servers, prefix
from agents.signing import Verifier
from agents.store import StoreError
from agents.topics import TopicError, TopicNames
from streams.decisions import Decision

logger = logging.getLogger(__name__)

Format = Literal["ocsf", "stix"]


class Asked(Struct, frozen=True):
    """What the command line asks for. `terms`: as STIX, on these."""

    wanted: Wanted
    shown: Shown
    out: str
    terms: Terms | None = None


@click.command(short_help="Tell a SIEM or other providers of campaigns.")
@click.option("--format", "format_name", required=True, type=click.Choice(get_args(Format)), help="For whom it is.")
@click.option("--decisions", metavar="FILE", help="Decisions as `replay` writes them, - for stdin; without any server.")
@click.option("--follow", is_flag=True, help="Go on with what is decided from now on, until it is stopped (ocsf).")
@click.option("--campaign", metavar="c-...", help="That campaign alone.")
@click.option("--since", metavar="TIME", help="Nothing from before, ISO 8601, UTC unless it says otherwise.")
@click.option("--accounts", is_flag=True, help="Name accounts too, salted with the sharing key.")
@click.option("--producer", metavar="NAME", help="Who says it (stix).")
@click.option("--tlp", type=click.Choice(get_args(Tlp)), help="To whom it may go on (stix), amber unless given.")
@click.option("--out", default=STDOUT, show_default=True, metavar="FILE", help="Where it goes, - for stdout.")
def export(  # noqa: PLR0913  one an option
    format_name: Format,
    *,
    decisions: str | None,
    follow: bool,
    campaign: str | None,
    since: str | None,
    accounts: bool,
    producer: str | None,
    tlp: Tlp | None,
    out: str,
) -> None:
    """Write campaigns as OCSF Detection Findings, one a line, for a SIEM; or as a STIX 2.1 bundle for other providers.

    Reads Kafka (KAFKA_BOOTSTRAP_SERVERS) and for STIX also Redis (REDIS_URL, if it is set), unless --decisions names a
    file. Signatures are checked with STILLWATCH_VERIFY_KEYS. What ties accounts is written salted, with the key in the
    file that STILLWATCH_SHARING_KEY names. Exit code 1 if nothing is decided about --campaign.
    """
    if follow and (decisions is not None or format_name == "stix"):
        raise UnusableError("--follow is for Kafka and ocsf: leave --decisions and stix out")
    if format_name == "ocsf" and (producer is not None or tlp is not None):
        raise UnusableError("--producer and --tlp are for stix")
    wanted = Wanted(campaign, 0 if since is None else milliseconds("--since", since))
    try:
        key = read_sharing_key(os.environ)
        terms = None if format_name == "ocsf" else _terms(producer, tlp, key, accounts=accounts)
        if accounts and key is None:
            raise UnusableError(f"--accounts needs {SHARING_VARIABLE}: no account leaves that is not salted")
        asked = Asked(wanted, Shown(key, accounts=accounts), out, terms)
        if follow:
            asyncio.run(_follow(asked))
        else:
            _once(asked, decisions)
    except (SettingsError, StoreError, TopicError, UnreadableError) as error:
        raise UnusableError(str(error)) from error


def _terms(producer: str | None, tlp: Tlp | None, key: SharingKey | None, *, accounts: bool) -> Terms:
    if not producer:
        raise UnusableError("--format stix needs --producer NAME: who says it")
    if key is None:
        raise UnusableError(
            f"--format stix needs {SHARING_VARIABLE}, the file with the key that what leaves is salted with"
        )
    return Terms(producer, tlp or "amber", key, accounts=accounts)


def _once(asked: Asked, decisions: str | None) -> None:
    """All that was decided so far."""
    cases = Cases()
    told, at_ms = _from_kafka() if decisions is None else _from_file(decisions)
    changes = [*cases.take_all(told), *cases.expire(at_ms)]
    campaign_id = asked.wanted.campaign_id
    if campaign_id is not None and not cases.is_decided(campaign_id):
        click.echo(f"Nothing is decided about {campaign_id}.", err=True)
        raise click.exceptions.Exit(1)
    with placed(asked.out, private=True) as file:
        if asked.terms is not None:
            file.write(_bundle(cases, asked.wanted, asked.terms, ask_redis=decisions is None))
            return
        for line in lines_of(changes, asked.wanted, asked.shown):
            file.write(line)


def _bundle(cases: Cases, wanted: Wanted, terms: Terms, *, ask_redis: bool) -> bytes:
    """The bundle of the campaigns that are wanted."""
    chosen = [
        case
        for name, case in sorted(cases.known.items())
        if wanted.campaign_id in {None, name} and case.modified_ms >= wanted.since_ms
    ]
    redis_url = words(os.environ, REDIS_VARIABLE) if ask_redis else None
    stored = {}
    if redis_url is not None:
        from agents.exporting.stored import stored_links  # noqa: PLC0415  the stages take a second to load

        stored = stored_links(redis_url, prefix(), [it.campaign_id for it in chosen])
    return msgspec.json.format(msgspec.json.encode(bundle_of(chosen, stored, terms))) + b"\n"


def _from_file(name: str) -> tuple[list[Decision], int]:
    """The decisions of a file about campaigns, and the time of the newest of all."""
    found, newest_ms = [], 0
    for decision in each_decision(name):
        newest_ms = max(newest_ms, decision.decided_at_ms)
        if concerns_campaigns(decision):
            found.append(decision)
    return found, newest_ms


def _from_kafka() -> tuple[list[Decision], int]:
    """The decisions on the topic about campaigns, and the time it is."""
    intake = Intake(Verifier(named_path(os.environ, VERIFY_VARIABLE)), now_ms)
    records = each_record(bootstrap_servers(), _names().enforcement)
    told = (intake.decision(record.key, record.value, record.headers) for record in records)
    found = [decision for decision in told if decision is not None]
    for sentence in intake.sentences():
        click.echo(sentence, err=True)
    return found, now_ms()


async def _follow(asked: Asked) -> None:
    """All that was decided so far, and what is decided until SIGTERM or SIGINT."""
    log_to_stderr(logging.WARNING)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    log, verifier = decisions_log(), Verifier(named_path(os.environ, VERIFY_VARIABLE))
    log.describe()  # a mistake is told now; later it waits
    intake = Intake(verifier, now_ms)
    follower = Follower(log, intake)
    stop = told_to_stop()
    file, written = _opened(asked.out)
    cases, told = Cases(), set[Taken]()
    is_first = True
    async for batch in follower.batches(stop):
        each = cases.take_all(batch) if is_first else (change for it in batch for change in cases.take(it))
        is_first = False
        changes = [*each, *cases.expire(now_ms())]
        for line in lines_of(changes, asked.wanted, asked.shown, written):
            _write(file, line, asked.out)
        for reason in intake.left_out.keys() - told:
            told.add(reason)
            logger.warning("Records on the topic are left out because they are %s.", WHY[reason])
        if verifier.refresh():
            follower.begin_anew()
    if asked.out != STDOUT:
        file.close()


def _opened(out: str) -> tuple[BinaryIO, frozenset[str]]:
    """Where lines are added, and the ids of the events that stand there."""
    if out == STDOUT:
        return sys.stdout.buffer, frozenset()
    try:
        return added_to(Path(out))
    except OSError as error:
        raise UnusableError(f"Cannot write {out}: {error.strerror}") from error
    except ValueError as error:
        raise UnusableError(f"{out} holds something else than findings; name another file") from error


def _write(file: BinaryIO, line: bytes, out: str) -> None:
    """Write a line so that a reader has it at once."""
    try:
        file.write(line)
        file.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise UnusableError(f"Cannot write {out}: {error.strerror}") from error


def _names() -> TopicNames:
    return TopicNames.under(prefix())
