"""How a process ends when it cannot go on: at once on a bug, and in time whatever hangs."""

import asyncio
import logging
import os
import threading
import traceback
from typing import Final, Never

from agents.store import OtherFormatError

logger = logging.getLogger(__name__)

BUG_EXIT_CODE: Final = 70
UNUSABLE_EXIT_CODE: Final = 2
UNDRAINED_EXIT_CODE: Final = 1


def end_anyway(seconds: float) -> None:
    """End the process after `seconds`, whatever hangs: a step that was not committed will be met again."""

    def end() -> None:
        logger.warning("The batch in hand is not done after %.0f s, so it is left to whoever comes next.", seconds)
        logging.shutdown()
        os._exit(UNDRAINED_EXIT_CODE)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()


def must_not_end(task: asyncio.Task[None]) -> None:
    """End the process if a task that runs for as long as the process met a bug."""
    if not task.cancelled() and (error := task.exception()) is not None:
        fail(error)


def fail(error: BaseException) -> Never:
    """End the process on a bug: nothing is acknowledged, and whoever takes over meets the same batch.

    States that another version of Stillwatch wrote are no bug: a sentence says what to do.
    """
    is_bug = not isinstance(error, OtherFormatError)
    logger.critical("A bug: %s" if is_bug else "%s", "".join(traceback.format_exception(error)) if is_bug else error)
    logging.shutdown()
    os._exit(BUG_EXIT_CODE if is_bug else UNUSABLE_EXIT_CODE)
