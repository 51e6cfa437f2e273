"""Limiters whose time a test tells, the one of Redis as well."""

import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from hashlib import sha1
from typing import Any

from agents.enforcement.limiting import LimitCounters, LocalLimiter, RedisLimiter, Timing
from agents.store.script import Script
from agents.store.wire import Wire, Word
from tests.contracts.conftest import Servers

PATIENT = Timing(deadline_seconds=20.0, silence_seconds=20.0, timeout_seconds=20.0)
"""Nobody is late, however busy the machine."""

EPOCH_US = 1_790_000_000_000_000


class Clock:
    """Microseconds, as Redis counts them."""

    def __init__(self) -> None:
        self.now_us = EPOCH_US

    def __call__(self) -> int:
        return self.now_us


class ToldTime(Script):
    """The script of the limiter, with a time that is told to it; its keys stay for an hour of real time longer."""

    def __init__(self, clock: Clock) -> None:
        super().__init__("agents.enforcement.limiting", "take.lua")
        self._clock = clock
        self.asked = 0
        for told in (
            (b"redis.call('TIME')", b"{ARGV[#ARGV - 1], ARGV[#ARGV]}"),
            (b"(#ARGV - 8)", b"(#ARGV - 10)"),
            (b"math.ceil(longest / 1000)", b"math.ceil(longest / 1000) + 3600000"),
        ):
            assert self.text.count(told[0]) == 1
            self.text = self.text.replace(*told)
        self.digest = sha1(self.text, usedforsecurity=False).hexdigest()

    async def run_all(self, wire: Wire, runs: Sequence[tuple[list[str], list[Word]]]) -> list[Any]:
        self.asked += len(runs)
        seconds, microseconds = divmod(self._clock(), 1_000_000)
        told: list[Word] = [str(seconds), str(microseconds)]
        return await super().run_all(wire, [(keys, words + told) for keys, words in runs])


class Trial:
    """Limiters on the same subjects, which nobody else has, at a time that the test tells."""

    def __init__(self, servers: Servers | None, *, lease_share: int = 0) -> None:
        self.clock = Clock()
        self.script = ToldTime(self.clock)
        self._servers = servers
        self._lease_share = lease_share
        self._prefix = uuid.uuid4().hex
        self._opened: list[RedisLimiter] = []

    def another(
        self, *, timing: Timing = PATIENT, url: str = "", counters: LimitCounters | None = None
    ) -> LocalLimiter | RedisLimiter:
        """One more limiter, as another gateway has it; all that do without Redis are by themselves."""
        if self._servers is None:
            return LocalLimiter(clock=self.clock, counters=counters)
        return self.on_redis(timing=timing, url=url, counters=counters)

    def on_redis(
        self,
        *,
        timing: Timing = PATIENT,
        url: str = "",
        counters: LimitCounters | None = None,
    ) -> RedisLimiter:
        """One more limiter on Redis."""
        assert self._servers is not None
        limiter = RedisLimiter(
            url or self._servers.url,
            prefix=self._prefix,
            timing=timing,
            lease_share=self._lease_share,
            counters=counters,
            clock=self.clock,
        )
        limiter._questions.script = self.script  # noqa: SLF001  the only way to tell Redis the time
        self._opened.append(limiter)
        return limiter

    def keys(self) -> list[str]:
        """The names in Redis, without the prefix."""
        found = []
        for server in self._servers.servers if self._servers else ():
            with server.client() as client:
                found += [key.decode().removeprefix(self._prefix) for key in client.keys(f"{self._prefix}:*")]
        return found

    async def close(self) -> None:
        for limiter in self._opened:
            await limiter.close()


@asynccontextmanager
async def trial(servers: Servers | None, *, lease_share: int = 0) -> AsyncIterator[Trial]:
    """A trial for the block."""
    held = Trial(servers, lease_share=lease_share)
    try:
        yield held
    finally:
        await held.close()
