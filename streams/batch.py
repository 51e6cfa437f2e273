"""A batch of events of one partition, seen by event and, for the compiled fold, by column."""

from collections.abc import Sequence
from functools import cached_property

import msgspec
import numpy as np
import xxhash
from msgspec import Struct

from streams.account_kernel import (
    ADDRESS,
    AGENT,
    AT,
    CAPABILITY,
    CONVERSATION,
    CREATED,
    ERROR,
    EVENT_ROWS,
    INPUT,
    OUTPUT,
    PROFILE,
    REFUSAL,
    TEMPLATE,
    Ints,
)
from streams.capabilities import POSITION
from streams.distinct import hash32
from streams.events import RequestEvent

NO_HASH = -1
_FIRST_ERROR_STATUS = 400
_encode = msgspec.msgpack.Encoder().encode


class Incoming(Struct, frozen=True, gc=False):
    """One event with its place in the log and the time the log took it."""

    offset: int
    appended_at_ms: int
    event: RequestEvent


class EventBatch:
    """Events in the order of the log."""

    def __init__(self, items: Sequence[Incoming]) -> None:
        self.items = items
        self.events = [item.event for item in items]
        names = [event.account_id for event in self.events]
        places = {name: place for place, name in enumerate(dict.fromkeys(names))}
        self.accounts = list(places)
        """The accounts, each once, in the order of their first event."""
        self.keys = [account_key(name) for name in self.accounts]
        """The keys of their states."""
        self.account: Ints = np.array([places[name] for name in names], np.int64)
        """Of each event the place of its account in `accounts`."""

    @cached_property
    def columns(self) -> Ints:
        """The matrix that `fold_accounts` takes. An event ahead of its append time is moved back to it."""
        events = self.events
        columns = np.empty((EVENT_ROWS, len(events)), np.int64)
        columns[AT] = np.minimum(self._occurred_at_ms, self._appended_at_ms)
        columns[INPUT] = [event.input_tokens for event in events]
        columns[OUTPUT] = [event.output_tokens for event in events]
        columns[ERROR] = [event.status_code >= _FIRST_ERROR_STATUS for event in events]
        columns[REFUSAL] = [event.finish_reason == "refusal" for event in events]
        columns[ADDRESS] = hashes([event.address_hash for event in events])
        columns[AGENT] = hashes([event.user_agent_hash for event in events])
        columns[TEMPLATE] = hashes([event.template_hash for event in events])
        columns[CONVERSATION] = hashes([event.conversation_id for event in events])
        columns[CAPABILITY] = [POSITION[event.capability] for event in events]
        columns[PROFILE] = self._profile_hashes()
        columns[CREATED] = [
            -1 if event.account_created_at_ms is None else event.account_created_at_ms for event in events
        ]
        return columns

    @property
    def clamped(self) -> int:
        """How many events were ahead of their append time."""
        return int(np.count_nonzero(self._occurred_at_ms > self._appended_at_ms))

    @cached_property
    def _occurred_at_ms(self) -> Ints:
        return np.array([event.occurred_at_ms for event in self.events], np.int64)

    @cached_property
    def _appended_at_ms(self) -> Ints:
        return np.array([item.appended_at_ms for item in self.items], np.int64)

    def _profile_hashes(self) -> list[int]:
        """A hash of what each event says about its account: the fold notices by it that something changed."""
        profiles = [
            (
                event.account_created_at_ms,
                event.plan,
                event.plan_daily_tokens,
                event.org_id,
                event.payment_hash,
            )
            for event in self.events
        ]
        known = {profile: xxhash.xxh32_intdigest(_encode(profile)) for profile in dict.fromkeys(profiles)}
        return [known[profile] for profile in profiles]


def hashes(values: Sequence[str | None]) -> list[int]:
    """`hash32` of each value, `NO_HASH` for None."""
    digest = xxhash.xxh32_intdigest
    try:
        return [NO_HASH if value is None else digest(value.encode()) for value in values]
    except UnicodeEncodeError:  # half of a surrogate pair
        return [NO_HASH if value is None else hash32(value) for value in values]


def account_key(account_id: str) -> str:
    """The key of an account's state."""
    return f"account:{account_id}"
