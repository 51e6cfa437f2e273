"""replay: the whole path in one process, without broker or Redis; event time only, the same input, the same bytes.

Records are put on in-memory partitions as Kafka would, and the stages take them in rounds of ten minutes of event time:
in a live deployment the partitions advance together, and here too none runs hours ahead of the others. When a batch
is cut decides nothing: every stage looks at counts and event time alone.
"""

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from agents.advance import Advanced, Partition, Posted
from agents.routing import key_partition
from agents.store.memory import MemoryStore
from streams.batch import EventBatch, Incoming
from streams.events import RequestEvent
from streams.feedback import Feedback, PlacedVerdict, Verdict
from streams.findings import Findings
from streams.links import Links
from streams.policy import Policy
from streams.stages import CampaignsStage, NetworksStage, ObserveStage
from streams.stages.campaigns import PlacedFindings
from streams.used import PlacedLinks
from streams.windows import MINUTE_MS

PARTITIONS = 8
BATCH = 4_096
"""Events of one round at most, over all partitions."""

SPAN_MS = 10 * MINUTE_MS
"""Event time of one round at most."""

_links = msgspec.json.Decoder(Links)
_findings = msgspec.json.Decoder(Findings)


class Replayed(Struct, frozen=True):
    """One record of enforcement or alerts, as it would stand on its topic."""

    topic: str
    value: bytes


class Replay:
    """The stages of one deployment, in this process. Feed events, then finish."""

    def __init__(
        self, policy: Policy, *, partitions: int = PARTITIONS, batch: int = BATCH, span_ms: int = SPAN_MS
    ) -> None:
        self.tally: Counter[str] = Counter()
        self.store = MemoryStore()
        self._batch = batch
        self._span_ms = span_ms
        self._pending: list[list[Incoming]] = [[] for _ in range(partitions)]
        self._links: list[list[PlacedLinks]] = [[] for _ in range(partitions)]
        self._offsets = [0] * partitions
        self._opened = False
        self._waiting = self._until_ms = 0
        self._link_offsets = [0] * partitions
        self._finding_offset = self._heard = 0
        observe = ObserveStage(policy, link_partitions=partitions, partitions=partitions)
        networks = NetworksStage(policy)
        self.observe = [Partition(observe, number, self.store) for number in range(partitions)]
        self.networks = [Partition(networks, number, self.store) for number in range(partitions)]
        self.campaigns = Partition(CampaignsStage(policy), 0, self.store)

    async def run(self, events: Iterable[RequestEvent], verdicts: Iterable[Verdict] = ()) -> Iterator[Replayed]:
        """All that leaves for gateways and on-call, in order; nothing is known before the last event was taken.

        A verdict comes before the first event that is later than it.
        """
        out: deque[Replayed] = deque()
        waiting = deque(sorted(verdicts, key=lambda verdict: verdict.decided_at_ms))
        for event in events:
            while waiting and waiting[0].decided_at_ms < event.occurred_at_ms:
                out.extend(await self.hear(waiting.popleft()))
            out.extend(await self.feed(event) or ())
        for verdict in waiting:
            out.extend(await self.hear(verdict))
        out.extend(await self.finish())
        return iter(out)

    async def hear(self, verdict: Verdict) -> Sequence[Replayed]:
        """Take what a reviewer says, after all events so far. Return what both led to."""
        out: deque[Replayed] = deque()
        if not self._opened:
            await self._open()
        await self._advance(out)
        self._waiting = 0
        number = key_partition(verdict.subject_id, len(self._pending))
        placed = PlacedVerdict(self._heard, verdict.decided_at_ms, verdict)
        batch = EventBatch(feedback=Feedback("", self._heard, (placed,)))
        self._heard += 1
        await self._pass_on(await self.observe[number].advance(batch, self.observe[number].offset), out)
        return out

    async def feed(self, event: RequestEvent) -> Sequence[Replayed] | None:
        """Take one event. Return what all before it led to if it begins a round, None if it belongs to one."""
        out: deque[Replayed] | None = None
        if not self._opened:
            await self._open()
        if self._waiting >= self._batch or event.occurred_at_ms >= self._until_ms:
            out = deque()
            await self._advance(out)
            self._waiting, self._until_ms = 0, (event.occurred_at_ms // self._span_ms + 1) * self._span_ms
        number = key_partition(event.account_id, len(self._pending))
        self._pending[number].append(Incoming(self._offsets[number], event.occurred_at_ms, event))
        self._offsets[number] += 1
        self._waiting += 1
        return out

    async def finish(self) -> Sequence[Replayed]:
        """Take no more, and return what is left."""
        out: deque[Replayed] = deque()
        if not self._opened:
            await self._open()
        await self._advance(out)
        await self._settle(out)
        return out

    async def _open(self) -> None:
        self._opened = True
        partitions: list[Partition[Any]] = [*self.observe, *self.networks, self.campaigns]
        for partition in partitions:
            await partition.open()

    async def _advance(self, out: deque[Replayed]) -> None:
        """One round: each partition of `observe` takes what came, then each of `networks` what they made of it."""
        for observe, items in zip(self.observe, self._pending, strict=True):
            if items:
                await self._pass_on(await observe.advance(EventBatch(items), items[-1].offset), out)
                items.clear()
        for networks, placed in zip(self.networks, self._links, strict=True):
            if placed:
                await self._pass_on(await networks.advance(placed, placed[-1].offset), out)
                placed.clear()

    async def _settle(self, out: deque[Replayed]) -> None:
        """Nothing more comes: let each partition of links close what it left open."""
        for partition in self.networks:
            await self._pass_on(await partition.advance((), partition.offset), out)

    async def _pass_on(self, advanced: Advanced, out: deque[Replayed]) -> None:
        self.tally.update(advanced.output.tally)
        for posted in advanced.posted:
            if posted.topic == "links":
                self._take_links(posted)
            elif posted.topic == "findings":
                placed = PlacedFindings(self._finding_offset, _findings.decode(posted.value or b""))
                self._finding_offset += 1
                await self._pass_on(await self.campaigns.advance((placed,), placed.offset), out)
            else:
                out.append(Replayed(posted.topic, posted.value or b""))

    def _take_links(self, posted: Posted) -> None:
        number = posted.partition or 0
        self._links[number].append(PlacedLinks(self._link_offsets[number], _links.decode(posted.value or b"")))
        self._link_offsets[number] += 1
