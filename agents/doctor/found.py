"""One thing that was looked at, and looks that end in time and do not end the others."""

import threading
from collections.abc import Callable
from typing import TypeVar

from msgspec import Struct

LOOK_SECONDS = 45.0
"""How long one look may take. Each client has shorter limits of its own; this one is for a server that half answers."""

T = TypeVar("T")


class Found(Struct, frozen=True):
    """One thing that was looked at."""

    sentence: str
    well: bool


class LateError(Exception):
    """A look that did not end in time; its text is one sentence."""


def well(sentence: str) -> Found:
    """Something that is as it should be."""
    return Found(sentence, well=True)


def ill(sentence: str) -> Found:
    """Something to be put right."""
    return Found(sentence, well=False)


def within(seconds: float, what: str, look: Callable[[], T]) -> T:
    """What `look` answers, or raises, if it does so in time; the thread of one that does not is left behind.

    Raises LateError.
    """
    answers: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            answers.append(look())
        except BaseException as error:  # noqa: BLE001  raised again below, in the thread that waits
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if errors:
        raise errors[0]
    if not answers:
        raise LateError(f"{what} did not answer within {seconds:.0f} seconds: it may be frozen, or behind a firewall.")
    return answers[0]
