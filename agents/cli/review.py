"""`stillwatch release` and `stillwatch confirm`: what a reviewer found out about an account or a campaign."""

import re
from collections.abc import Callable
from typing import Any

import click

from agents.cli.failing import UnusableError
from agents.cli.options import PREFIX
from agents.cli.verdicts import NOTE, REVIEWER, put
from agents.clock import now_ms
from agents.topics import TopicNames
from streams.feedback import Word
from streams.links import LINK_KINDS

CAMPAIGN = re.compile(r"c-[0-9a-f]{16}")
LINK = re.compile(rf"({'|'.join(LINK_KINDS)}):.*", re.DOTALL)

_OPTIONS = (
    click.argument("subject"),
    click.option(
        "--account", is_flag=True, help="SUBJECT is an account, though it looks like a campaign's id or a link."
    ),
    NOTE,
    REVIEWER,
    PREFIX,
)


def _subject_options(command: Callable[..., None]) -> Callable[..., None]:
    """What both commands take."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@click.command(short_help="Let an innocent account or campaign go.")
@_subject_options
@click.option("--payment", metavar="HASH", help="How an account pays that was refused for that at its first request.")
def release(**given: Any) -> None:  # noqa: ANN401  as click gives them
    """Say that SUBJECT, an account id or a campaign c-..., is innocent: it is let go at once, and not limited again.

    For as long as [feedback] exempt_days in the policy says. Needs KAFKA_BOOTSTRAP_SERVERS.
    """
    _say("innocent", **given)


@click.command(short_help="Keep limiting a guilty account or campaign.")
@_subject_options
def confirm(**given: Any) -> None:  # noqa: ANN401
    """Say that SUBJECT, an account id or a campaign c-..., does extract: what is in force against it stays longer.

    For [feedback] extend_times the time of its rung in the policy. It also ends what `stillwatch release` said.
    Needs KAFKA_BOOTSTRAP_SERVERS.
    """
    _say("confirmed", **given)


def _say(
    word: Word,
    *,
    subject: str,
    account: bool,
    note: str | None,
    reviewer: str,
    prefix: str,
    payment: str | None = None,
) -> None:
    """Put the verdict on the topic, and say so. Whether it meets anything only the worker knows."""
    if LINK.fullmatch(subject) and not account:
        raise UnusableError(f"{subject} is a link: name an account or a campaign, or say --account if it is an account")
    kind = "campaign" if CAMPAIGN.fullmatch(subject) and not account else "account"
    if payment is not None and kind != "account":
        raise UnusableError(f"{subject} is a campaign, and --payment is how an account pays")
    fields = {"subject_kind": kind, "subject_id": subject, "verdict": word, "reviewer": reviewer, "note": note}
    fields["payment_hash"] = payment
    bounds = "SUBJECT has 1 to 128 characters, --reviewer 1 to 64, --note at most 500, --payment 1 to 128"
    put(TopicNames.under(prefix), fields | {"decided_at_ms": now_ms()}, bounds)
    click.echo(f"{subject}: the worker is told; `stillwatch explain {subject}` shows what follows.")
