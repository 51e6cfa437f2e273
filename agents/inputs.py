"""From the records of a partition batch to the items of a stage; what cannot be read becomes a dead letter."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Generic, TypeVar

import msgspec
from msgspec import Struct

from agents.advance import Posted
from agents.deadletters import MAX_AHEAD_MS, Refusal, classify, dead_letter, decode_event, decode_value, fits
from agents.deadletters import Reason as Fault
from agents.routing import key_partition
from agents.transport import Record
from streams.batch import AT_ONCE, EventBatch, Incoming
from streams.events import RequestEvent
from streams.feedback import PlacedVerdict, Verdict
from streams.findings import Findings
from streams.links import Links
from streams.stages.campaigns import PlacedFindings
from streams.used import PlacedLinks

STEP_BYTES = 4 * 1024 * 1024
"""About how much of a batch one step takes. A step holds the event loop while it folds, and links come in bundles of
many small things: this is half a second of work at the most, so that the loop gets to its other tasks in between."""

Item = TypeVar("Item")
Items = TypeVar("Items")


class _Moment(Struct):
    occurred_at_ms: int


_moments = msgspec.json.Decoder(_Moment)
_links = msgspec.json.Decoder(Links)
_findings = msgspec.json.Decoder(Findings)
_verdicts = msgspec.json.Decoder(Verdict)


class Inputs(Struct, Generic[Items]):
    """The items of a batch, and the dead letters of what was none, with their reasons."""

    items: Items
    refused: list[Posted]
    faults: list[str]


class Origin(Struct, frozen=True):
    """Where a batch comes from, and the stage it is for."""

    stage: str
    topic: str
    partition: int


Reader = Callable[[Record], Item | Refusal]
"""Reads one record."""

BatchReader = Callable[[Sequence[Record], Origin], Inputs[Items]]
"""Reads a batch."""


def occurred_at(record: Record) -> int:
    """When the request of a record was made, and at the latest when it was appended: so too for what is no event."""
    try:
        return min(_moments.decode(record.value or b"").occurred_at_ms, record.timestamp)
    except (ValueError, RecursionError):
        return record.timestamp


def parts_of(records: Sequence[Record]) -> Iterator[Sequence[Record]]:
    """Cut a batch into parts of about `STEP_BYTES`, at least one record each, in order."""
    start = size = 0
    for number, record in enumerate(records, start=1):
        size += len(record.value or b"")
        if size >= STEP_BYTES:
            yield records[start:number]
            start, size = number, 0
    if start < len(records):
        yield records[start:]


def read_events(records: Sequence[Record], origin: Origin) -> Inputs[EventBatch]:
    """The request events of a batch: many in one go, or one by one where that does not work out."""
    inputs = Inputs(EventBatch(), [], [])
    for start in range(0, len(records), AT_ONCE):
        some = records[start : start + AT_ONCE]
        events = _events(some)
        if events is None:
            careful = read_batch(some, read_event, origin)
            inputs.items.add_items(careful.items)
            inputs.refused += careful.refused
            inputs.faults += careful.faults
        else:
            inputs.items.add(events, [record.offset for record in some], [record.timestamp for record in some])
    return inputs


def _events(records: Sequence[Record]) -> list[RequestEvent] | None:
    """The event of each record; None if any has none."""
    try:
        events = [decode_value(record.value) for record in records]
    except (TypeError, ValueError, RecursionError):
        return None
    pairs = zip(events, records, strict=True)
    if all(fits(event, record.value, record.key, record.timestamp) for event, record in pairs):
        return events
    return None


def one_by_one(read: Reader[Item]) -> BatchReader[Sequence[Item]]:
    """Read each record of a batch by itself."""
    return lambda records, origin: read_batch(records, read, origin)


def read_batch(records: Iterable[Record], read: Reader[Item], origin: Origin) -> Inputs[Sequence[Item]]:
    """Read every record: an item, or a dead letter with the original bytes and headers."""
    items: list[Item] = []
    inputs: Inputs[Sequence[Item]] = Inputs(items, [], [])
    for record in records:
        found = read(record)
        if not isinstance(found, Refusal):
            items.append(found)
            continue
        letter = dead_letter(
            found,
            stage=origin.stage,
            source=(origin.topic, origin.partition, record.offset),
            key=record.key,
            value=record.value,
            headers=tuple(record.headers),
        )
        inputs.refused.append(Posted("dlq", None, letter.key, letter.value, letter.headers))
        inputs.faults.append(found.reason.value)
    return inputs


def read_event(record: Record) -> Incoming | Refusal:
    """A request event with its place."""
    event = decode_event(record.value, record.key, appended_at_ms=record.timestamp)
    return event if isinstance(event, Refusal) else Incoming(record.offset, record.timestamp, event)


def read_links(record: Record) -> PlacedLinks | Refusal:
    """A record of links with its place."""
    found = _decoded(record.value, _links)
    if isinstance(found, Refusal):
        return found
    try:
        found.check()
    except ValueError as error:
        return Refusal(Fault.OUT_OF_RANGE, f"A record of links is broken: {error}.", "ValueError")
    return PlacedLinks(record.offset, found)


def read_findings(record: Record) -> PlacedFindings | Refusal:
    """A record of findings with its place."""
    found = _decoded(record.value, _findings)
    return found if isinstance(found, Refusal) else PlacedFindings(record.offset, found)


def verdict_reader(partition: int, partitions: int) -> Reader[PlacedVerdict]:
    """Reads the verdicts of one of so many partitions of the feedback, each with its place.

    A verdict about an account must be where the account's requests are; so it is with Kafka's own partitioner.
    """

    def read_verdict(record: Record) -> PlacedVerdict | Refusal:
        found = _decoded(record.value, _verdicts)
        if isinstance(found, Refusal):
            return found
        if record.key != found.subject_id.encode():
            return Refusal(Fault.KEY_MISMATCH, "The record's key is not the verdict's `subject_id`.", "ValueError")
        if found.subject_kind == "account" and key_partition(found.subject_id, partitions) != partition:
            sentence = "The record is in another partition than the requests of its account."
            return Refusal(Fault.KEY_MISMATCH, sentence, "ValueError")
        if found.decided_at_ms > record.timestamp + MAX_AHEAD_MS:
            sentence = "`decided_at_ms` is more than a day after the record was appended."
            return Refusal(Fault.IN_THE_FUTURE, sentence, "ValueError")
        return PlacedVerdict(record.offset, record.timestamp, found)

    return read_verdict


T = TypeVar("T")


def _decoded(value: bytes | None, decoder: msgspec.json.Decoder[T]) -> T | Refusal:
    if value is None:
        return Refusal(Fault.NO_VALUE, "The record has no value.", "ValueError")
    try:
        return decoder.decode(value)
    except (ValueError, RecursionError) as error:
        return classify(error, value)
