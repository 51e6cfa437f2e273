"""The store of `replay` and of tests: everything in this process, gone with it."""

from collections.abc import Mapping, Sequence

from agents.store import NOTHING, FenceLostError, Loaded, Place


class MemoryStore:
    """A `Store` of plain dictionaries."""

    def __init__(self) -> None:
        self._offsets: dict[Place, int] = {}
        self._values: dict[Place, dict[str, bytes]] = {}
        self._outboxes: dict[Place, bytes] = {}

    async def load(self, place: Place, keys: Sequence[str]) -> Loaded:
        """The offset and the states of `keys`."""
        values = self._values.get(place, {})
        return Loaded(self._offsets.get(place, NOTHING), tuple(values.get(key) for key in keys))

    async def commit(
        self, place: Place, *, expected: int, offset: int, values: Mapping[str, bytes], outbox: bytes
    ) -> None:
        """Move the place from `expected` to `offset`. Raises FenceLostError."""
        actual = self._offsets.get(place, NOTHING)
        if actual != expected:
            raise FenceLostError(place, expected, actual)
        self._offsets[place] = offset
        self._values.setdefault(place, {}).update(values)
        self._outboxes[place] = outbox

    async def outbox(self, place: Place) -> bytes:
        """What the last commit left to be sent."""
        return self._outboxes.get(place, b"")

    async def close(self) -> None:
        """Nothing to let go of."""
