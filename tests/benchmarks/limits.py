"""Rate limits side by side on one Redis: ours, envoyproxy/ratelimit's fixed window, and the library `limits`.

    .venv/bin/python -m tests.benchmarks.limits

Starts a Redis of its own. Every contestant counts requests and tokens of a subject, in this process, on redis-py with
hiredis; so what differs is what is asked of Redis, and how often. "Checks/s a core" is of this process's processor time
with 16 checks under way, the milliseconds are of one check after the other, "trips" are how often Redis read a socket,
a check, and "Redis us" is its processor time a check. "x ours" compares checks/s a core with ours with leases.

envoyproxy/ratelimit's algorithm is said again from its source, src/redis/fixed_cache_impl.go (`DoLimit`,
`pipelineAppend`): INCRBY and EXPIRE of the counter of each limit's window, in one pipeline; with more than one limit, a
pipeline of GETs before it, so that what one limit refuses is not counted by the others. Its cache of subjects that are
over their limit (`local_cache`, off by default) is measured as well. Around the edge of a fixed window twice the limit
passes at once; with the generic cell rate algorithm never more than the limit does.
"""

import asyncio
import importlib.util
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import redis
import redis.asyncio
from msgspec import Struct
from prometheus_client import CollectorRegistry

from agents.enforcement.limiting import LimitCounters, RedisLimiter, Timing
from streams.decisions import Limits
from tests.benchmarks.size import own_redis

SECONDS = 2.0
WORKERS = 16
TOKENS = 500
PLENTY = Limits(requests=100_000_000, tokens=100_000_000_000, window_ms=60_000)
THROTTLED = Limits(requests=30, tokens=60_000, window_ms=3_600_000)


class Load(Struct, frozen=True):
    """Subjects that are asked about in turn, and their limits."""

    title: str
    subjects: int
    limits: Limits


LOADS = (
    Load("one busy subject, within its limits", 1, PLENTY),
    Load("10,000 subjects in turn, within their limits", 10_000, PLENTY),
    Load("5 subjects far over 30 requests an hour", 5, THROTTLED),
)


class Contestant(Protocol):
    """One way to limit."""

    async def check(self, key: str) -> bool:
        """Whether one more request of `TOKENS` tokens passes."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


class Ours:
    """`RedisLimiter`, which waits as long as it must: what is local would be no comparison."""

    def __init__(self, url: str, limits: Limits, *, leases: bool) -> None:
        self._limits = limits
        self._limiter = RedisLimiter(
            url,
            timing=Timing(deadline_seconds=5.0, silence_seconds=5.0, timeout_seconds=5.0),
            lease_share=10 if leases else 0,
            counters=LimitCounters(CollectorRegistry()),
        )

    async def check(self, key: str) -> bool:
        return (await self._limiter.take(key, self._limits, TOKENS)).admitted

    async def close(self) -> None:
        await self._limiter.close()


class FixedWindow:
    """The algorithm of envoyproxy/ratelimit, with or without its cache of who is over a limit."""

    def __init__(self, url: str, limits: Limits, *, local_cache: bool) -> None:
        self._client = redis.asyncio.Redis.from_url(url)
        self._seconds = limits.window_ms // 1000
        self._parts = (("requests", 1, limits.requests), ("tokens", TOKENS, limits.tokens))
        self._over: dict[str, int] | None = {} if local_cache else None

    async def check(self, key: str) -> bool:
        window = int(time.time()) // self._seconds * self._seconds
        names = [f"{key}_{part}_{window}" for part, _, _ in self._parts]
        if self._over is not None and any(self._over.get(name) == window for name in names):
            return False
        reads = self._client.pipeline(transaction=False)
        for name in names:
            reads.get(name)
        before = [int(found or 0) for found in await reads.execute()]
        reached = [index for index, (_, hits, limit) in enumerate(self._parts) if before[index] + hits > limit]
        writes = self._client.pipeline(transaction=False)
        for index, (_, hits, _) in enumerate(self._parts):
            writes.incrby(names[index], hits if not reached or index == reached[0] else 0)
            writes.expire(names[index], self._seconds)
        after = (await writes.execute())[::2]
        passes = True
        for name, count, (_, _, limit) in zip(names, after, self._parts, strict=True):
            if count > limit:
                passes = False
                if self._over is not None:
                    self._over[name] = window
        return passes

    async def close(self) -> None:
        await self._client.aclose()


class Library:
    """The library `limits`, with one of its strategies: a hit of the requests, then one of the tokens."""

    def __init__(self, url: str, limits: Limits, strategy: str) -> None:
        from limits import RateLimitItemPerSecond  # noqa: PLC0415  it need not be installed
        from limits.aio import storage, strategies  # noqa: PLC0415

        self._client = redis.asyncio.Redis.from_url(url)
        pool = self._client.connection_pool
        held = storage.RedisStorage(f"async+{url}", implementation="redispy", connection_pool=pool)  # type: ignore[arg-type]
        self._strategy = getattr(strategies, strategy)(held)
        seconds = limits.window_ms // 1000
        self._requests = RateLimitItemPerSecond(limits.requests, seconds, namespace="requests")
        self._tokens = RateLimitItemPerSecond(limits.tokens, seconds, namespace="tokens")

    async def check(self, key: str) -> bool:
        hit = self._strategy.hit
        return bool(await hit(self._requests, key) and await hit(self._tokens, key, cost=TOKENS))

    async def close(self) -> None:
        await self._client.aclose()


CONTESTANTS: dict[str, Callable[[str, Limits], Contestant]] = {
    "Stillwatch, leases": lambda url, limits: Ours(url, limits, leases=True),
    "Stillwatch, no leases": lambda url, limits: Ours(url, limits, leases=False),
    "envoyproxy/ratelimit, fixed window": lambda url, limits: FixedWindow(url, limits, local_cache=False),
    "envoyproxy/ratelimit, and its local cache": lambda url, limits: FixedWindow(url, limits, local_cache=True),
}
if importlib.util.find_spec("limits") is not None:
    CONTESTANTS |= {
        "limits, fixed window": lambda url, limits: Library(url, limits, "FixedWindowRateLimiter"),
        "limits, sliding window counter": lambda url, limits: Library(url, limits, "SlidingWindowCounterRateLimiter"),
    }


class Measured(Struct, frozen=True):
    """What one contestant did under one load."""

    per_core: float
    per_second: float
    median_ms: float
    p99_ms: float
    trips: float
    redis_us: float
    passed: float


class Side:
    """What Redis says of its own work."""

    def __init__(self, url: str) -> None:
        self._client = redis.Redis.from_url(url)

    def now(self) -> tuple[float, float]:
        """Reads of a socket so far, and microseconds of processor time."""
        told, cpu = self._client.info("stats"), self._client.info("cpu")
        return float(told["total_reads_processed"]), (cpu["used_cpu_user"] + cpu["used_cpu_sys"]) * 1e6

    def empty(self) -> None:
        self._client.flushall()

    def close(self) -> None:
        self._client.close()


def names(load: Load) -> Iterator[str]:
    """The subjects in turn, without end."""
    while True:
        yield from (f"account-{number}" for number in range(load.subjects))


async def measure(contestant: Contestant, load: Load, side: Side) -> Measured:
    """Warm up, then measure with many checks under way, then one after the other."""
    subjects = names(load)
    passed = checks = 0

    async def work(until: float) -> None:
        nonlocal passed, checks
        while time.perf_counter() < until:
            for _ in range(20):  # reading the clock is not what is measured
                passes = await contestant.check(next(subjects))
                passed += passes
                checks += 1

    await work(time.perf_counter() + 0.2)
    passed = checks = 0
    reads, redis_us = side.now()
    started, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(work(started + SECONDS) for _ in range(WORKERS)))
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    reads_after, redis_after = side.now()
    many, share = checks, passed / checks
    waits = sorted([await timed(contestant, next(subjects)) for _ in range(3_000)])
    return Measured(
        many / cpu,
        many / seconds,
        waits[len(waits) // 2] * 1e3,
        waits[len(waits) * 99 // 100] * 1e3,
        (reads_after - reads) / many,
        (redis_after - redis_us) / many,
        share,
    )


async def timed(contestant: Contestant, key: str) -> float:
    """Seconds that one check takes."""
    started = time.perf_counter()
    await contestant.check(key)
    return time.perf_counter() - started


async def compare(url: str, loads: Sequence[Load] = LOADS) -> None:
    """Measure everybody and print the table."""
    side = Side(url)
    for load in loads:
        print(f"\n{load.title}")
        print(
            f"{'':44}{'checks/s a core':>16}{'x ours':>8}{'checks/s':>10}{'p50 ms':>8}{'p99 ms':>8}"
            f"{'trips':>8}{'Redis us':>10}{'passed':>8}"
        )
        ours = 0.0
        for title, make in CONTESTANTS.items():
            side.empty()
            contestant = make(url, load.limits)
            try:
                it = await measure(contestant, load, side)
            finally:
                await contestant.close()
            ours = ours or it.per_core
            print(
                f"{title:44}{it.per_core:16,.0f}{it.per_core / ours:8.3f}{it.per_second:10,.0f}{it.median_ms:8.3f}"
                f"{it.p99_ms:8.3f}{it.trips:8.3f}{it.redis_us:10.2f}{it.passed:8.1%}",
                flush=True,
            )
    side.close()
    if importlib.util.find_spec("limits") is None:
        print("\nThe library `limits` is not installed here, so it is not measured: pip install limits==5.8.0")


if __name__ == "__main__":
    with own_redis() as address:
        asyncio.run(compare(address))
