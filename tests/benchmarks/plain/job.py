"""The plain job, as every contestant has to do it; nothing here is anybody's own machinery.

Read request events, and keep
- of each account 60 one-minute buckets of requests and output tokens,
- of each network 60 one-minute buckets of requests,
by the time of the event. A subject's window ends with the newest minute that it has been seen in; an event older than
the window counts nowhere, one that is merely late counts in its own bucket.

An account is *above* when the output tokens of its window are more than the limit. The first event that brings it above
is alerted, and again the first one after an event that left it at the limit or below. That depends on the order of the
account's own events in the log and on nothing else: not on batches, workers, partitions or clocks.

A network's accounts lie in several partitions, so its window may be kept in parts that a reader adds up.

This module needs msgspec and Python alone: it is imported into every contestant's environment. Times are integer
milliseconds since the epoch, a minute is `time_ms // 60_000`.
"""

from collections.abc import Iterable, Mapping, Sequence

import msgspec
from msgspec import Struct

MINUTE_MS = 60_000
BUCKETS = 60


class Wanted(Struct, gc=False):
    """What the job needs of a request event; the other 20 fields are skipped without being decoded."""

    event_id: str
    occurred_at_ms: int
    account_id: str
    network_hash: str
    output_tokens: int = 0


class Alert(Struct, frozen=True, gc=False):
    """One record of the alerts topic. `output_tokens` is what the window held with the event."""

    account_id: str
    event_id: str
    occurred_at_ms: int
    output_tokens: int


NEVER = 2**62
"""Older than the oldest minute of a window that has none."""


class Account(Struct, array_like=True, gc=False):
    """The window of one account; `buckets` maps a minute to [requests, output tokens]. `total` is of the tokens."""

    newest: int = 0
    oldest: int = NEVER
    above: bool = False
    total: int = 0
    buckets: dict[int, list[int]] = msgspec.field(default_factory=dict)

    def add(self, events: Iterable[Wanted], limit: int) -> list[tuple[bytes, bytes]]:
        """Count events of the account in their order; the alerts that are due, each with its key."""
        due = []
        buckets, newest, total, above = self.buckets, self.newest, self.total, self.above
        for event in events:
            minute, tokens = event.occurred_at_ms // MINUTE_MS, event.output_tokens
            if minute > newest:
                newest = minute
                if self.oldest <= minute - BUCKETS:
                    for old in [it for it in buckets if it <= minute - BUCKETS]:
                        total -= buckets.pop(old)[1]
                    self.oldest = min(buckets, default=NEVER)
            if minute in buckets:
                bucket = buckets[minute]
                bucket[0] += 1
                bucket[1] += tokens
            elif minute > newest - BUCKETS:
                buckets[minute] = [1, tokens]
                self.oldest = min(self.oldest, minute)
            else:
                tokens = 0
            total += tokens
            if total <= limit:
                above = False
            elif not above:
                above = True
                due.append((event.account_id.encode(), alert_of(event, total)))
        self.newest, self.total, self.above = newest, total, above
        return due


class Network(Struct, array_like=True, gc=False):
    """The window of one network, or a part of it; `buckets` maps a minute to requests."""

    newest: int = 0
    oldest: int = NEVER
    buckets: dict[int, int] = msgspec.field(default_factory=dict)

    def add(self, minute: int) -> None:
        """Count one request."""
        buckets = self.buckets
        if minute in buckets:
            buckets[minute] += 1
        elif minute > self.newest - BUCKETS:
            if minute > self.newest:
                self.newest = minute
                if self.oldest <= minute - BUCKETS:
                    for old in [it for it in buckets if it <= minute - BUCKETS]:
                        del buckets[old]
                    self.oldest = min(buckets, default=NEVER)
            buckets[minute] = 1
            self.oldest = min(self.oldest, minute)


class Windows(Struct):
    """Every window at the end: account -> minute -> [requests, output tokens], network -> minute -> requests."""

    accounts: dict[str, dict[int, list[int]]] = msgspec.field(default_factory=dict)
    networks: dict[str, dict[int, int]] = msgspec.field(default_factory=dict)

    def add_account(self, name: str, buckets: Mapping[int, Sequence[int]]) -> None:
        """Take an account's buckets over; those that have left the window are dropped."""
        self.accounts[name] = {it: list(buckets[it]) for it in in_window(buckets)}

    def add_network(self, name: str, buckets: Mapping[int, int]) -> None:
        """Add buckets of a network to what is known of it; those that have left the window are dropped."""
        known = self.networks.get(name, {})
        summed = {it: known.get(it, 0) + buckets.get(it, 0) for it in {*known, *buckets}}
        self.networks[name] = {it: summed[it] for it in in_window(summed)}


def in_window(minutes: Iterable[int]) -> list[int]:
    """Those of `minutes` that lie in the window that ends with the newest of them."""
    known = sorted(minutes)
    return [it for it in known if it > known[-1] - BUCKETS]


decode = msgspec.json.Decoder(Wanted).decode
encode_alert = msgspec.json.Encoder().encode
decode_alert = msgspec.json.Decoder(Alert).decode
encode_window = msgspec.msgpack.Encoder().encode
decode_account = msgspec.msgpack.Decoder(Account).decode
decode_network = msgspec.msgpack.Decoder(Network).decode


def alert_of(event: Wanted, total: int) -> bytes:
    """The alert record of the event that brought its account above the limit."""
    return encode_alert(Alert(event.account_id, event.event_id, event.occurred_at_ms, total))
