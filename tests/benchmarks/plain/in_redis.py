"""Windows in Redis, one value a subject, for contestants that take batches. Needs redis-py and msgspec.

One batch costs one MGET for subjects that are not at hand and one MSET. A network's window is kept in one part per
partition, so that a second process with other partitions could write beside the first.
"""

from collections.abc import Iterable, Sequence
from typing import Any, cast

import redis

from tests.benchmarks.plain.job import (
    MINUTE_MS,
    Account,
    Network,
    Wanted,
    Windows,
    decode_account,
    decode_network,
    encode_window,
)
from tests.benchmarks.plain.told import Told

AT_HAND = 200_000
"""Subjects kept decoded between batches; when there are more, all are let go of and loaded again when needed."""


class Held:
    """The windows at hand of one process. No I/O: who uses it does the round trips that it asks for."""

    def __init__(self, prefix: str, limit: int) -> None:
        self._prefix = prefix
        self._limit = limit
        self._accounts: dict[str, Account] = {}
        self._networks: dict[int, dict[str, Network]] = {}
        self._changed_accounts: set[str] = set()
        self._changed_networks: dict[int, set[str]] = {}

    def missing(self, partition: int, events: Iterable[Wanted]) -> tuple[list[str], list[str], list[str]]:
        """The accounts and networks of `events` that are not at hand, and their keys for one MGET."""
        parts = self._networks.setdefault(partition, {})
        if len(self._accounts) + sum(map(len, self._networks.values())) > AT_HAND:
            self._accounts.clear()
            parts.clear()
        accounts = list({it.account_id for it in events} - self._accounts.keys())
        networks = list({it.network_hash for it in events} - parts.keys())
        keys = [self._account_key(it) for it in accounts] + [self._network_key(partition, it) for it in networks]
        return accounts, networks, keys

    def hold(self, partition: int, accounts: Sequence[str], networks: Sequence[str], values: Sequence[Any]) -> None:
        """Take what the MGET brought."""
        for account, value in zip(accounts, values, strict=False):
            self._accounts[account] = Account() if value is None else decode_account(value)
        parts = self._networks[partition]
        for network, value in zip(networks, values[len(accounts) :], strict=True):
            parts[network] = Network() if value is None else decode_network(value)

    def fold(self, partition: int, events: Sequence[Wanted]) -> list[tuple[bytes, bytes]]:
        """Count events in their order; the alerts that are due, each with its key."""
        by_account: dict[str, list[Wanted]] = {}
        parts = self._networks[partition]
        changed = self._changed_networks.setdefault(partition, set())
        for event in events:
            if (together := by_account.get(event.account_id)) is None:
                by_account[event.account_id] = [event]
            else:
                together.append(event)
            parts[event.network_hash].add(event.occurred_at_ms // MINUTE_MS)
            changed.add(event.network_hash)
        self._changed_accounts |= by_account.keys()
        return [due for name, some in by_account.items() for due in self._accounts[name].add(some, self._limit)]

    def changed(self) -> dict[str, bytes]:
        """What has changed since the last call, for one MSET."""
        values = {self._account_key(it): encode_window(self._accounts[it]) for it in self._changed_accounts}
        for partition, names in self._changed_networks.items():
            parts = self._networks[partition]
            values |= {self._network_key(partition, it): encode_window(parts[it]) for it in names}
        self._changed_accounts.clear()
        self._changed_networks.clear()
        return values

    def _account_key(self, account: str) -> str:
        return f"{self._prefix}:account:{account}"

    def _network_key(self, partition: int, network: str) -> str:
        return f"{self._prefix}:network:{partition}:{network}"


def windows(told: Told) -> Windows:
    """Every window that `Held` has put into Redis."""
    found = Windows()
    with redis.Redis.from_url(told.redis_url) as client:
        for key, value in every_value(client, f"{told.prefix}:*"):
            kind, name = key[len(told.prefix) + 1 :].split(":", 1)
            if kind == "account":
                found.add_account(name, decode_account(value).buckets)
            else:
                found.add_network(name.partition(":")[2], decode_network(value).buckets)
    return found


def every_value(client: "redis.Redis", pattern: str) -> Iterable[tuple[str, bytes]]:
    """Each key that fits `pattern`, with its value."""
    keys = list(client.scan_iter(match=pattern, count=10_000))
    for at in range(0, len(keys), 10_000):
        some = keys[at : at + 10_000]
        for key, value in zip(some, client.mget(some), strict=True):
            yield key.decode(), cast("bytes", value)


def every_hash(url: str, pattern: str) -> Iterable[tuple[str, dict[bytes, bytes]]]:
    """Each key that fits `pattern`, with the fields of its hash."""
    with redis.Redis.from_url(url) as client:
        keys = list(client.scan_iter(match=pattern, count=10_000))
        for at in range(0, len(keys), 1_000):
            pipe = client.pipeline(transaction=False)
            for key in keys[at : at + 1_000]:
                pipe.hgetall(key)
            for key, fields in zip(keys[at : at + 1_000], pipe.execute(), strict=True):
                yield key.decode(), fields
