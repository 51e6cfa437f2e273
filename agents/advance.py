"""One step of one stage on one partition: load what is missing, fold, commit. Live and replay both call this."""

from typing import Generic, Literal, TypeVar

import msgspec
from msgspec import Struct

from agents.store import NOTHING, Answer, Place, Store
from streams.stages import Output, Source, Stage, Topic
from streams.states import States

Items = TypeVar("Items")

STATES_AT_HAND = 4_000
"""How many decoded states one partition has used before it drops older ones, to load them again: see `States`."""


class Posted(Struct, frozen=True, array_like=True):
    """One record as it will be produced: the outbox keeps these. `topic` is the word for it, not its full name."""

    topic: Topic | Literal["dlq"]
    partition: int | None
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()
    appended_at_ms: int = 0


class Advanced(Struct, frozen=True):
    """What a step did: what the fold said, the records to produce before the next step, and what the store answered.

    Whatever the answer is but `applied`: nothing was written, and the partition has to be opened anew.
    """

    output: Output
    posted: tuple[Posted, ...]
    answer: Answer


_encode_json = msgspec.json.Encoder().encode
_encode_outbox = msgspec.msgpack.Encoder().encode
_decode_outbox = msgspec.msgpack.Decoder(tuple[Posted, ...]).decode


class Partition(Generic[Items]):
    """One partition of one stage: its offset, and the states at hand. Only the owner of the partition has one."""

    def __init__(
        self, stage: Stage[Items], partition: int, store: Store, *, states_at_hand: int = STATES_AT_HAND
    ) -> None:
        self.stage = stage
        self.place = Place(stage.name, partition)
        self.offset = NOTHING
        self.log = ""
        self._owner = ""
        self._store = store
        self._states = States()
        self._limit = states_at_hand

    @property
    def states_at_hand(self) -> int:
        """How many decoded states are kept."""
        return len(self._states)

    @property
    def subjects(self) -> int:
        """How many accounts or links the partition holds windows of, at hand or not; 0 before the first step."""
        return int(getattr(self._states.held.get("shard"), "subjects", 0))

    async def open(self) -> tuple[Posted, ...]:
        """Take the place over as it stands; the records that the last step left to be produced. Raises StoreError."""
        self._states = States()
        opened = await self._store.open(self.place)
        self._owner, self.offset, self.log = opened.owner, opened.offset, opened.log
        return _decode_outbox(opened.outbox) if opened.outbox else ()

    async def advance(self, items: Items, offset: int, refused: tuple[Posted, ...] = ()) -> Advanced:
        """Fold `items`, all after `self.offset`, and commit up to `offset`, the last of the batch.

        `refused` are the dead letters of the batch: they leave through the outbox with everything else.
        Without items and with the offset unchanged the stage looks at what it left for later. The partition must be
        open. Raises StoreError; then, as after any answer but `applied`, the states at hand are forgotten.
        """
        try:
            self._states.begin_step()
            await self._load(items)
            output = self.stage.fold(Source(self.place.partition, self.log), items, self._states)
            posted = refused + tuple(
                Posted(
                    record.topic,
                    record.partition,
                    None if record.key is None else record.key.encode("utf-8", "surrogatepass"),
                    _encode_json(record.value),
                    appended_at_ms=record.appended_at_ms,
                )
                for record in output.records
            )
            encode, held = self.stage.encode, self._states.held
            values = {key: encode(key, held[key]) for key in self._states.changed}
            outbox = _encode_outbox(posted) if posted else b""
            answer = await self._store.commit(
                self.place,
                owner=self._owner,
                expected=self.offset,
                offset=offset,
                values=values,
                outbox=outbox,
                log=self.log,
                appends=self._states.appended,
            )
        except BaseException:
            self._states = States()
            raise
        if answer.kind == "applied":
            self.offset = offset
            self._states.let_go(self._limit)
        else:
            self._states = States()
        return Advanced(output, posted, answer)

    async def move(self, offset: int, log: str) -> Answer:
        """Stand at `offset` of `log` from now on, whatever was there before, states kept. Raises StoreError."""
        answer = await self._store.commit(
            self.place, owner=self._owner, expected=self.offset, offset=offset, values={}, outbox=b"", log=log
        )
        if answer.kind == "applied":
            self.offset, self.log = offset, log
        return answer

    async def _load(self, items: Items) -> None:
        """Load what the stage needs and is not at hand, until it needs nothing more."""
        held, decode = self._states.held, self.stage.decode
        known: set[str] = set()
        while True:
            needed = self.stage.needs(items, self._states)
            if needed is known or needed == known:
                break
            if missing := self._states.missing(needed):
                loaded = await self._store.load(self.place, missing)
                held.update((key, decode(key, value)) for key, value in zip(missing, loaded.values, strict=True))
            known = needed
