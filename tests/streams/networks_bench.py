"""The stage `networks` with one partition of links, its states, and all that has left it."""

from collections import Counter

from msgspec.structs import replace

from streams.findings import Finding, Findings
from streams.links import LinkKind, Links, Source
from streams.networks import NetworkState
from streams.policy import DEFAULT_POLICY, Policy
from streams.policy_signals import SIGNALS
from streams.stages import NetworksStage, Outgoing, Output
from streams.stages.networks import SHARD, link_key
from streams.stages.networks_shard import NetworksShard
from streams.states import States
from streams.used import PlacedLinks

SOURCE = Source(3, "links-1")
WATCHFUL = replace(
    DEFAULT_POLICY,
    signals={
        **SIGNALS,
        "accounts_per_payment": replace(SIGNALS["accounts_per_payment"], threshold=3),
        "accounts_per_template": replace(SIGNALS["accounts_per_template"], threshold=3),
    },
)
"""Three accounts on one payment instrument or template are enough to say so."""


class NetworksBench:
    """Takes records step by step. `forgetful`: every state is stored after each step and loaded again."""

    def __init__(self, policy: Policy, *, forgetful: bool) -> None:
        self.stage = NetworksStage(policy)
        self.states = States()
        self.left: list[Outgoing] = []
        self.tally: Counter[str] = Counter()
        self._forgetful = forgetful
        self.stored: dict[str, bytes] = {}

    def take(self, *records: Links, first_offset: int = 0) -> Output:
        """One step of records; none at all: nothing more came for a while."""
        items = [PlacedLinks(first_offset + number, links) for number, links in enumerate(records)]
        if self._forgetful:
            self.states = States()
        self.states.begin_step()
        while missing := self.states.missing(sorted(self.stage.needs(items, self.states))):
            for key in missing:
                self.states.held[key] = self.stage.decode(key, self.stored.get(key))
        output = self.stage.fold(SOURCE, items, self.states)
        self.stored.update({key: self.stage.encode(key, self.states.held[key]) for key in self.states.changed})
        for key, more in self.states.appended.items():
            assert key not in self.states.changed
            self.stored[key] = self.stored.get(key, b"") + more
        self.left.extend(output.records)
        self.tally.update(output.tally)
        return output

    def findings(self) -> list[Finding]:
        """All that was found."""
        return [one for record in self.left if isinstance(record.value, Findings) for one in record.value.findings]

    def told(self) -> list[str]:
        """Of whom it was told that they use a template too short to tie anybody, time by time."""
        records = [record.value for record in self.left if isinstance(record.value, Findings)]
        return ["".join(users.accounts) for record in records for users in record.users]

    def link(self, kind: LinkKind = "payment", value: str = "v") -> NetworkState:
        """The state of one link."""
        return self.states.read(link_key(kind, value), NetworkState)

    def shard(self) -> NetworksShard:
        """What is kept beside the links."""
        return self.states.read(SHARD, NetworksShard)

    def network_states(self) -> dict[str, object]:
        """The state of every link, as it is stored."""
        return {key: self.stage.decode(key, value) for key, value in self.stored.items() if key.startswith("link:")}


def bench(policy: Policy = WATCHFUL, *, forgetful: bool = False) -> NetworksBench:
    """A partition that has taken nothing yet."""
    return NetworksBench(policy, forgetful=forgetful)
