"""A batch of events of one partition, by column: what the compiled fold takes, and what links are made of."""

from array import array
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Generic, NamedTuple, TypeVar

import msgspec
import numpy as np
import xxhash
from msgspec import Struct

from streams.capabilities import POSITION
from streams.compiled import Ints
from streams.distinct import hash32
from streams.events import SKETCH_ALPHABET, SKETCH_HASH_CHARACTERS, RequestEvent
from streams.feedback import Feedback
from streams.kernel import (
    ADDRESS,
    AGENT,
    AT,
    CAPABILITY,
    CONVERSATION,
    CREATED,
    ERROR,
    EVENT_ROWS,
    INPUT,
    NO_WORD,
    OPENS,
    OUTPUT,
    PROFILE,
    REFUSAL,
    SKETCH,
    SKETCH_WORDS,
    TEMPLATE,
    TURNS,
)

NO_HASH = -1
AT_ONCE = 256
"""Events that are taken apart together: so few that the processor still has them at hand."""

_COPIED = (INPUT, OUTPUT, ERROR, REFUSAL, ADDRESS, AGENT, CONVERSATION, CAPABILITY, TURNS)
"""Rows of the matrix of a batch that are as they were noted; the others are worked out."""

_FIRST_ERROR_STATUS = 400
_SKETCH_CHARACTERS = SKETCH_WORDS * SKETCH_HASH_CHARACTERS
_SIX_BITS = np.full(256, -1, np.int64)
_SIX_BITS[np.frombuffer(SKETCH_ALPHABET.encode(), np.uint8)] = np.arange(len(SKETCH_ALPHABET))
_encode = msgspec.msgpack.Encoder().encode

T = TypeVar("T")


class Incoming(Struct, frozen=True, gc=False):
    """One event with its place in the log and the time the log took it."""

    offset: int
    appended_at_ms: int
    event: RequestEvent


class Said(NamedTuple):
    """What an event says about its account; None where it says nothing."""

    created_at_ms: int | None
    plan: str | None
    plan_daily_tokens: int | None
    org_id: str | None
    payment_hash: str | None


class Table(Generic[T]):
    """Values in the order in which they first came, and of each event the place of its own; -1 if it has none."""

    def __init__(self) -> None:
        self._known: dict[T | None, int] = {None: -1}
        self._places = array("q")

    def note(self, values: Iterable[T | None]) -> None:
        """Note the values of more events."""
        known = self._known
        self._places.fromlist([known.setdefault(value, len(known) - 1) for value in values])

    @cached_property
    def values(self) -> list[T]:
        """Each value once. Asked for when all were noted."""
        return [value for value in self._known if value is not None]

    @cached_property
    def places(self) -> Ints:
        """Of each event the place of its value in `values`. Asked for when all were noted."""
        return np.frombuffer(self._places, np.int64)


class EventBatch:
    """Events in the order of the log. The events themselves are not kept: taken apart they are a third of the size."""

    def __init__(self, items: Iterable[Incoming] = (), feedback: Feedback | None = None) -> None:
        """A batch of `items`; more can be added before anything is asked of the batch.

        `feedback` is what reviewers say meanwhile; it comes without events.
        """
        self.feedback = feedback
        self.offsets = array("q")
        self._appended_at_ms = array("q")
        self._numbers = {row: array("q") for row in (AT, *_COPIED)}
        self._account: Table[str] = Table()
        self._profile: Table[tuple[int | None, str | None, int | None, str | None, str | None]] = Table()
        self.network: Table[str] = Table()
        self.asn: Table[int] = Table()
        self.payment: Table[str] = Table()
        self.template: Table[str] = Table()
        self.tls: Table[str] = Table()
        self.sketches: dict[str | None, str | None] = {}
        """The sketch of each template."""
        self._opening: Table[str] = Table()
        whole = list(items)
        for start in range(0, len(whole), AT_ONCE):
            self.add_items(whole[start : start + AT_ONCE])

    def __len__(self) -> int:
        """How many events."""
        return len(self.offsets)

    def add_items(self, items: Sequence[Incoming]) -> None:
        """Add events that have their places with them."""
        self.add([it.event for it in items], [it.offset for it in items], [it.appended_at_ms for it in items])

    def add(self, events: Sequence[RequestEvent], offsets: list[int], appended_at_ms: list[int]) -> None:
        """Add events, with their places in the log and when the log took them."""
        self.offsets.fromlist(offsets)
        self._appended_at_ms.fromlist(appended_at_ms)
        for row, values in (
            (AT, [event.occurred_at_ms for event in events]),
            (INPUT, [event.input_tokens for event in events]),
            (OUTPUT, [event.output_tokens for event in events]),
            (ERROR, [1 if event.status_code >= _FIRST_ERROR_STATUS else 0 for event in events]),
            (REFUSAL, [1 if event.finish_reason == "refusal" else 0 for event in events]),
            (CAPABILITY, [POSITION[event.capability] for event in events]),
            (ADDRESS, hashes([event.address_hash for event in events])),
            (AGENT, hashes([event.user_agent_hash for event in events])),
            (CONVERSATION, hashes([event.conversation_id for event in events])),
            (TURNS, [event.turn_count for event in events]),
        ):
            self._numbers[row].fromlist(values)
        self._account.note([event.account_id for event in events])
        self._profile.note(
            [
                (
                    event.account_created_at_ms,
                    event.plan,
                    event.plan_daily_tokens,
                    event.org_id,
                    event.payment_hash,
                )
                for event in events
            ]
        )
        self.network.note([event.network_hash for event in events])
        self.asn.note([event.asn for event in events])
        self.payment.note([event.payment_hash for event in events])
        self.template.note([event.template_hash for event in events])
        self.sketches.update([(event.template_hash, event.sketch) for event in events])
        self._opening.note([event.sketch if event.turn_count <= OPENS else None for event in events])
        self.tls.note([event.tls_fingerprint for event in events])

    @property
    def accounts(self) -> list[str]:
        """The accounts, each once, in the order of their first event."""
        return self._account.values

    @property
    def account(self) -> Ints:
        """Of each event the place of its account in `accounts`."""
        return self._account.places

    @cached_property
    def account_hashes(self) -> Ints:
        """Of each event the `hash32` of its account."""
        return np.array(hashes(self.accounts), np.int64)[self.account]

    @cached_property
    def keys(self) -> list[str]:
        """The keys of the accounts' states."""
        return [account_key(name) for name in self.accounts]

    @cached_property
    def profiles(self) -> list[Said]:
        """What events say about their accounts, each once."""
        return [Said(*profile) for profile in self._profile.values]

    @property
    def profile(self) -> Ints:
        """Of each event the place of what it says in `profiles`."""
        return self._profile.places

    @cached_property
    def appended_at_ms(self) -> Ints:
        """Of each event when the log took it."""
        return np.frombuffer(self._appended_at_ms, np.int64)

    @cached_property
    def columns(self) -> Ints:
        """The matrix that `fold_accounts` takes. An event ahead of its append time is moved back to it."""
        columns = np.empty((EVENT_ROWS, len(self)), np.int64)
        for row in _COPIED:
            columns[row] = np.frombuffer(self._numbers[row], np.int64)
        columns[AT] = np.minimum(self._occurred_at_ms, self.appended_at_ms)
        columns[TEMPLATE] = hashes_of(self.template)
        columns[SKETCH] = self._opening.places
        # The hash of what an event says about its account: the fold notices by it that something changed.
        said = [xxhash.xxh32_intdigest(_encode(profile)) for profile in self.profiles]
        created = [NO_HASH if it.created_at_ms is None else it.created_at_ms for it in self.profiles]
        columns[PROFILE] = np.array(said, np.int64)[self.profile]
        columns[CREATED] = np.array(created, np.int64)[self.profile]
        return columns

    @cached_property
    def opening_words(self) -> Ints:
        """The words of the sketches that `SKETCH` names, each sketch once, as `fold_accounts` takes them."""
        return words_of(self._opening.values)

    @property
    def clamped(self) -> int:
        """How many events were ahead of their append time."""
        return int(np.count_nonzero(self._occurred_at_ms > self.appended_at_ms))

    @cached_property
    def _occurred_at_ms(self) -> Ints:
        return np.frombuffer(self._numbers[AT], np.int64)


def hashes(values: Sequence[str | None]) -> list[int]:
    """`hash32` of each value, `NO_HASH` for None."""
    digest = xxhash.xxh32_intdigest
    try:
        return [NO_HASH if value is None else digest(value.encode()) for value in values]
    except UnicodeEncodeError:  # half of a surrogate pair
        return [NO_HASH if value is None else hash32(value) for value in values]


def hashes_of(table: Table[str]) -> Ints:
    """Of each event the `hash32` of its value in `table`, `NO_HASH` if it has none."""
    return np.array([*hashes(table.values), NO_HASH], np.int64)[table.places]


def words_of(sketches: Sequence[str]) -> Ints:
    """The words of each sketch, below `NO_WORD` and in order, each once; then `NO_WORD` until there are enough."""
    text = "".join([sketch[:_SKETCH_CHARACTERS].ljust(_SKETCH_CHARACTERS) for sketch in sketches])
    characters = _SIX_BITS[np.frombuffer(text.encode("ascii", "replace"), np.uint8)].reshape(-1, SKETCH_WORDS, 2)
    words = characters[:, :, 0] << 6 | characters[:, :, 1]
    words[(characters < 0).any(axis=2)] = NO_WORD
    words.sort(axis=1)
    words[:, 1:][words[:, 1:] == words[:, :-1]] = NO_WORD
    words.sort(axis=1)
    return words


def account_key(account_id: str) -> str:
    """The key of an account's state."""
    return f"account:{account_id}"
