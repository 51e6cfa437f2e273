"""The states a stage works on: those at hand, and which of them the fold changed."""

from collections.abc import Iterable
from itertools import islice
from typing import Any, TypeVar

T = TypeVar("T")


class States:
    """Decoded states of one partition by key. A stage reads with `read` and changes what `change` hands out.

    `held` are those used lately and `_older` those used before them, which `let_go` drops when `held` has grown large.
    `appended` is what the fold adds to the end of stored values, by key, instead of writing them anew; `prepared` is
    what a stage works out while it says what it needs, for its fold to use. Both are of one step.
    """

    def __init__(self) -> None:
        self.held: dict[str, Any] = {}
        self._older: dict[str, Any] = {}
        self.changed: set[str] = set()
        self.appended: dict[str, bytes] = {}
        self.prepared: object = None

    def begin_step(self) -> None:
        """Forget what belongs to the last step: the states at hand stay."""
        self.changed = set()
        self.appended = {}
        self.prepared = None

    def __contains__(self, key: str) -> bool:
        """True if the state of `key` is at hand."""
        return key in self.held

    def __len__(self) -> int:
        """How many states are at hand."""
        return len(self.held) + len(self._older)

    def missing(self, keys: Iterable[str]) -> list[str]:
        """Those of `keys` that are not at hand, each once, in their order; the others count as used from now on."""
        held, older = self.held, self._older
        wanted = [key for key in dict.fromkeys(keys) if key not in held]
        if older:
            held.update((key, older.pop(key)) for key in wanted if key in older)
            wanted = [key for key in wanted if key not in held]
        return wanted

    def let_go(self, limit: int) -> None:
        """Keep at most three times `limit` states, and a step's: once `held` has more than `limit`, drop the older.

        What every step needs (`model`, `shard`: a key that names no one's state) stays.
        """
        held = self.held
        if len(held) > limit:
            self.held = {key: state for key, state in held.items() if ":" not in key}
            self._older = dict(islice(held.items(), max(0, len(held) - 2 * limit), None))

    def read(self, key: str, kind: type[T]) -> T:
        """The state of `key`, to look at. Raises KeyError if it is not at hand and TypeError if it is another kind."""
        state = self.held[key]
        if not isinstance(state, kind):
            raise TypeError(f"{key} holds a {type(state).__name__}, not a {kind.__name__}")
        return state

    def change(self, key: str, kind: type[T]) -> T:
        """As `read`, and the state will be written back."""
        state = self.read(key, kind)
        self.changed.add(key)
        return state
