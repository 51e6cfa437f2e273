"""`stillwatch explain`: why something is decided about a subject, and what would have to change."""

from pathlib import Path
from typing import Literal

import click
import msgspec

from agents.cli.config import read_policy
from agents.cli.failing import UnusableError
from agents.cli.moments import milliseconds
from agents.cli.options import POLICY
from agents.cli.review import CAMPAIGN
from agents.clock import now_ms
from agents.evaluation.recorded import each_decision
from agents.explaining.live import Known, live
from agents.explaining.page import Report, page
from agents.explaining.topic import decided
from agents.records import UnreadableError
from agents.settings import SettingsError, read_settings
from agents.store import StoreError
from agents.topics import TopicError, TopicNames
from streams.explaining import History, Pays, explain
from streams.policy import Policy


@click.command("explain", short_help="Say why a decision was made.")
@click.argument("subject", required=False)
@click.option(
    "--reference", metavar="ID", help="In place of SUBJECT: whom the decision with the id of a refusal is about."
)
@click.option("--decisions", metavar="FILE", help="Decisions as `replay` writes them, - for stdin; without any server.")
@POLICY
@click.option("--at", "at", metavar="TIME", help="As it stood then, ISO 8601, UTC unless it says otherwise.")
@click.option("--payment", metavar="HASH", help="How an account pays that was refused before anything was known of it.")
@click.option("--opened", metavar="TIME", help="When such an account was opened, with --payment.")
@click.option("--json", "as_json", is_flag=True, help="The same as JSON.")
def explain_command(
    subject: str | None,
    *,
    reference: str | None,
    decisions: str | None,
    policy_path: Path | None,
    at: str | None,
    payment: str | None,
    opened: str | None,
    as_json: bool,
) -> None:
    """Explain what is decided about SUBJECT: an account id, a campaign c-..., or a link template:...

    Evidence, each against where it becomes suspicious, the sum, and what would have to change for it to be milder.
    Reads Kafka and Redis (KAFKA_BOOTSTRAP_SERVERS, REDIS_URL) unless --decisions names a file. Exit code 1 if nothing
    is decided or known.
    """
    _, policy = read_policy(policy_path)
    if (subject is None) == (reference is None):
        raise click.UsageError("Say whom to explain: SUBJECT, or --reference ID, and not both.")
    asked_ms = None if at is None else milliseconds("--at", at)
    if (payment is None) != (opened is None):
        raise click.UsageError("--payment and --opened go together: both say who an account is.")
    if subject is None:
        subject = _decided_about(reference, decisions)
    if payment is not None and CAMPAIGN.fullmatch(subject):
        raise click.UsageError(f"{subject} is a campaign, and --payment is how an account pays.")
    pays = None if payment is None or opened is None else Pays(payment, milliseconds("--opened", opened))
    known = _known(subject, decisions, policy, pays)
    history, stored = known.history, known.stored
    at_ms = asked_ms
    if at_ms is None:
        at_ms = now_ms() if decisions is None else history.newest_ms or 0
    try:
        found = explain(history, policy, at_ms)
    except OverflowError as error:
        raise UnusableError(f"The weights of a decision about {subject} are out of all range") from error
    if known.unreadable:
        click.echo(f"{known.unreadable} records on the topic are no decisions and were left out.", err=True)
    if found is None and stored is None:
        click.echo(f"Nothing is known or decided about {subject}{'' if at is None else f' up to {at}'}.", err=True)
        raise click.exceptions.Exit(1)
    source: Literal["live", "decisions"] = "live" if decisions is None else "decisions"
    pending = stored is not None and stored.sequence > history.sequence
    spared = subject in policy.allowlist.accounts or (stored is not None and stored.spared)
    spared = spared or payment in policy.allowlist.payments
    report = Report(subject, at_ms, policy.version, source, found, stored, pending=pending, spared=spared)
    click.echo(msgspec.json.format(msgspec.json.encode(report)) if as_json else page(report))


def _decided_about(reference: str | None, decisions: str | None) -> str:
    """Whom the decision with that id is about, from the file or from Kafka."""
    if decisions == "-":
        raise click.UsageError("--reference reads the decisions twice: give a file in place of -.")
    try:
        if decisions is None:
            settings = read_settings()
            made = decided(settings.bootstrap_servers, TopicNames.under(settings.prefix).enforcement)
        else:
            made = each_decision(decisions)
        subject = next((it.subject_id for it in made if it is not None and it.decision_id == reference), None)
    except (UnreadableError, SettingsError, TopicError) as error:
        raise UnusableError(str(error)) from error
    if subject is None:
        click.echo(f"No decision has the id {reference}.", err=True)
        raise click.exceptions.Exit(1)
    return subject


def _known(subject: str, decisions: str | None, policy: Policy, pays: Pays | None) -> Known:
    """What concerns the subject, from the file or from Kafka and Redis."""
    try:
        if decisions is None:
            return live(subject, read_settings(), policy, pays)
        known = Known(History(subject, pays=pays))
        known.history.take_all(each_decision(decisions))
    except (UnreadableError, SettingsError, TopicError, StoreError) as error:
        raise UnusableError(str(error)) from error
    return known
