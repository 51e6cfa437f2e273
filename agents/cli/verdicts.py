"""What `stillwatch release`, `confirm` and `erase` share: who says it, and how a verdict goes to the topic."""

from collections.abc import Mapping

import click
import msgspec

from agents.cli.failing import UnusableError
from agents.reviewers import FeedbackError, produce
from agents.settings import SettingsError, bootstrap_servers
from agents.topics import TopicError, TopicNames
from streams.feedback import Verdict

NOTE = click.option("--note", help="Why, for whoever reads the topic; at most 500 characters.")
REVIEWER = click.option(
    "--reviewer",
    required=True,
    envvar=["STILLWATCH_REVIEWER", "USER"],
    help="Who says so; STILLWATCH_REVIEWER or USER unless given.",
)


def put(names: TopicNames, fields: Mapping[str, str | int | None], bounds: str) -> str:
    """Put a verdict on the feedback topic, and answer where Kafka is.

    Raises UnusableError, with `bounds` where the fields make no verdict.
    """
    try:
        verdict = msgspec.convert(fields, Verdict)
        msgspec.json.encode(verdict)  # what a terminal could not decode cannot be encoded
    except ValueError as error:
        raise UnusableError(bounds) from error
    try:
        servers = bootstrap_servers()
        produce(servers, names, verdict)
    except (SettingsError, TopicError, FeedbackError) as error:
        raise UnusableError(str(error)) from error
    return servers
