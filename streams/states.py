"""The states a stage works on: those at hand, and which of them the fold changed."""

from collections.abc import Iterable
from typing import Any, TypeVar

T = TypeVar("T")


class States:
    """Decoded states of one partition by key. A stage reads with `read` and changes what `change` hands out.

    `appended` is what the fold adds to the end of stored values, by key, instead of writing them anew; `prepared` is
    what a stage works out while it says what it needs, for its fold to use. Both are of one step.
    """

    def __init__(self) -> None:
        self.held: dict[str, Any] = {}
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

    def missing(self, keys: Iterable[str]) -> list[str]:
        """Those of `keys` that are not at hand, each once, in their order."""
        return [key for key in dict.fromkeys(keys) if key not in self.held]

    def read(self, key: str, kind: type[T]) -> T:
        """The state of `key`, to look at. Raises KeyError if it is not at hand and TypeError if it is another kind."""
        state = self.held[key]
        if not isinstance(state, kind):
            message = f"{key} holds a {type(state).__name__}, not a {kind.__name__}"
            raise TypeError(message)
        return state

    def change(self, key: str, kind: type[T]) -> T:
        """As `read`, and the state will be written back."""
        state = self.read(key, kind)
        self.changed.add(key)
        return state
