"""Where states live: one interface, two stores (Redis for the worker, memory for replay), one contract suite.

A place is one partition of one stage. Its offset, its states and its outbox change together or not at all, and only
if the offset is still the one that the writer has seen: a worker that lost its partition cannot write.

Key layout in Redis, one hash tag a place, so that a place lives in one cluster slot:

    <prefix>:{<stage>:<partition>}:offset        last offset of the input that the states reflect (decimal)
    <prefix>:{<stage>:<partition>}:outbox        what the batch that ended there emits (MessagePack), resent at start
    <prefix>:{<stage>:<partition>}:<state key>   one state (MessagePack), expires 29 days after its last change

State keys: `account:<account_id>`, `model`, `shard` (observe); `link:<kind>:<value>`, `model`, `everybody`, `shard`
(networks); `campaign:<id>`, `member:<account_id>`, `link:<kind>:<value>`, `shard` (campaigns).
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from msgspec import Struct

NOTHING = -1
"""The offset of a place that holds nothing yet."""


class Place(Struct, frozen=True):
    """One partition of one stage."""

    stage: str
    partition: int


class Loaded(Struct, frozen=True):
    """What a place holds: its offset, and the stored states asked for, None where there is none."""

    offset: int
    values: tuple[bytes | None, ...]


class StoreError(Exception):
    """The store cannot be used now; the sentence says what a person can do. Worth another try."""


class FenceLostError(Exception):
    """Another worker moved this place on: nothing was written, and whatever was at hand is stale."""

    def __init__(self, place: Place, expected: int, actual: int) -> None:
        super().__init__(f"{place.stage}/{place.partition} stands at offset {actual}, not at {expected}")
        self.actual = actual


class Store(Protocol):
    """States of places. Every method may block on the network and raises StoreError if that fails."""

    async def load(self, place: Place, keys: Sequence[str]) -> Loaded:
        """The offset and the states of `keys`, read at one moment."""
        ...

    async def commit(
        self, place: Place, *, expected: int, offset: int, values: Mapping[str, bytes], outbox: bytes
    ) -> None:
        """Move the place from `expected` to `offset` with its states and outbox. Raises FenceLostError."""
        ...

    async def outbox(self, place: Place) -> bytes:
        """What the last commit left to be sent; empty if nothing."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...
