"""The enforcer: follows decisions, mirrors them, and answers gateways until it is told to stop."""

import asyncio
import logging
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from aiokafka import AIOKafkaConsumer
from msgspec import Struct
from prometheus_client import CollectorRegistry

from agents.enforcement.following import Intake, KafkaFollower, LogReader, Mirrorer, MirrorFollower
from agents.enforcement.gate import Gate
from agents.enforcement.http import CheckServer
from agents.enforcement.limiter import Limiter
from agents.enforcement.metrics import EnforcementMetrics
from agents.enforcement.mirror import Mirror
from agents.signing import Verifier
from agents.topics import LogOfDecisions
from streams.policy import Policy

logger = logging.getLogger(__name__)

TICK_S: Final = 5.0


class Sources(Struct, frozen=True):
    """Where decisions come from: how the log is described and read, the mirror, and the public keys."""

    describe: Callable[[], LogOfDecisions]
    make_consumer: Callable[[], AIOKafkaConsumer]
    mirror: Mirror
    verify_keys: Path | None


class Enforcer:
    """One enforcer. Run as many as there are gateways: each knows everything by itself."""

    def __init__(self, policy: Policy, limiter: Limiter, sources: Sources, registry: CollectorRegistry) -> None:
        """Raises SettingsError where the public keys cannot be read."""
        self._registry = registry
        self._sources = sources
        self._verifier = Verifier(sources.verify_keys)
        metrics = EnforcementMetrics(registry)
        self.gate = Gate(limiter, policy, metrics)
        self._intake = Intake(self.gate, self._verifier, metrics)
        self._tasks: list[asyncio.Task[None]] = []

    async def run(self, *, host: str, port: int, appeal_url: str | None, started: Callable[[int], None]) -> None:
        """Answer at `host`:`port` until SIGTERM or SIGINT; `started` is told the port. Raises OSError."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._verifier.refresh)
        server = CheckServer(self.gate, self._registry, host=host, port=port, appeal_url=appeal_url)
        started(await server.start())
        logger.info("%s", self._verifier.sentence)
        self.follow()
        await stop.wait()
        await server.stop()
        await self.close()

    def follow(self) -> None:
        """Begin to follow decisions, and to mirror them."""
        read = partial(LogReader, self._sources.describe, self._sources.make_consumer)
        mirror = self._sources.mirror
        for work in (
            KafkaFollower(read(), self._intake, self.gate).run(),
            MirrorFollower(mirror, self._intake, self.gate).run(),
            Mirrorer(read(), mirror, self._verifier).run(),
            self._tick(),
        ):
            task = asyncio.create_task(work)
            task.add_done_callback(_must_not_end)
            self._tasks.append(task)

    async def close(self) -> None:
        """Stop following."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._sources.mirror.close()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            self.gate.tick()
            self._verifier.refresh()


def _must_not_end(task: asyncio.Task[None]) -> None:
    """End the process where a bug ended a follower: one that no longer hears must not go on as if it did."""
    if task.cancelled():
        return
    logger.critical("A follower has ended, which it must not.", exc_info=task.exception())
    signal.raise_signal(signal.SIGTERM)
