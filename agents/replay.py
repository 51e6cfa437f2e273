"""replay: the whole path in one process, without broker or Redis; event time only, the same input, the same bytes.

Records are put on in-memory partitions as Kafka would, and the stages take them in the order of the path. When a
batch is cut decides nothing: every stage looks at counts and event time alone.
"""

from collections import Counter, deque
from collections.abc import Iterable, Iterator

import msgspec
from msgspec import Struct

from agents.advance import Advanced, Partition, Posted
from agents.routing import key_partition
from agents.store.memory import MemoryStore
from streams.events import RequestEvent
from streams.findings import Findings
from streams.links import Links
from streams.policy import Policy
from streams.stages import CampaignsStage, Incoming, NetworksStage, ObserveStage
from streams.stages.campaigns import PlacedFindings
from streams.stages.networks import PlacedLinks

PARTITIONS = 8
BATCH = 512

_links = msgspec.json.Decoder(Links)
_findings = msgspec.json.Decoder(Findings)


class Replayed(Struct, frozen=True):
    """One record of enforcement or alerts, as it would stand on its topic."""

    topic: str
    value: bytes


class Replay:
    """The stages of one deployment, in this process. Feed events, then finish."""

    def __init__(self, policy: Policy, *, partitions: int = PARTITIONS, batch: int = BATCH) -> None:
        self.tally: Counter[str] = Counter()
        self.store = MemoryStore()
        self._batch = batch
        self._pending: list[list[Incoming]] = [[] for _ in range(partitions)]
        self._offsets = [0] * partitions
        self._link_offsets = [0] * partitions
        self._finding_offset = 0
        observe = ObserveStage(policy, link_partitions=partitions, partitions=partitions)
        networks = NetworksStage(policy)
        self.observe = [Partition(observe, number, self.store) for number in range(partitions)]
        self.networks = [Partition(networks, number, self.store) for number in range(partitions)]
        self.campaigns = Partition(CampaignsStage(policy), 0, self.store)

    async def run(self, events: Iterable[RequestEvent]) -> Iterator[Replayed]:
        """All that leaves for gateways and on-call, in order; nothing is known before the last event was taken."""
        out: deque[Replayed] = deque()
        for event in events:
            number = key_partition(event.account_id, len(self._pending))
            pending = self._pending[number]
            pending.append(Incoming(self._offsets[number], event.occurred_at_ms, event))
            self._offsets[number] += 1
            if len(pending) >= self._batch:
                await self._observe(number, out)
        for number in range(len(self._pending)):
            await self._observe(number, out)
        await self._settle(out)
        return iter(out)

    async def _observe(self, number: int, out: deque[Replayed]) -> None:
        items, self._pending[number] = self._pending[number], []
        if items:
            await self._pass_on(await self.observe[number].advance(items, items[-1].offset), out)

    async def _settle(self, out: deque[Replayed]) -> None:
        """Nothing more comes: let each partition of links close what it left open."""
        for partition in self.networks:
            await self._pass_on(await partition.advance((), partition.offset), out)

    async def _pass_on(self, advanced: Advanced, out: deque[Replayed]) -> None:
        self.tally.update(advanced.output.tally)
        for posted in advanced.posted:
            if posted.topic == "links":
                await self._take_links(posted, out)
            elif posted.topic == "findings":
                placed = PlacedFindings(self._finding_offset, _findings.decode(posted.value or b""))
                self._finding_offset += 1
                await self._pass_on(await self.campaigns.advance((placed,), placed.offset), out)
            else:
                out.append(Replayed(posted.topic, posted.value or b""))

    async def _take_links(self, posted: Posted, out: deque[Replayed]) -> None:
        number = posted.partition or 0
        placed = PlacedLinks(self._link_offsets[number], _links.decode(posted.value or b""))
        self._link_offsets[number] += 1
        await self._pass_on(await self.networks[number].advance((placed,), placed.offset), out)
