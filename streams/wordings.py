"""Which of the limited templates a request says in other words: an index of sketches, as a gateway needs one."""

from collections import Counter

from streams.decisions import Wording
from streams.fingerprint.sketch import hashes_of


class Wordings:
    """Wordings by name. To look one up costs as much as there are wordings that share a word with it."""

    def __init__(self) -> None:
        """None yet."""
        self._held: dict[str, tuple[set[str], float]] = {}
        self._with: dict[str, set[str]] = {}

    def put(self, name: str, wording: Wording | None) -> None:
        """Hold the wording of a template from now on, in place of the one before; None forgets it."""
        for each in self._held.pop(name, ((), 0.0))[0]:
            self._with[each].discard(name)
        if wording is not None:
            hashes = hashes_of(wording.sketch)
            self._held[name] = hashes, wording.similar
            for each in hashes:
                self._with.setdefault(each, set()).add(name)

    def like(self, sketch: str) -> list[str]:
        """The names whose wording is similar enough to `sketch`, the most similar first."""
        hashes = hashes_of(sketch)
        common: Counter[str] = Counter()
        for each in hashes:
            common.update(self._with.get(each, ()))
        alike = []
        for name, count in common.items():
            held, similar = self._held[name]
            share = count / (len(held) + len(hashes) - count)
            if share >= similar:
                alike.append((-share, name))
        return [name for _, name in sorted(alike)]
