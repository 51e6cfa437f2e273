"""The store of `replay` and of tests: everything in this process, gone with it."""

import secrets
from collections.abc import Mapping, Sequence

from agents.store import NO_APPENDS, NOTHING, Answer, Loaded, Opened, Place


class _Held:
    """What one place holds."""

    def __init__(self) -> None:
        self.owner = ""
        self.offset = NOTHING
        self.log = ""
        self.outbox = b""
        self.values: dict[str, bytes | bytearray] = {}


class MemoryStore:
    """A `Store` of plain dictionaries."""

    def __init__(self) -> None:
        self._places: dict[Place, _Held] = {}

    async def open(self, place: Place) -> Opened:
        """Take the place over."""
        held = self._places.setdefault(place, _Held())
        held.owner = secrets.token_hex(8)
        return Opened(held.owner, held.offset, held.outbox, held.log)

    async def load(self, place: Place, keys: Sequence[str]) -> Loaded:
        """The offset and the states of `keys`."""
        held = self._places.get(place) or _Held()
        values = map(held.values.get, keys)
        return Loaded(held.offset, tuple(bytes(it) if isinstance(it, bytearray) else it for it in values))

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
        """Move the place from `expected` to `offset`, if it is `owner`'s and stands there."""
        held = self._places.get(place)
        if held is None or held.owner != owner:
            return Answer("refused", NOTHING if held is None else held.offset)
        if held.offset != expected:
            return Answer("duplicate" if held.offset > expected else "gap", held.offset)
        held.offset, held.log, held.outbox = offset, log, outbox
        held.values.update(values)
        for key in [key for key, value in values.items() if not value]:
            del held.values[key]
        for key, more in appends.items():  # what grows step by step is not to be copied at each
            before = held.values.get(key, b"")
            grown = held.values[key] = before if isinstance(before, bytearray) else bytearray(before)
            grown += more
        return Answer("applied", offset)

    async def close(self) -> None:
        """Nothing to let go of."""
