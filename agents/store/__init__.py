"""Where states live: one interface, two stores (Redis for the worker, memory for replay), one contract suite.

A place is one partition of one stage. Whoever opens a place owns it from then on, and every commit of an earlier owner
is refused. Its offset, its states and its outbox change together or not at all, and only if the place still stands
where the writer has left it: a worker that lost its partition cannot write, and neither can one that Redis forgot.

Key layout in Redis, one hash tag a place, so that a place lives in one cluster slot:

    <prefix>:{<stage>:<partition>}:owner         token of who opened the place last; only its commits are taken
    <prefix>:{<stage>:<partition>}:offset        last offset of the input that the states reflect (decimal)
    <prefix>:{<stage>:<partition>}:log           which log that offset counts in (a Kafka topic's id, see `next_log`)
    <prefix>:{<stage>:<partition>}:format        the newest format that its states may be in (see `FORMAT`)
    <prefix>:{<stage>:<partition>}:outbox        what the batch that ended there emits (MessagePack), resent at start
    <prefix>:{<stage>:<partition>}:<state key>   one state (most in MessagePack), expires 29 days after its last change

A state that is stored as nothing, without a byte, is no state: within a second its key is gone as well.

State keys: `account:<account_id>` (see `streams.accounts`), `verdict:<account_id>`, `model`, `shard` (observe);
`link:<kind>:<value>`, `model`, `everybody`, `holders` (see `streams.holders`; what changes in it is appended), `shard`
(networks); `campaign:<id>`, `member:<account_id>`, `link:<kind>:<value>`, `short:template:<hash>`, `exempt`, `learner`,
`sketches` (see `streams.sketches`; lines are appended), `crowded`, `shard` (campaigns).
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Literal, Protocol

from msgspec import Struct

NOTHING = -1
"""The offset of a place that holds nothing yet."""

FORMAT = 10
"""The format that states are written in. It grows with every change of a stored state that a worker of before could
misread, or could write back without something that is new: a field more is one, for who does not know it drops it."""

OLDEST_FORMAT = 1
"""The oldest format that is still read. What is older is built again from the log, under another prefix."""

NO_APPENDS: Mapping[str, bytes] = MappingProxyType({})

AnswerKind = Literal["applied", "duplicate", "gap", "refused"]


class Place(Struct, frozen=True):
    """One partition of one stage."""

    stage: str
    partition: int


class Opened(Struct, frozen=True):
    """A place that was taken over: the token that its commits carry, and how the last owner left it."""

    owner: str
    offset: int
    outbox: bytes
    log: str


class Loaded(Struct, frozen=True):
    """What a place holds: its offset, and the stored states asked for, None where there is none."""

    offset: int
    values: tuple[bytes | None, ...]


class Answer(Struct, frozen=True):
    """What became of a commit, and the offset at which the place stands now. Only `applied` has written anything.

    `applied`: the place moved on. `duplicate`: it stands later than the writer thought, so an earlier try of this
    commit was applied and its answer lost. `gap`: it stands earlier, or holds nothing: the store lost data.
    `refused`: another owner has opened the place, or the store lost all of it.
    """

    kind: AnswerKind
    offset: int


def log_id(log: str) -> str:
    """The topic id in the identity of a log."""
    return log.partition("+")[0]


def next_log(log: str) -> str:
    """The identity of a log that was cut short: the topic id, and how often its offsets began to come again."""
    return f"{log_id(log)}+{int(log.partition('+')[2] or 0) + 1}"


class StoreError(Exception):
    """The store cannot be used now; the sentence says what a person can do. Worth another try."""


class OtherFormatError(Exception):
    """States are in a format that this version must not touch; the sentence says what a person can do."""


class Store(Protocol):
    """States of places. Every method may block on the network and raises StoreError if that fails.

    A call that raised may have been taken all the same. A commit that moves the offset may be tried again as it was:
    it is not applied twice. One that stays at its offset (a settle) must not: open anew first.
    """

    async def open(self, place: Place) -> Opened:
        """Take the place over: from now on, commits of whoever opened it before are refused."""
        ...

    async def load(self, place: Place, keys: Sequence[str]) -> Loaded:
        """The offset and the states of `keys`, read at one moment. Anybody may, owner or not."""
        ...

    async def commit(
        self,
        place: Place,
        *,
        owner: str,
        expected: int,
        offset: int,
        values: Mapping[str, bytes],
        outbox: bytes,
        log: str = "",
        appends: Mapping[str, bytes] = NO_APPENDS,
    ) -> Answer:
        """Move the place from `expected` to `offset`, which may be the same, with its states, outbox and log.

        `values` replace states, `appends` are added to the end of them. No key is in both.
        """
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...
