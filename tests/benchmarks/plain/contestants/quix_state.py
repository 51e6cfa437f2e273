"""Quix Streams with its own state store, exactly once: RocksDB, changelog topics, and Kafka transactions.

State belongs to a record's key, so accounts are folded as they come and networks behind `group_by`, which sends every
event through a repartition topic. A window is one value of bytes in the store. What is asked of its result is read from
RocksDB afterwards: nobody else can look into it while it runs.
"""

from pathlib import Path
from typing import Any

from quixstreams import Application, State
from rocksdict import AccessType, Options, Rdict

from tests.benchmarks.plain.job import (
    MINUTE_MS,
    Account,
    Network,
    Wanted,
    Windows,
    decode,
    decode_account,
    decode_network,
    encode_window,
)
from tests.benchmarks.plain.told import Told, act

CHECKPOINT_SECONDS = 1.0
TRANSACTION_MS = 10_000
"""A killed process leaves a transaction open, and what comes after it is held back until the broker aborts it."""

IDLE_SECONDS = 35.0
"""After a kill it cannot be known how many events are left in the repartition topic: the end is when nothing comes, for
longer than the broker (which looks every ten seconds) takes to abort a transaction."""


def run(told: Told) -> None:
    """Read to the end."""
    worked_off = {"requests": 0, "networks": 0}

    def note(topic: str, _partition: int, _offset: int) -> None:
        worked_off["requests" if topic == told.topic else "networks"] += 1
        if worked_off["requests"] == worked_off["networks"] == told.events:
            app.stop()

    app = Application(
        told.bootstrap_servers,
        consumer_group=told.prefix,
        auto_offset_reset="earliest",
        commit_interval=CHECKPOINT_SECONDS,
        state_dir=Path(told.folder) / "state",
        loglevel="WARNING",
        processing_guarantee="exactly-once",
        consumer_extra_config={"session.timeout.ms": 6_000, "fetch.queue.backoff.ms": 20},
        producer_extra_config={"linger.ms": 5, "transaction.timeout.ms": TRANSACTION_MS},
        on_message_processed=note,
    )

    def decoded(value: bytes) -> Wanted:
        told.first()
        return decode(value)

    def account(event: Wanted, state: State) -> list[dict[str, Any]]:
        stored = state.get_bytes("w")
        window = Account() if stored is None else decode_account(stored)
        due = window.add([event], told.limit)
        state.set_bytes("w", encode_window(window))
        return [{"key": key, "value": value} for key, value in due]

    def network(event: dict[str, Any], state: State) -> None:
        stored = state.get_bytes("w")
        window = Network() if stored is None else decode_network(stored)
        window.add(event["minute"])
        state.set_bytes("w", encode_window(window))

    events = app.dataframe(app.topic(told.topic, key_deserializer="bytes", value_deserializer="bytes")).apply(decoded)
    alerts = app.topic(told.alerts, key_serializer="bytes", value_serializer="bytes")
    due = events.apply(account, stateful=True, expand=True)
    due.apply(lambda it: it["value"]).to_topic(alerts)
    minutes = events.apply(lambda it: {"network": it.network_hash, "minute": it.occurred_at_ms // MINUTE_MS})
    minutes.group_by("network", key_serializer="str", key_deserializer="str").update(network, stateful=True)
    app.run(timeout=IDLE_SECONDS)
    told.done()


def windows(told: Told) -> Windows:
    """Every window in the stores."""
    found = Windows()
    for path in sorted(Path(told.folder).glob("state/**/CURRENT")):
        store = Rdict(str(path.parent), Options(raw_mode=True), access_type=AccessType.read_only())
        for key, value in store.items():
            name = key.decode().removesuffix('|"w"').strip('"')
            if path.parent.parent.name == told.topic:
                found.add_account(name, decode_account(value).buckets)
            else:
                found.add_network(name, decode_network(value).buckets)
        store.close()
    return found


if __name__ == "__main__":
    act(run, windows)
