"""What a stage is, what goes into it and what leaves it."""

from collections import Counter
from typing import Literal, Protocol, TypeVar

from msgspec import Struct, field

from streams.decisions import Decision
from streams.findings import Findings
from streams.links import Links, Source
from streams.states import States

Topic = Literal["links", "findings", "enforcement", "alerts"]
StageName = Literal["observe", "networks", "campaigns"]

NO_REQUEST = 0
"""The `appended_at_ms` of what no request caused: nobody measures from it."""

Measure = Literal["campaign_probability", "lesson_loss"]


class Outgoing(Struct, frozen=True, gc=False):
    """One record that leaves a stage. `partition` None: by `key`. `appended_at_ms`: of the input that caused it."""

    topic: Topic
    value: Links | Findings | Decision
    appended_at_ms: int
    partition: int | None = None
    key: str | None = None


class Output(Struct):
    """What a fold says: the records that leave, in order, and what is worth counting or measuring, by bounded names."""

    records: list[Outgoing] = field(default_factory=list)
    tally: Counter[str] = field(default_factory=Counter)
    measured: list[tuple[Measure, float]] = field(default_factory=list)


Items = TypeVar("Items")


class Stage(Protocol[Items]):
    """One stage of the pipeline; pure, deterministic, one partition at a time."""

    @property
    def name(self) -> StageName:
        """One word, the same in module, topic, metric and key."""
        ...

    @property
    def nothing(self) -> Items:
        """The items of a step for which nothing came."""
        ...

    def needs(self, items: Items, states: States) -> set[str]:
        """The keys the fold will touch, as far as `states` lets one see; asked again until nothing new is named."""
        ...

    def decode(self, key: str, stored: bytes | None) -> object:
        """The state of `key` from what the store holds; a fresh one for None. Raises msgspec.DecodeError."""
        ...

    def encode(self, key: str, state: object) -> bytes:
        """What the store shall hold for `key`."""
        ...

    def fold(self, source: Source, items: Items, states: States) -> Output:
        """Take `items` in order. No items: nothing more came for a while, so look at what was left for later."""
        ...
