"""`stillwatch ingest`: records in, fingerprinted events on the requests topic."""

from collections.abc import Iterator
from pathlib import Path

import click

from agents.cli.failing import UnusableError
from agents.cli.rows import events_of, reading, report_bad
from agents.ingest import Ingest, IngestError
from agents.records import UnreadableError
from agents.settings import PREFIX_VARIABLE, SettingsError, bootstrap_servers, fingerprint_key
from agents.topics import DEFAULT_PREFIX, TopicNames
from streams.events import RequestEvent
from streams.fingerprint import Fingerprinter


@click.command(short_help="Fingerprint records, produce them to Kafka.")
@click.argument("records")
@click.option("--rejects", type=click.Path(path_type=Path), help="Where rows that are no records go, as they were.")
@click.option("--prefix", default=DEFAULT_PREFIX, show_default=True, envvar=PREFIX_VARIABLE, help="Of the topics.")
def ingest(records: str, rejects: Path | None, prefix: str) -> None:
    """Fingerprint RECORDS (JSON Lines, .gz or - for standard input) and produce them to Kafka.

    Needs KAFKA_BOOTSTRAP_SERVERS and STILLWATCH_FINGERPRINT_KEY. No text, address or user agent leaves this process.
    Exit code 1 if a row was bad.
    """
    topic = TopicNames.under(prefix).requests
    with reading(records, rejects) as reader:
        try:
            fingerprinter = Fingerprinter(fingerprint_key())
            producer = Ingest(bootstrap_servers(), topic)
        except (SettingsError, IngestError) as error:
            raise UnusableError(str(error)) from error
        try:
            count = _put(producer, events_of(reader, records, fingerprinter))
        except IngestError as error:
            raise UnusableError(str(error)) from error
        finally:
            producer.close()
    click.echo(f"{count} events produced to {topic}", err=True)
    report_bad(reader, rejects)


def _put(producer: Ingest, events: Iterator[RequestEvent]) -> int:
    """How many events the broker has now. Where the input breaks off, what came before it is kept, and counted."""
    try:
        return producer.put(events)
    except UnreadableError as error:
        count = producer.settle()
        raise UnusableError(f"{error}; the {count} events before it were produced") from error
