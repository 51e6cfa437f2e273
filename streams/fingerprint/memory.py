"""A memory for answers that come back: words, addresses and user agents repeat far more often than they are new."""

from collections.abc import Callable
from typing import Generic, TypeVar

Answer = TypeVar("Answer")

MAX_KEPT = 65_536
"""Answers held by one memory; it is emptied when full, so that it needs no order (25 MB at worst)."""

MAX_KEPT_CHARACTERS = 128
"""A longer question is answered but not kept: it would hardly come again, and memory stays bounded."""


class Memory(dict[str, Answer], Generic[Answer]):
    """Answers by question: `memory[question]` computes what it has not met, and keeps it within bounds."""

    def __init__(self, answer: Callable[[str], Answer], *, most: int = MAX_KEPT) -> None:
        """Answer with `answer`, a pure function; keep at most `most` answers."""
        super().__init__()
        self._answer = answer
        self._most = most

    def __missing__(self, question: str) -> Answer:
        """Compute the answer, and keep it unless the question is too long."""
        answer = self._answer(question)
        if len(question) <= MAX_KEPT_CHARACTERS:
            if len(self) >= self._most:
                self.clear()
            self[question] = answer
        return answer
