"""The worker: Faust agents around the lanes, health beside them, and an orderly end."""

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import faust
from aiokafka import AIOKafkaConsumer
from faust.types import TP
from prometheus_client import CollectorRegistry, ProcessCollector

from agents.compiling import compile_all
from agents.drift import watching
from agents.ending import end_anyway, fail, must_not_end, told_to_stop
from agents.faust_app import declare, faust_app
from agents.feedback import FeedbackReader
from agents.health import HealthServer
from agents.inputs import occurred_at, one_by_one, read_events, read_findings, read_links
from agents.kafka_access import client_arguments
from agents.lane import Lane
from agents.metrics import Metrics
from agents.post import Post
from agents.progress import Progress, Watchdog
from agents.sealing import SealingStore
from agents.settings import AGENTS, SIGNING_VARIABLE, Settings
from agents.signing import Signer
from agents.store import NOTHING, OtherFormatError, Place
from agents.store.redis import RedisStore
from agents.topics import TopicError, TopicNames, feedback_log, log_ids
from agents.transport import OutsideLog, keep_together, read_again, resume_with
from agents.vitals import Vitals
from streams.policy import Policy
from streams.stages import CampaignsStage, NetworksStage, ObserveStage

logger = logging.getLogger(__name__)

DRAIN_S: Final = 14.0

SLOW_REDIS_S: Final = 0.2
SLOW_KAFKA_S: Final = 2.0
PROBE_S: Final = 3.0
"""From when on a server counts as slow, and how often Kafka is asked: a fetch that hangs says nothing by itself."""


class Worker:
    """Runs some or all agents until it is told to stop."""

    def __init__(self, settings: Settings, policy: Policy, *, partitions: int, agents: Sequence[str] = AGENTS) -> None:
        """`partitions` is that of requests and links. Raises StoreError for a bad REDIS_URL, and SettingsError."""
        self.registry = CollectorRegistry()
        self.metrics = Metrics(self.registry)
        self.progress = Progress()
        self._settings = settings
        self._names = TopicNames.under(settings.prefix)
        self._store = RedisStore(settings.redis_url, prefix=settings.prefix, observe_seconds=self._note_redis)
        signer = None if settings.signing_key is None else Signer(settings.signing_key)
        states = SealingStore(self._store, signer, settings.verify_keys, self.metrics.refused_models)
        logger.info(
            "Decisions leave unsigned: %s is not set." if signer is None else "Decisions are signed with the key %s.",
            SIGNING_VARIABLE if signer is None else signer.key_id,
        )
        self._post = Post(settings.bootstrap_servers, self._names, self.metrics, signer)
        self._app = faust_app(settings)
        self._lanes: dict[str, Lane[Any]] = {}
        self._partitions = partitions
        stages: dict[str, tuple[Any, str, Any]] = {
            "observe": (
                ObserveStage(policy, partitions, partitions),
                self._names.requests,
                watching(read_events, self.metrics),
            ),
            "networks": (NetworksStage(policy), self._names.links, one_by_one(read_links)),
            "campaigns": (CampaignsStage(policy), self._names.findings, one_by_one(read_findings)),
        }
        for name in agents:
            stage, topic, read = stages[name]
            lane: Lane[Any] = Lane(
                stage,
                topic,
                read,
                store=states,
                post=self._post,
                metrics=self.metrics,
                progress=self.progress,
                read_again=partial(read_again, self._app),
                fail=fail,
            )
            self._lanes[topic] = lane
            declare(self._app, name, lane, self._report)
        self.registry.register(Vitals(self.progress, self._lanes.values()))
        ProcessCollector(registry=self.registry)
        resume_with(self._app, offsets=self._resume, outside_log=self._outside)
        keep_together(self._app, self._names.requests, occurred_at)
        self._app.on_partitions_assigned.connect(self._assigned)  # type: ignore[arg-type]  # mode's types
        self._app.on_partitions_revoked.connect(self._revoked)  # type: ignore[arg-type]

    async def run(self) -> None:
        """Work until SIGTERM or SIGINT, then finish the batches in hand.

        Raises StoreError, OtherFormatError and KafkaError at the start, before it takes part in the group.
        """
        stop = told_to_stop()
        await self._store.check()
        await self._store.check_format(self._places())
        await self._post.start()
        watchdog = Watchdog(self.progress)
        health = HealthServer(
            self.progress, self.registry, host=self._settings.health_host, port=self._settings.health_port
        )
        with health:
            logger.info("Metrics and health on http://%s:%d", self._settings.health_host, health.port)
            self.progress.heartbeat()
            watchdog.start()
            self._app.finalize()
            await _start(self._app, stop)
            self.progress.ready()
            beside = [
                asyncio.create_task(work) for work in (self._watch(), self._settle(), self._hear(), self._probe())
            ]
            for task in beside:
                task.add_done_callback(must_not_end)
            await self._app.wait_for_stopped(stop)  # type: ignore[arg-type]  # mode waits for asyncio's events as well
            if self._app.crashed:
                fail(RuntimeError("Faust stopped by itself; its log says why."))
            end_anyway(DRAIN_S)
            self.progress.not_ready("The worker is stopping.")
            for task in beside:
                task.cancel()
            await self._app.stop()
            await self._post.stop()
            await self._store.close()
            watchdog.stop()

    def _places(self) -> list[Place]:
        """Every place that may come to this worker."""
        return [
            Place(lane.stage.name, number)
            for topic, lane in self._lanes.items()
            for number in range(1 if topic == self._names.findings else self._partitions)
        ]

    async def _resume(self, starts: Mapping[TP, int]) -> Mapping[TP, int]:
        """Where the store stands: Redis is the truth about what was done, the consumer group only a hint."""
        resumed: dict[TP, int] = {}
        logs = await self._log_ids({tp.topic for tp in starts})
        for tp, committed in starts.items():
            try:
                offset = await self._lanes[tp.topic].resume(tp.partition, logs.get(tp.topic, ""))
            except OtherFormatError as other:  # Faust would make a crash of its own of it
                fail(other)
            if offset < committed:
                # The group's offset is committed after Redis, so Redis has lost data since.
                logger.warning(
                    "Redis holds %s of %s/%d: building it again from offset %d of the log.",
                    "an older state" if offset else "nothing",
                    tp.topic,
                    tp.partition,
                    offset,
                )
                self.metrics.rebuilt_partitions.inc()
            resumed[tp] = offset
        return resumed

    async def _log_ids(self, topics: set[str]) -> Mapping[str, str]:
        """The identity of each topic's log, asked until Kafka answers."""
        while True:
            try:
                return await asyncio.to_thread(log_ids, self._settings.bootstrap_servers, topics)
            except TopicError as trouble:
                logger.warning("Reading waits: %s", trouble)
                self.progress.not_ready(str(trouble))
                await asyncio.sleep(1.0)

    async def _outside(self, outside: OutsideLog) -> None:
        """The log does not have what the store expects next: go on with what it has, states kept."""
        is_cut_short = outside.is_cut_short
        if not is_cut_short:
            self.metrics.removed_records.inc(outside.beginning - outside.asked)
        await self._lanes[outside.tp.topic].rebase(outside.tp.partition, outside.resumed - 1, is_cut_short=is_cut_short)

    async def _assigned(self, _app: object, assigned: set[TP], **_: object) -> None:
        self.progress.assigned(assigned)
        logger.info("assigned: %s", _listed(assigned, self._settings.prefix) or "nothing, standing by")

    async def _revoked(self, _app: object, revoked: set[TP], **_: object) -> None:
        self.progress.revoked(revoked)
        for tp in revoked:
            self.metrics.forget(tp.topic, tp.partition)
            self._lanes[tp.topic].revoke([tp.partition])

    def _report(self, topic: str, partition: int) -> None:
        """Show where a partition stands."""
        position = self._lanes[topic].offset(partition) + 1
        tp = TP(topic, partition)
        end = max(position, self._app.consumer.highwater(tp) or 0)
        self.progress.advanced((topic, partition), position, end)
        self.metrics.place(topic, partition, position=position, end_offset=end)

    async def _watch(self) -> None:
        """Once a second: the loop turns, and where every partition stands."""
        while True:
            self.progress.heartbeat()
            for tp in self._app.consumer.assignment():
                if self._lanes[tp.topic].offset(tp.partition) == NOTHING:
                    self.progress.advanced(tp, 0, self._app.consumer.highwater(tp) or 0)
                else:
                    self._report(tp.topic, tp.partition)
            for topic, lane in self._lanes.items():
                if topic != self._names.findings:
                    self.metrics.windows_held.labels(stage=lane.stage.name).set(lane.subjects_held)
            await asyncio.sleep(1.0)

    async def _probe(self) -> None:
        """Ask Kafka every few seconds whether it is there."""
        while True:
            answers = await self._post.probe(SLOW_KAFKA_S)
            self.progress.slow("kafka", None if answers else f"Kafka has not answered for {SLOW_KAFKA_S:.0f} s.")
            await asyncio.sleep(PROBE_S)

    def _note_redis(self, operation: str, seconds: float) -> None:
        """Note how long Redis took for one operation."""
        self.metrics.redis_seconds.labels(operation=operation).observe(seconds)
        is_slow = seconds >= SLOW_REDIS_S
        self.progress.slow("redis", f"Redis is slow: it took {seconds:.1f} s to {operation}." if is_slow else None)

    async def _hear(self) -> None:
        """Read what reviewers say of the accounts whose requests are read here."""
        observe = self._lanes.get(self._names.requests)
        if observe is None:
            return
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._settings.bootstrap_servers,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            **client_arguments(),
        )
        reader = FeedbackReader(
            observe,
            self._names.feedback,
            consumer,
            partitions=self._partitions,
            store=self._store,
            metrics=self.metrics,
            identify=partial(feedback_log, self._settings.bootstrap_servers, self._names, self._partitions),
            end_of=self._end_of_requests,
        )
        await reader.run()

    def _end_of_requests(self, number: int) -> int | None:
        """Where a partition of the requests ends, None while nobody has said."""
        tp = TP(self._names.requests, number)
        return self._app.consumer.highwater(tp) if tp in self._app.consumer.assignment() else None

    async def _settle(self) -> None:
        """Once a second: links whose partition has gone quiet are looked at. Waits for as long as Redis is away."""
        lane = self._lanes.get(self._names.links)
        while lane is not None:
            await lane.settle(self._settings.settle_after_s)
            await asyncio.sleep(1.0)


async def _start(app: faust.App, stop: asyncio.Event) -> None:
    """Start the app; where stores are away that takes until they are back, so a worker told to stop ends before."""
    starting, stopping = asyncio.ensure_future(_begin(app)), asyncio.ensure_future(stop.wait())
    await asyncio.wait((starting, stopping), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not starting.done():
        end_anyway(DRAIN_S)
    await starting


async def _begin(app: faust.App) -> None:
    """Have everything compiled, and start the app."""
    await asyncio.to_thread(compile_all)
    await app.start()


def _listed(partitions: Iterable[TP], prefix: str) -> str:
    """Partitions for a person to read: `findings 0, requests 0-3, requests 6`, without the prefix of their topics."""
    runs: list[tuple[str, int, int]] = []
    for topic, number in sorted(partitions):
        if runs and runs[-1][0] == topic and runs[-1][2] == number - 1:
            runs[-1] = (topic, runs[-1][1], number)
        else:
            runs.append((topic, number, number))
    return ", ".join(
        f"{topic.removeprefix(f'{prefix}.')} {first}" + (f"-{last}" if last > first else "")
        for topic, first, last in runs
    )
