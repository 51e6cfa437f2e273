"""The enforcer: follows decisions, mirrors them, and answers gateways until it is told to stop."""

import asyncio
import importlib
import logging
import os
from collections.abc import Coroutine, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol

from prometheus_client import CollectorRegistry, ProcessCollector

from agents.ending import cancelled, must_not_end, told_to_stop
from agents.enforcement.following import Intake, KafkaFollower, Mirrorer, MirrorFollower
from agents.enforcement.gate import Gate
from agents.enforcement.http import CheckServer
from agents.enforcement.limiter import Limiter
from agents.enforcement.metrics import EnforcementMetrics
from agents.enforcement.mirror import Mirror
from agents.enforcement.reading import Log, LogReader
from agents.settings import SettingsError
from agents.signing import Verifier
from streams.policy import Policy

logger = logging.getLogger(__name__)

TICK_S: Final = 5.0
PATIENCE_S: Final = 5.0
"""So long the log may take to say that all is known, before its mirror may."""


class Beside(Protocol):
    """A server beside the check endpoint."""

    async def start(self) -> None:
        """Listen."""
        ...

    async def stop(self) -> None:
        """Answer what was asked, and no more."""
        ...

    async def say(self, *, is_serving: bool) -> None:
        """Tell whether to ask."""
        ...


class Enforcer:
    """One enforcer. Run as many as there are gateways: each knows everything by itself."""

    def __init__(
        self,
        policy: Policy,
        limiter: Limiter,
        registry: CollectorRegistry,
        *,
        log: Log | None,
        mirror: Mirror | None,
        verify_keys: Path | None,
    ) -> None:
        """Raises SettingsError where the public keys cannot be read."""
        self._registry = registry
        self._log = log
        self._mirror = mirror
        self._verifier = Verifier(verify_keys)
        self._metrics = EnforcementMetrics(registry)
        ProcessCollector(registry=registry)
        self.gate = Gate(limiter, policy, self._metrics)
        self._tasks: list[asyncio.Task[None]] = []

    async def run(self, *, host: str, port: int, appeal_url: str | None = None, envoy: Beside | None = None) -> None:
        """Answer at `host`:`port`, and where `envoy` listens, until SIGTERM or SIGINT. Raises OSError."""
        stop = told_to_stop()
        server = CheckServer(self.gate, self._registry, host=host, port=port, appeal_url=appeal_url)
        logger.info("Checks, metrics and health on http://%s:%d", host, await server.start())
        if envoy is not None:
            await envoy.start()
        logger.info("%s", self._verifier.sentence)
        self.follow(envoy)
        await stop.wait()
        if envoy is not None:
            await envoy.stop()
        await server.stop()
        await self.close()

    def follow(self, envoy: Beside | None = None) -> None:
        """Begin to follow decisions, and to mirror them."""
        intake = Intake(self.gate, self._verifier, self._metrics)
        works: list[Coroutine[Any, Any, None]] = []
        followers: list[KafkaFollower | MirrorFollower] = []
        if self._log is not None:
            reader = LogReader(self._log, partial(intake.heard, "log"))
            intake.heard("log")  # from now on: a log that is never heard is to be seen as well
            followers.append(KafkaFollower(reader, intake, self.gate))
        if self._mirror is not None:
            patience_s = 0.0 if self._log is None else PATIENCE_S
            followers.append(MirrorFollower(self._mirror, intake, self.gate, patience_s))
        if self._log is not None and self._mirror is not None:
            reader = LogReader(self._log)
            works.append(Mirrorer(reader, self._mirror, self._verifier).run())
        works += [follower.run() for follower in followers]
        for work in (*works, self._tick(envoy, followers)):
            task = asyncio.create_task(work)
            task.add_done_callback(must_not_end)
            self._tasks.append(task)

    async def close(self) -> None:
        """Stop following."""
        await cancelled(self._tasks)
        if self._mirror is not None:
            await self._mirror.close()

    async def _tick(self, envoy: Beside | None, followers: Sequence[KafkaFollower | MirrorFollower]) -> None:
        """Now and then let time pass for the gate, and look for new keys."""
        told = True
        while True:
            if envoy is not None and told != self.gate.is_ready:
                told = self.gate.is_ready
                await envoy.say(is_serving=told)
            await asyncio.sleep(TICK_S if told else 0.1)
            self.gate.tick()
            if self._verifier.refresh():
                for follower in followers:
                    follower.begin_anew()


def envoy_server(gate: Gate, registry: CollectorRegistry, address: str, appeal_url: str | None) -> Beside:
    """A server that Envoy asks at `address`. Raises SettingsError where the packages for it are missing."""
    try:
        envoy = importlib.import_module("agents.enforcement.envoy")
    except ImportError as error:
        raise SettingsError(
            "Envoy is answered with packages that are not installed: install Stillwatch with its extra `gateway`."
        ) from error
    options = envoy.read_options(os.environ, address, appeal_url)
    server: Beside = envoy.EnvoyServer(gate, envoy.Counted(registry), options)
    return server
