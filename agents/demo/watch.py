"""The watch: looks at the worker's metrics page, at what it decided and at what was fed, and says what there is."""

import time
from bisect import bisect_right
from collections import deque
from typing import Any, Final

import msgspec
from kafka import KafkaConsumer, TopicPartition

from agents.demo import page
from agents.demo.children import Feed
from agents.demo.ledger import Ledger
from agents.demo.snapshot import Snapshot, Work
from agents.kafka_access import client_arguments
from agents.topics import TopicNames
from streams.decisions import Decision

AHEAD_S: Final = 1.0
AHEAD_RECORDS: Final = 3_000
"""How far the feed may be ahead of the worker: a second's worth of work, and at least so many records. Enough for the
worker never to wait; little enough for the latency it measures to be its own and not that of a queue."""

RATE_OVER_S: Final = 5.0
QUIET_S: Final = 4.0
"""How long nothing may change until all is over: the worker closes a minute after two seconds without traffic."""

PAGE_EVERY_S: Final = 0.5


class Watch:
    """What can be seen of a demonstration from outside. Raises KafkaError when Kafka does not answer."""

    def __init__(self, bootstrap_servers: str, names: TopicNames, *, health: tuple[str, int], feed: Feed) -> None:
        """`health` is the host and the port of the worker's metrics page."""
        self._health = health
        self._feed = feed
        self._ledger = Ledger()
        self._alerts_topic = names.alerts
        self._alerts = 0
        self._consumer = _reader(bootstrap_servers, (names.enforcement, names.alerts))
        self._started = self._changed = time.monotonic()
        self._paged = 0.0
        self._first = self._newest = 0.0
        self._work = Work()
        self._fed: list[int] = [0]
        self._event_ms: list[int] = []
        self._rates: deque[tuple[float, int]] = deque()
        self._decode = msgspec.json.Decoder(Decision).decode

    def close(self) -> None:
        """Disconnect from Kafka."""
        self._consumer.close(timeout_ms=2_000)

    def look(self, wait_s: float) -> Snapshot:
        """Collect what is new, waiting up to `wait_s` seconds for decisions, and give the feed its next leave."""
        self._collect_decisions(wait_s)
        for report in self._feed.reports():
            self._fed.append(report.records)
            self._event_ms.append(report.newest_ms)
            self._ledger.meet(report.accounts, report.exchanges)
            self._changed = time.monotonic()
        if time.monotonic() - self._paged >= PAGE_EVERY_S:
            self._read_page()
        return self._snapshot()

    def is_over(self, snapshot: Snapshot) -> bool:
        """True once everything was fed and taken, and nothing has happened for a while."""
        taken = snapshot.all_fed and snapshot.work.events >= snapshot.fed and snapshot.work.lag == 0
        return taken and time.monotonic() - self._changed >= QUIET_S

    def _read_page(self) -> None:
        work = page.fetch(*self._health)
        now = self._paged = time.monotonic()
        if work is not None:
            if work.events > self._work.events:
                self._first = self._first or now
                self._newest = now
            if (work.events, work.stage_records, work.decisions) != (
                self._work.events,
                self._work.stage_records,
                self._work.decisions,
            ):
                self._changed = now
            self._work = work
        self._rates.append((now, self._work.events))
        while now - self._rates[0][0] > RATE_OVER_S:
            self._rates.popleft()
        self._feed.allow(self._work.events + max(AHEAD_RECORDS, int(AHEAD_S * self._rate())))

    def _collect_decisions(self, wait_s: float) -> None:
        for records in self._consumer.poll(timeout_ms=int(wait_s * 1000)).values():
            for record in records:
                self._changed = time.monotonic()
                if record.topic == self._alerts_topic:
                    self._alerts += 1
                else:
                    self._ledger.take(self._decode(record.value))

    def _snapshot(self) -> Snapshot:
        campaigns = self._ledger.campaigns()
        return Snapshot(
            elapsed_s=time.monotonic() - self._started,
            working_s=self._newest - self._first,
            work=self._work,
            score=self._ledger.score(),
            event_ms=self._event_time(),
            fed=self._fed[-1],
            all_fed=self._feed.done,
            events_per_s=self._rate(),
            alerts=self._alerts,
            campaign=campaigns[0] if campaigns else None,
            other_campaigns=max(0, len(campaigns) - 1),
        )

    def _event_time(self) -> int | None:
        """The event time of the newest record reported among as many as the worker has taken."""
        reached = bisect_right(self._fed, self._work.events) - 1
        return self._event_ms[reached - 1] if reached else None

    def _rate(self) -> float:
        """Events a second over the last few seconds."""
        (then, before), (now, events) = (self._rates[0], self._rates[-1]) if self._rates else ((0.0, 0), (0.0, 0))
        return (events - before) / (now - then) if now > then else 0.0


def _reader(bootstrap_servers: str, topics: tuple[str, ...]) -> Any:  # noqa: ANN401  kafka-python has no types
    """A consumer of no group that reads `topics` from their beginnings and commits nothing."""
    consumer = KafkaConsumer(
        bootstrap_servers=bootstrap_servers.split(","),
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        bootstrap_timeout_ms=10_000,
        **client_arguments(),
    )
    consumer.assign([
        TopicPartition(topic, number) for topic in topics for number in sorted(consumer.partitions_for_topic(topic))
    ])  # fmt: skip
    return consumer
