"""`stillwatch demo`: the whole of it, on this machine, in under three minutes."""

import logging
import signal
import sys
from pathlib import Path

import click
from kafka.errors import KafkaError
from rich.console import Console

from agents.cli.failing import UnusableError
from agents.cli.numbers import NumberRange
from agents.demo.children import ChildError
from agents.demo.run import Interrupted, demonstrate
from agents.embedded import ServerError
from agents.topics import TopicError


@click.command(short_help="Watch a campaign being found, live.")
@click.option("--scale", type=NumberRange(0.01, 10), default=1.0, hidden=True, help="Multiplies the accounts.")
def demo(scale: float) -> None:
    """Find a campaign in simulated traffic, on a real Kafka and a real Redis, while you watch.

    Starts both in .stillwatch/demo, or uses those that KAFKA_BOOTSTRAP_SERVERS and REDIS_URL name, and leaves nothing
    running. Exit code 1 if the campaign was not caught in time.
    """
    logging.getLogger("kafka").setLevel(logging.CRITICAL)  # a client that reconnects must not write over the view
    console = Console(highlight=False)
    try:
        caught = demonstrate(console, program=_program(), scale=scale)
    except (ServerError, TopicError) as error:
        raise UnusableError(str(error)) from error
    except KafkaError as error:
        raise UnusableError(f"Kafka cannot be used: {error}") from error
    except ChildError as error:
        raise click.ClickException(str(error)) from error
    except Interrupted as interrupted:
        name = signal.Signals(interrupted.number).name
        click.echo(f"Stopped by {name}; nothing is left running.", err=True)
        raise click.exceptions.Exit(128 + interrupted.number) from None
    if not caught:
        raise click.exceptions.Exit(1)


def _program() -> str:
    """How this program was called, to be copied: `stillwatch`, or the path to it."""
    called = Path(sys.argv[0])
    return str(called) if called.name == "stillwatch" else "stillwatch"
