"""Bytewax: its Kafka source, each batch of events grouped by key, `stateful_batch` per account and per network.

Every activation of a key emits its window, and a sink writes what came together with one MSET. Nothing is kept for a
restart: that is `bytewax_recovery`, which runs this flow with a recovery store.
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from bytewax import operators as op
from bytewax._bytewax import cli_main  # what `python -m bytewax.run` calls
from bytewax.connectors.kafka import KafkaSink, KafkaSinkMessage, KafkaSource
from bytewax.dataflow import Dataflow
from bytewax.operators import StatefulBatchLogic
from bytewax.outputs import DynamicSink, StatelessSinkPartition
from bytewax.recovery import RecoveryConfig
from redis import Redis

from tests.benchmarks.plain import in_redis
from tests.benchmarks.plain.job import (
    MINUTE_MS,
    Account,
    Network,
    Wanted,
    decode,
    decode_account,
    decode_network,
    encode_window,
)
from tests.benchmarks.plain.told import Told, act

BATCH = 5_000


class AccountLogic(StatefulBatchLogic):  # type: ignore[misc]  # bytewax is not installed where types are checked
    """One account; emits its window, and the alerts that were due."""

    def __init__(self, limit: int, resumed: bytes | None) -> None:
        self._limit = limit
        self._account = Account() if resumed is None else decode_account(resumed)

    def on_batch(self, values: list[list[Wanted]]) -> tuple[Iterable[tuple[bytes, list[tuple[bytes, bytes]]]], bool]:
        """Count events in their order."""
        due = [alert for events in values for alert in self._account.add(events, self._limit)]
        return [(encode_window(self._account), due)], False

    def snapshot(self) -> bytes:
        """The window as it is stored."""
        return encode_window(self._account)


class NetworkLogic(StatefulBatchLogic):  # type: ignore[misc]
    """One network; emits its window."""

    def __init__(self, resumed: bytes | None) -> None:
        self._network = Network() if resumed is None else decode_network(resumed)

    def on_batch(self, values: list[list[int]]) -> tuple[Iterable[bytes], bool]:
        """Count requests."""
        for minutes in values:
            for minute in minutes:
                self._network.add(minute)
        return [encode_window(self._network)], False

    def snapshot(self) -> bytes:
        """The window as it is stored."""
        return encode_window(self._network)


class RedisPart(StatelessSinkPartition):  # type: ignore[misc]
    """A connection that writes what came together with one MSET."""

    def __init__(self, url: str) -> None:
        self._redis = Redis.from_url(url)

    def write_batch(self, items: list[tuple[str, bytes]]) -> None:
        """Write; where a key comes twice the later value stays."""
        self._redis.mset(dict(items))


class RedisSink(DynamicSink):  # type: ignore[misc]
    """One connection a worker."""

    def __init__(self, url: str) -> None:
        self._url = url

    def build(self, _step_id: str, _worker_index: int, _worker_count: int) -> RedisPart:
        """Connect."""
        return RedisPart(self._url)


def flow_of(told: Told) -> Dataflow:
    """The flow; it ends where the log ends."""

    def decoded(messages: list[Any]) -> list[list[Wanted]]:
        if messages:
            told.first()
        return [[decode(it.value) for it in messages]]

    def by_account(batches: list[list[Wanted]]) -> list[tuple[str, list[Wanted]]]:
        groups: dict[str, list[Wanted]] = {}
        for batch in batches:
            for event in batch:
                groups.setdefault(event.account_id, []).append(event)
        return list(groups.items())

    def by_network(batches: list[list[Wanted]]) -> list[tuple[str, list[int]]]:
        groups: dict[str, list[int]] = {}
        for batch in batches:
            for event in batch:
                groups.setdefault(event.network_hash, []).append(event.occurred_at_ms // MINUTE_MS)
        return list(groups.items())

    def stored(kind: str) -> Any:  # noqa: ANN401
        return lambda items: [(f"{told.prefix}:{kind}:{key}", value) for key, value in items]

    flow = Dataflow("plain")
    source = KafkaSource(
        [told.bootstrap_servers],
        [told.topic],
        tail=False,
        batch_size=BATCH,
        add_config={"fetch.queue.backoff.ms": "20", "enable.auto.commit": "false"},
    )
    events = op.flat_map_batch("decode", op.input("log", flow, source), decoded)
    accounts = op.stateful_batch(
        "accounts",
        op.flat_map_batch("by_account", events, by_account),
        lambda resumed: AccountLogic(told.limit, resumed),
    )
    networks = op.stateful_batch("networks", op.flat_map_batch("by_network", events, by_network), NetworkLogic)
    windows = op.flat_map_batch(
        "account_keys", accounts, lambda items: [(f"{told.prefix}:account:{key}", it[0]) for key, it in items]
    )
    op.output("account_windows", windows, RedisSink(told.redis_url))
    parts = op.flat_map_batch("network_keys", networks, stored("network:0"))
    op.output("network_windows", parts, RedisSink(told.redis_url))
    due = op.flat_map_batch(
        "due", accounts, lambda items: [KafkaSinkMessage(*alert) for _, it in items for alert in it[1]]
    )
    op.output("alerts", due, KafkaSink([told.bootstrap_servers], told.alerts))
    return flow


def work(told: Told, recovery: RecoveryConfig | None = None, epoch: timedelta | None = None) -> None:
    """Run the flow to its end with one worker."""
    cli_main(flow_of(told), workers_per_process=1, epoch_interval=epoch, recovery_config=recovery)
    told.done()


def run(told: Told) -> None:
    """Read to the end."""
    work(told)


if __name__ == "__main__":
    act(run, in_redis.windows)
