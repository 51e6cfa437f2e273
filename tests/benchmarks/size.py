"""How many bytes accounts and links take in Redis, folded by the real stages and kept by the real store.

    .venv/bin/python -m tests.benchmarks.size

Starts a Redis of its own and needs no Kafka. "Value" is what is stored, "key" what Redis says of the key (MEMORY USAGE:
its name, the value, and what the allocator rounds up), "Redis" how much more memory Redis uses for each of many such
keys: with the entry of the expiry and the share of the hash tables, which MEMORY USAGE leaves out.
"""

import asyncio
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

import msgspec
import redis
from msgspec import Struct

from agents.advance import Advanced, Partition
from agents.embedded import processes
from agents.embedded import redis as embedded
from agents.store.redis import RedisStore
from streams.batch import EventBatch, Incoming, account_key
from streams.events import RequestEvent
from streams.holders import PLACES
from streams.links import Links
from streams.policy import DEFAULT_POLICY
from streams.stages import NetworksStage, ObserveStage
from streams.stages.networks import HOLDERS, link_key
from streams.used import PlacedLinks
from streams.windows import DAY_MS, HOUR_MS, MINUTE_MS
from tests.benchmarks.lives import START_MS, Person, busy_person, every_minute, ordinary_days, ten_events

BATCH = 20_000
SMALL_BATCH = 2_000
MANY, FEW = 200, 5
BUSY_A_DAY = 100
PLACE_BYTES = 16
APART = {"seconds": 1_000, "minutes": MINUTE_MS, "hours": HOUR_MS, "5 hours": 5 * HOUR_MS, "days": DAY_MS}
"""How far apart the ten events of an account are, in words and in ms."""
RATES = (0.1, 1 / 3, 1, 3, 10, 30, 100, 300, 1440)


class Size(Struct, frozen=True):
    """Mean bytes of a value, of its key with all that belongs to it, and of Redis's memory; the seconds it stays."""

    value: float
    key: float
    redis: float
    seconds_to_live: int


class Pipeline:
    """One partition of `observe`, and if asked for one of `networks`, on a real Redis."""

    def __init__(self, url: str, prefix: str, *, networks: bool = False) -> None:
        self.prefix = prefix
        self.client = redis.Redis.from_url(url)
        self._store = RedisStore(url, prefix=prefix)
        self._observe = Partition(ObserveStage(DEFAULT_POLICY, 1, 1), 0, self._store)
        self._networks = Partition(NetworksStage(DEFAULT_POLICY), 0, self._store) if networks else None

    async def take(self, events: Iterable[RequestEvent], *, batch: int = BATCH) -> None:
        """Fold all events, `batch` at a time."""
        await self._observe.open()
        if self._networks is not None:
            await self._networks.open()
        items: list[Incoming] = []
        for event in chain(events, (None,)):
            if event is not None:
                items.append(Incoming(self._observe.offset + 1 + len(items), event.occurred_at_ms, event))
            if items and (event is None or len(items) == batch):
                await self._step(items)
                items = []

    async def _step(self, items: Sequence[Incoming]) -> None:
        advanced = await self._observe.advance(EventBatch(items), items[-1].offset)
        if self._networks is not None:
            await self._pass_on(advanced, self._networks)

    async def _pass_on(self, advanced: Advanced, networks: Partition[Sequence[PlacedLinks]]) -> None:
        for posted in advanced.posted:
            if posted.topic == "links":
                placed = PlacedLinks(networks.offset + 1, msgspec.json.decode(posted.value or b"", type=Links))
                await networks.advance([placed], placed.offset)

    def used(self) -> int:
        """The memory that Redis uses. Only after `rest` is it that of the data."""
        return int(self.client.info("memory")["used_memory"])

    async def rest(self) -> None:
        """Let the store's connections go, and wait until Redis has forgotten what they needed."""
        await self._store.close()
        gone = processes.wait_until(lambda: self.client.info("clients")["connected_clients"] == 1, seconds=10)
        assert gone, "somebody else uses this Redis"

    def key(self, stage: str, state_key: str) -> str:
        return f"{self.prefix}:{{{stage}:0}}:{state_key}"

    def keys(self, stage: str, kind: str) -> list[bytes]:
        """The keys of all states of one kind."""
        return list(self.client.scan_iter(f"{self.prefix}:{{{stage}:0}}:{kind}*", count=10_000))

    def size(self, key: str | bytes) -> tuple[int, int]:
        """Bytes of the value, and of the key with all that belongs to it."""
        return int(self.client.strlen(key)), int(self.client.memory_usage(key, samples=0) or 0)

    async def close(self) -> None:
        """Forget what was stored."""
        for key in self.client.scan_iter(f"{self.prefix}:*", count=10_000):
            self.client.delete(key)
        await self._store.close()
        self.client.close()


async def account_size(url: str, lives: Sequence[Iterable[RequestEvent]]) -> Size:
    """The mean size of one of many accounts, each with a life of its own (no two share anything)."""
    pipeline = Pipeline(url, "size")
    try:
        events = sorted(chain.from_iterable(lives), key=lambda event: event.occurred_at_ms)
        names = {event.account_id for event in events}
        await pipeline.take(events)
        await pipeline.rest()
        return mean_size(pipeline, [pipeline.key("observe", account_key(name)) for name in names])
    finally:
        await pipeline.close()


def mean_size(pipeline: Pipeline, keys: Sequence[str | bytes]) -> Size:
    """The mean size of those keys. They are deleted: what Redis then uses less is what they took."""
    sizes = [pipeline.size(key) for key in keys]
    lives = [pipeline.client.ttl(key) for key in keys]
    pipeline.client.delete("nothing")  # the first use of a command makes room for its statistics
    before = pipeline.used()
    for key in keys:
        pipeline.client.delete(key)
    count = len(keys)
    return Size(
        sum(value for value, _ in sizes) / count,
        sum(key for _, key in sizes) / count,
        (before - pipeline.used()) / count,
        min(lives),
    )


@contextmanager
def own_redis() -> Iterator[str]:
    """The address of a Redis for the block, which keeps nothing on disc."""
    with tempfile.TemporaryDirectory() as folder:
        process = embedded.start(Path(folder))
        try:
            with redis.Redis.from_url(embedded.url(process)) as client:
                client.config_set("appendonly", "no")
            yield embedded.url(process)
        finally:
            processes.stop([process], patience_seconds=embedded.STOP_SECONDS)


async def link_size(url: str, people: int, requests_a_day: float, days: int) -> tuple[Size, int]:
    """The size of a payment instrument that `people` share, and the bytes of journal that all their links left."""
    pipeline = Pipeline(url, "size", networks=True)
    try:
        lives = ordinary_days([Person(seed) for seed in range(people)], requests_a_day, days=days)
        await pipeline.take(
            (msgspec.structs.replace(event, payment_hash="f" * 16) for event in lives), batch=SMALL_BATCH
        )
        journal, _ = pipeline.size(pipeline.key("networks", HOLDERS))
        await pipeline.rest()
        return mean_size(pipeline, [pipeline.key("networks", link_key("payment", "f" * 16))]), journal
    finally:
        await pipeline.close()


async def measure(url: str) -> None:
    """Measure and print."""
    print(f"{'':44} {'value':>8} {'key':>8} {'Redis':>8}  days kept")
    _row("account, 1 event", await account_size(url, [[Person(seed).asks(START_MS)] for seed in range(MANY)]))
    for words, apart_ms in APART.items():
        lives = [ten_events(seed, apart_ms=apart_ms) for seed in range(MANY)]
        _row(f"account, 10 events, {words} apart", await account_size(url, lives))
    for rate in RATES:
        people = [Person(seed) for seed in range(MANY if rate < BUSY_A_DAY else FEW)]
        _row(f"account, {rate:.3g} a day, 28 days", await account_size(url, [ordinary_days(people, rate)]))
    busy = [every_minute(busy_person(seed)) for seed in range(FEW)]
    _row("account, every minute, 28 days, all new", await account_size(url, busy))
    for sharers, rate, days in ((2, 1.0, 1), (12, 10.0, 28), (1_100, 10.0, 3)):
        size, _ = await link_size(url, sharers, rate, days)
        _row(f"payment of {sharers} accounts, {rate:g} a day, {days} days", size)
    table = PLACES * PLACE_BYTES / 2**20
    print(f"a link of one account: {PLACE_BYTES} bytes of a table of {table:.0f} MiB, used or not")


def _row(title: str, size: Size) -> None:
    days = size.seconds_to_live / 86_400
    print(f"{title:44} {size.value:8,.0f} {size.key:8,.0f} {size.redis:8,.0f}  {days:.2f}", flush=True)


if __name__ == "__main__":
    with own_redis() as address:
        asyncio.run(measure(address))
