"""`stillwatch ingest`: records in, fingerprinted events on the requests topic."""

import time
from pathlib import Path

import click

from agents.cli.failing import UnusableError
from agents.cli.rows import events_of, rejects_to, report_bad
from agents.ingest import Ingest, IngestError
from agents.records import RecordReader, UnreadableError
from agents.settings import SettingsError, bootstrap_servers, fingerprint_key
from agents.topics import DEFAULT_PREFIX, TopicNames
from streams.fingerprint import Fingerprinter


@click.command()
@click.argument("records")
@click.option("--rejects", type=click.Path(path_type=Path), help="Where rows that are no records go, as they were.")
@click.option("--prefix", default=DEFAULT_PREFIX, show_default=True, envvar="STILLWATCH_PREFIX", help="Of the topics.")
def ingest(records: str, rejects: Path | None, prefix: str) -> None:
    """Fingerprint RECORDS (JSON Lines, .gz or - for standard input) and produce them to Kafka.

    Needs KAFKA_BOOTSTRAP_SERVERS and STILLWATCH_FINGERPRINT_KEY. No text, address or user agent leaves this process.
    Exit code 1 if a row was bad.
    """
    reader = RecordReader(time.time_ns() // 1_000_000)
    try:
        fingerprinter = Fingerprinter(fingerprint_key())
        producer = Ingest(bootstrap_servers(), TopicNames.under(prefix).requests)
    except (SettingsError, IngestError) as error:
        raise UnusableError(str(error)) from error
    try:
        with rejects_to(rejects) as bad:
            count = producer.put(events_of(reader, records, fingerprinter, bad))
    except UnreadableError as error:
        raise UnusableError(f"{error}. {reader.good} records before it were ingested.") from error
    except IngestError as error:
        raise UnusableError(str(error)) from error
    finally:
        producer.close()
    click.echo(f"{count} events produced to {TopicNames.under(prefix).requests}", err=True)
    report_bad(reader, rejects)
