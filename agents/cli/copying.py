"""How a command that copies logs is run."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import click
from aiokafka.errors import KafkaError

from agents.cli.failing import UnusableError
from agents.copying.entry import CopyError
from agents.settings import SettingsError
from agents.store import StoreError
from agents.topics import TopicError

T = TypeVar("T")


def run_copying(work: Callable[[Callable[[str], None]], Coroutine[Any, Any, T]]) -> T:
    """Run `work`, which tells sentences to stderr. Raises UnusableError."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what matters of it comes as an error
    try:
        return asyncio.run(work(lambda sentence: click.echo(sentence, err=True)))
    except (SettingsError, TopicError, CopyError, StoreError) as error:
        raise UnusableError(str(error)) from error
    except KafkaError as error:
        raise UnusableError(f"Kafka cannot be used: {error or type(error).__name__}") from error
