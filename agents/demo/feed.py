"""The feed: a process that simulates traffic, fingerprints it and produces it, in step with the worker.

    python -m agents.demo.feed SCALE SEED

It writes a line of JSON (`Fed`) to standard output for every thousand records, and never runs ahead of the number of
records that it last read, a line each, from standard input. So the lag stays small, the latency that the worker
measures is that of a worker that keeps up, and the feed ends with the process that reads it.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from msgspec import Struct

from agents.ending import UNUSABLE_EXIT_CODE
from agents.kafka_access import client_arguments
from agents.routing import key_partition
from agents.settings import SettingsError, fingerprint_key, read_settings
from agents.topics import DEFAULT_PARTITIONS, TopicNames
from streams.events import RequestEvent
from streams.fingerprint import Fingerprinter
from streams.scenarios import Truth, simulate_labelled

SCENARIOS: Final = ("ordinary", "relay", "campus_nat", "classroom")
"""Ordinary customers, the campaign to be found, and two look-alikes that must stay unharmed."""

REPORT_EVERY: Final = 1_000


class Fed(Struct, frozen=True, array_like=True):
    """What was fed since the last such line: `records` in all, up to event time `newest_ms`.

    `accounts` are those that spoke for the first time, `exchanges` the (account, event time) of each request of a
    campaign.
    """

    records: int
    newest_ms: int
    accounts: tuple[Truth, ...]
    exchanges: tuple[tuple[str, int], ...]


class Feed:
    """Simulated events, held back until there is leave for them, and the notes about what went out."""

    def __init__(self, scale: float, seed: int, fingerprinter: Fingerprinter) -> None:
        self._script = simulate_labelled(SCENARIOS, seed=seed, scale=scale)
        self._fingerprinter = fingerprinter
        self._leave = 0
        self._newest_ms = 0
        self._known: set[str] = set()
        self._accounts: list[Truth] = []
        self._exchanges: list[tuple[str, int]] = []

    async def events(self, flush: Callable[[], Awaitable[None]]) -> AsyncIterator[RequestEvent]:
        """The events of the day in order of time; what went out is flushed before a wait for leave.

        Ends early when nobody gives leave any more.
        """
        count = 0
        for count, (record, truth) in enumerate(self._script):
            if count % REPORT_EVERY == 0:
                self._report(count)
            while count >= self._leave:
                await flush()
                line = await asyncio.to_thread(sys.stdin.readline)
                if not line:
                    self._report(count)
                    return
                self._leave = int(line)
            if truth.account_id not in self._known:
                self._known.add(truth.account_id)
                self._accounts.append(truth)
            if truth.campaign_id is not None:
                self._exchanges.append((truth.account_id, record.occurred_at_ms))
            self._newest_ms = record.occurred_at_ms
            yield self._fingerprinter.event(record)
        await flush()
        self._report(count + 1)

    def _report(self, records: int) -> None:
        """Write what was fed since the last report."""
        fed = Fed(records, self._newest_ms, tuple(self._accounts), tuple(self._exchanges))
        self._accounts.clear()
        self._exchanges.clear()
        sys.stdout.buffer.write(msgspec.json.encode(fed) + b"\n")
        sys.stdout.buffer.flush()


async def produce(feed: Feed, bootstrap_servers: str, topic: str) -> None:
    """Produce everything that `feed` has to `topic`, keyed by account. Raises KafkaError."""
    encode = msgspec.json.Encoder().encode
    # aiokafka, because kafka-python's checksum in pure Python costs more than simulation and fingerprint together.
    async with AIOKafkaProducer(
        bootstrap_servers=bootstrap_servers,
        acks="all",
        enable_idempotence=True,
        linger_ms=20,
        max_batch_size=256 * 1024,
        **client_arguments(),
    ) as producer:
        async for event in feed.events(producer.flush):
            partition = key_partition(event.account_id, DEFAULT_PARTITIONS)
            await producer.send(topic, encode(event), key=event.account_id.encode(), partition=partition)


def main(scale: float, seed: int) -> None:
    """Feed one simulated day to the requests topic that the environment names."""
    try:
        settings = read_settings()
        feed = Feed(scale, seed, Fingerprinter(fingerprint_key()))
        asyncio.run(produce(feed, settings.bootstrap_servers, TopicNames.under(settings.prefix).requests))
    except (BrokenPipeError, KafkaError, SettingsError) as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(UNUSABLE_EXIT_CODE)


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]))
