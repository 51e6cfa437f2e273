"""The options that say in which format rows are, and where their account stands."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from agents.cli.failing import UnusableError
from agents.normalise import FORMATS, Format
from agents.normalise.otlp_protobuf import MissingPackageError
from agents.records import Parse

RECORD = "record"
"""The format of a request record, as deploy/schema/request-record.json has it."""

Command = TypeVar("Command", bound=Callable[..., Any])


def format_options(command: Command) -> Command:
    """Give a command --format and --account-attribute."""
    account = click.option(
        "--account-attribute", metavar="NAME", help="What holds the account in a foreign format, instead of the usual."
    )
    kind = click.option(
        "--format",
        "format_name",
        type=click.Choice([RECORD, *FORMATS]),
        default=RECORD,
        show_default=True,
        help="Whose rows they are: see deploy/ingest.md.",
    )
    return kind(account(command))


def chosen(format_name: str, account_attribute: str | None) -> tuple[Format, Parse] | None:
    """The format and how its rows are read; None for request records. Raises `UnusableError`."""
    if format_name == RECORD:
        if account_attribute is not None:
            raise UnusableError("--account-attribute is for foreign formats; a request record has its `account_id`")
        return None
    found = FORMATS[format_name]
    try:
        return found, found.parser(account_attribute)
    except MissingPackageError as error:
        raise UnusableError(str(error)) from error
