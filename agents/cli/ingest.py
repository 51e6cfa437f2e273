"""`stillwatch ingest`: records, or a gateway's log, in; fingerprinted events on the requests topic."""

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path

import click

from agents.cli.failing import UnusableError
from agents.cli.formats import chosen, format_options
from agents.cli.logs import log_to_stderr
from agents.cli.options import PREFIX
from agents.cli.rows import events_of, faults, reader_of, reading, report_bad
from agents.ending import told_to_stop
from agents.ingest import Ingest, IngestError
from agents.ingest_topic import DEFAULT_GROUP, Rejects, TopicIngest, follow
from agents.normalise import Format
from agents.records import Parse, RecordReader, UnreadableError
from agents.settings import SettingsError, bootstrap_servers, fingerprint_key
from agents.topics import TopicNames
from streams.events import RequestEvent
from streams.fingerprint import Fingerprinter

Foreign = tuple[Format, Parse] | None

TELL_EVERY_S = 60.0


@click.command(short_help="Fingerprint records, produce them to Kafka.")
@click.argument("records", required=False)
@click.option("--rejects", type=click.Path(path_type=Path), help="Where rows that are no records go, as they were.")
@PREFIX
@click.option("--from-topic", metavar="TOPIC", help="Read this topic, until SIGTERM or Ctrl-C, instead of RECORDS.")
@click.option("--group", default=DEFAULT_GROUP, show_default=True, help="The consumer group for --from-topic.")
@format_options
def ingest(
    records: str | None,
    rejects: Path | None,
    prefix: str,
    from_topic: str | None,
    group: str,
    format_name: str,
    account_attribute: str | None,
) -> None:
    """Fingerprint RECORDS (JSON Lines, .gz or - for standard input) and produce them to Kafka.

    Or what is on a topic, --from-topic, at least once: see deploy/ingest.md. Needs KAFKA_BOOTSTRAP_SERVERS and
    STILLWATCH_FINGERPRINT_KEY. No text, address or user agent leaves this process. Exit code 1 if a row was bad.
    """
    if (records is None) == (from_topic is None):
        raise UnusableError("Name either RECORDS or --from-topic")
    foreign = chosen(format_name, account_attribute)
    topic = TopicNames.under(prefix).requests
    if records is not None:
        _ingest_rows(records, rejects, topic, foreign)
    elif from_topic == topic:
        raise UnusableError(f"--from-topic {topic} is where the events go: it cannot be read as well")
    elif from_topic is not None:
        _ingest_topic(from_topic, group, rejects, topic, foreign)


def _ingest_rows(records: str, rejects: Path | None, topic: str, foreign: Foreign) -> None:
    with reading(records, rejects, foreign=foreign) as reader:
        fingerprinter, producer = _connected(topic)
        try:
            count = _put(producer, events_of(reader, records, fingerprinter, foreign))
        except IngestError as error:
            raise UnusableError(str(error)) from error
        finally:
            producer.close()
    click.echo(f"{count} events produced to {topic}", err=True)
    report_bad(reader, rejects)


def _ingest_topic(source: str, group: str, rejects: Path | None, topic: str, foreign: Foreign) -> None:
    log_to_stderr(logging.WARNING)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what matters of it comes as an error
    reader = reader_of(foreign, lambda _row: None)
    fingerprinter, producer = _connected(topic)
    try:
        with Rejects(rejects) as kept:
            taking = TopicIngest(reader, fingerprinter, producer, kept)
            asyncio.run(_follow(source, group, taking, reader))
    except IngestError as error:
        raise UnusableError(str(error)) from error
    finally:
        producer.close()
    click.echo(f"{taking.produced} events produced to {topic}", err=True)
    report_bad(reader, rejects, "offset")


async def _follow(source: str, group: str, taking: TopicIngest, reader: RecordReader) -> None:
    """Follow the topic until SIGTERM or Ctrl-C, which let the messages in hand be finished."""
    stop = told_to_stop()
    telling = asyncio.create_task(_tell(taking, reader))
    try:
        await follow(bootstrap_servers(), source, group, taking.take, stop)
    finally:
        telling.cancel()


async def _tell(taking: TopicIngest, reader: RecordReader) -> None:
    """Say once a minute how far it is, where that has changed."""
    before = ""
    while True:
        await asyncio.sleep(TELL_EVERY_S)
        now = f"{taking.produced} events produced, refused: {faults(reader) or 'none'}, passed over: {reader.passed}"
        if now != before:
            click.echo(now, err=True)
        before = now


def _connected(topic: str) -> tuple[Fingerprinter, Ingest]:
    try:
        return Fingerprinter(fingerprint_key()), Ingest(bootstrap_servers(), topic)
    except (SettingsError, IngestError) as error:
        raise UnusableError(str(error)) from error


def _put(producer: Ingest, events: Iterator[RequestEvent]) -> int:
    """How many events the broker has now. Where the input breaks off, what came before it is kept, and counted."""
    try:
        return producer.put(events)
    except UnreadableError as error:
        count = producer.settle()
        raise UnusableError(f"{error}; the {count} events before it were produced") from error
