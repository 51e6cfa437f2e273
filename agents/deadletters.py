"""What happens to a record that cannot be used: it is named by one bounded word, and kept whole.

A dead letter has the original key, value and headers, byte for byte, and Kafka Connect's error headers
(`__connect.errors.*`, from `DeadLetterQueueReporter` in Apache Kafka), so that tools written for Connect can read it.
Connect's `task.id` is left out, because there are no tasks here, and so is `exception.stacktrace`: the fault is in the
record, not at a line of ours. Nothing that a dead letter *adds* repeats any text of the payload: neither a metric, nor
a log line, nor a header built from these values can leak what somebody typed.

**Which limit holds.** A record reaches us only in a batch of at most the `max.message.bytes` of the requests topic.
What is added here comes to less than `agents.topics.FRAME_BYTES`. The dead-letter topic accepts four times as much as
the requests topic, and so many bytes more. So every record that is no larger than its source's limit fits whole, and
so does one that compression had made four times smaller; nothing is ever cut short. Kafka refuses what would still not
fit, and the partition waits rather than lose bytes.
"""

import re
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Final

import msgspec
from msgspec import Struct

from streams.events import MAX_EVENT_BYTES, RequestEvent

MAX_AHEAD_MS: Final = 24 * 60 * 60 * 1000
"""An event this far ahead of its own append time, in milliseconds, is refused; a smaller lead is clamped, because
clocks differ by seconds and time zones by hours, but no clock that anybody reads is a day ahead."""

PREFIX: Final = "__connect.errors."
REASON_HEADER: Final = "stillwatch.reason"
REPLAY_OF: Final = "stillwatch.replay-of"
"""On a record that was a dead letter and was sent again: the offset of the letter."""

CONNECTOR_NAME: Final = "stillwatch"

OURS: Final = frozenset({REASON_HEADER, REPLAY_OF})

Headers = Sequence[tuple[str, bytes | None]]
"""A Kafka record's headers, in order; a name may come more than once, and readers take the last."""


class Reason(StrEnum):
    """Why a record is a dead letter: a closed list, because it is the label of a metric."""

    NO_VALUE = "no_value"
    TOO_LARGE = "too_large"
    NOT_UTF8 = "not_utf8"
    NOT_JSON = "not_json"
    MISSING_FIELD = "missing_field"
    WRONG_TYPE = "wrong_type"
    OUT_OF_RANGE = "out_of_range"
    KEY_MISMATCH = "key_mismatch"
    IN_THE_FUTURE = "in_the_future"


class Refusal(Struct, frozen=True, gc=False):
    """Why a record cannot be used: the bounded word, one sentence without any of its text, and the error's class."""

    reason: Reason
    sentence: str
    error: str


class DeadLetter(Struct, frozen=True, gc=False):
    """One record for the dead-letter topic: key and value as they came, headers as they came and then ours."""

    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]


_EVENT_DECODER: Final = msgspec.json.Decoder(RequestEvent)

decode_value: Final[Callable[[bytes | None], RequestEvent]] = _EVENT_DECODER.decode  # type: ignore[assignment]
"""The event that a value holds, and nothing checked that is not in the value.

Raises as msgspec does, and TypeError where there is no value."""

_FIELD: Final = re.compile(r" - at `\$\.?([a-z0-9_.\[\]]{1,100})`$")
_REQUIRED: Final = re.compile(r"^Object missing required field `([a-z_]{1,64})`")
_TYPES: Final = re.compile(r"^Expected `([a-z_ |]{1,64})`, got `([a-z_]{1,64})`")
_BOUND: Final = re.compile(r"^Expected `([a-z_ |]{1,64})` (of length )?([<>]=?) (-?[0-9.e+]{1,24})")


def fits(event: RequestEvent, value: bytes | None, key: bytes | None, appended_at_ms: int) -> bool:
    """True if `decode_event` has nothing against an event that was decoded from `value`."""
    return (
        value is not None
        and len(value) <= MAX_EVENT_BYTES
        and key == event.account_id.encode()
        and event.occurred_at_ms <= appended_at_ms + MAX_AHEAD_MS
    )


def decode_event(value: bytes | None, key: bytes | None, *, appended_at_ms: int) -> RequestEvent | Refusal:
    """Read one record of `stillwatch.requests`: the event, or why it is none. It never raises and never blocks.

    `key` is the record's key and must be the event's account, because every window is kept by partition.
    `appended_at_ms` is when the broker appended the record; an event more than `MAX_AHEAD_MS` later is refused.
    """
    if value is None:
        return Refusal(Reason.NO_VALUE, "The record has no value.", "ValueError")
    if len(value) > MAX_EVENT_BYTES:
        sentence = f"The value has {len(value)} bytes, more than the {MAX_EVENT_BYTES} an event may have."
        return Refusal(Reason.TOO_LARGE, sentence, "ValueError")
    try:
        event = _EVENT_DECODER.decode(value)
    except (ValueError, RecursionError) as error:
        return classify(error, value)
    if key != event.account_id.encode():
        sentence = "The record has no key." if key is None else "The record's key is not the event's `account_id`."
        return Refusal(Reason.KEY_MISMATCH, sentence, "ValueError")
    if event.occurred_at_ms > appended_at_ms + MAX_AHEAD_MS:
        hours = (event.occurred_at_ms - appended_at_ms) // 3_600_000
        sentence = f"`occurred_at_ms` is {hours} hours after the time at which the record was appended."
        return Refusal(Reason.IN_THE_FUTURE, sentence, "ValueError")
    return event


def classify(error: Exception, value: bytes) -> Refusal:
    """Name what msgspec found wrong with `value`; `error` is what its decoder raised.

    NaN and Infinity are words that JSON does not have, so they are `not_json`, wherever they stand.
    """
    reason, sentence = _reason_and_sentence(error, value)
    return Refusal(reason, sentence, type(error).__name__)


def _reason_and_sentence(error: Exception, value: bytes) -> tuple[Reason, str]:
    if isinstance(error, msgspec.ValidationError):
        return _invalid(str(error))
    if isinstance(error, RecursionError):
        return Reason.NOT_JSON, "The value is nested too deeply to be read."
    if isinstance(error, UnicodeDecodeError) or not _is_utf8(value):
        return Reason.NOT_UTF8, "The value is not UTF-8."
    return Reason.NOT_JSON, "The value is not JSON."


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def _invalid(message: str) -> tuple[Reason, str]:
    """Turn msgspec's message into a reason and our own sentence.

    Only parts that come from our schema are taken over. The rest may quote the payload: "Invalid enum value 'x'" does.
    """
    place = _FIELD.search(message)
    what = f"`{place[1]}`" if place else "The value"
    if missing := _REQUIRED.match(message):
        where = f" in {what}" if place else ""
        return Reason.MISSING_FIELD, f"The required field `{missing[1]}` is missing{where}."
    if types := _TYPES.match(message):
        return Reason.WRONG_TYPE, f"{what} must be {types[1].replace(' |', ' or')}, not {types[2]}."
    if bound := _BOUND.match(message):
        word = "at least" if bound[3] == ">=" else "at most"
        length = "have a length of " if bound[2] else "be "
        return Reason.OUT_OF_RANGE, f"{what} must {length}{word} {bound[4]}."
    return Reason.OUT_OF_RANGE, f"{what} is not a value that the contract allows."


def dead_letter(
    refusal: Refusal,
    *,
    stage: str,
    source: tuple[str, int, int],
    key: bytes | None,
    value: bytes | None,
    headers: Headers = (),
) -> DeadLetter:
    """Wrap a refused record for the dead-letter topic.

    `source` is (topic, partition, offset) of the original; `stage` is the stage that refused it, such as `observe`.
    """
    topic, partition, offset = source
    added = {
        "topic": topic,
        "partition": str(partition),
        "offset": str(offset),
        "connector.name": CONNECTOR_NAME,
        "stage": stage,
        "class.name": f"{__name__}.{decode_event.__name__}",
        "exception.class.name": refusal.error,
        "exception.message": refusal.sentence,
    }
    ours = tuple((PREFIX + name, text.encode()) for name, text in added.items())
    return DeadLetter(key, value, (*headers, *ours, (REASON_HEADER, refusal.reason.encode())))


def original_headers(headers: Headers) -> Headers:
    """The headers as they were before `dead_letter`: what a replay sends, so that they do not grow at every round."""
    return tuple((name, value) for name, value in headers if not name.startswith(PREFIX) and name not in OURS)
