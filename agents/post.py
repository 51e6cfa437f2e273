"""The post: produces what stages emit, and returns when the broker has acknowledged all of it."""

import asyncio
import time
from collections.abc import Iterable

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from agents.advance import Posted
from agents.kafka_access import client_arguments
from agents.metrics import Metrics
from agents.signing import SIGNED, Signer
from agents.topics import LARGEST_BATCH_BYTES, TopicNames
from streams.decisions import Decision

_decision = msgspec.json.Decoder(Decision)


class Post:
    """An idempotent producer with acks from all in-sync replicas. `start` it in the loop that uses it.

    With a `signer` decisions and alerts leave signed, and with the key that is its file's when they leave: what an
    outbox kept is signed as well when it is sent again.
    """

    def __init__(
        self, bootstrap_servers: str, names: TopicNames, metrics: Metrics, signer: Signer | None = None
    ) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._names = {name: getattr(names, name) for name in TopicNames.__struct_fields__}
        self._metrics = metrics
        self._signer = signer
        self._producer: AIOKafkaProducer | None = None

    async def start(self) -> None:
        """Connect. Raises KafkaError."""
        self._producer = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap_servers,
            enable_idempotence=True,
            acks="all",
            linger_ms=2,
            max_request_size=LARGEST_BATCH_BYTES,
            **client_arguments(),
        )
        await self._producer.start()

    async def stop(self) -> None:
        """Send what is waiting and disconnect."""
        if self._producer is not None:
            await self._producer.stop()

    async def probe(self, seconds: float) -> bool:
        """Whether Kafka answers a question within so long."""
        if self._producer is None:
            return True
        try:
            async with asyncio.timeout(seconds):
                await self._producer.client.fetch_all_metadata()
        except (KafkaError, TimeoutError):
            return False
        return True

    async def send(self, posted: Iterable[Posted]) -> None:
        """Produce in order and wait for every acknowledgement. Raises KafkaError; then all may be sent again."""
        letters = tuple(posted)
        if self._producer is None or not letters:
            return
        if self._signer is not None:
            self._signer.refresh()
        acknowledged = [
            await self._producer.send(
                self._names[letter.topic],
                value=letter.value,
                key=letter.key,
                partition=letter.partition,
                headers=self._headers(letter) or None,
            )
            for letter in letters
        ]
        await asyncio.gather(*acknowledged)
        self._count(letters)

    def _headers(self, letter: Posted) -> list[tuple[str, bytes | None]]:
        """The headers of a letter, and those that vouch for it if it is a decision."""
        headers = list(letter.headers)
        if self._signer is not None and letter.topic in SIGNED and letter.value is not None:
            headers += self._signer.headers(letter.topic, letter.key, letter.value)
        return headers

    def _count(self, letters: Iterable[Posted]) -> None:
        """Count the alerts and decisions that others now have, and how long they took from the log to the log."""
        now_ms = time.time() * 1000
        for letter in letters:
            if letter.topic not in SIGNED or letter.value is None:
                continue
            decision = _decision.decode(letter.value)
            if letter.topic == "alerts":
                self._metrics.alerts.labels(action=decision.action).inc()
                continue
            self._metrics.count_decision(
                decision.action, decision.subject_kind, shadow=decision.shadow, members=len(decision.members)
            )
            if letter.appended_at_ms:
                self._metrics.append_to_decision_seconds.observe(max(0.0, now_ms - letter.appended_at_ms) / 1000)
