"""How a process ends: when it is told to, at once on a bug, and in time whatever hangs."""

import asyncio
import logging
import os
import signal
import threading
import traceback
import types
from collections.abc import Collection
from typing import Any, Final, Never

from agents.store import OtherFormatError

logger = logging.getLogger(__name__)

BUG_EXIT_CODE: Final = 70
UNUSABLE_EXIT_CODE: Final = 2
UNDRAINED_EXIT_CODE: Final = 1
AGAIN_S: Final = 5.0


def told_to_stop() -> asyncio.Event:
    """What SIGTERM or SIGINT sets, from now on. Called in the loop that waits for it."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


def end_anyway(seconds: float) -> None:
    """End the process after `seconds`, whatever hangs: a step that was not committed will be met again."""
    loop = asyncio.get_running_loop()

    def end() -> None:
        logger.warning("The batch in hand is not done after %.0f s, so it is left to whoever comes next.", seconds)
        for task in asyncio.all_tasks(loop):
            logger.warning("Not over yet: %s", waits_at(task))
        logging.shutdown()
        os._exit(UNDRAINED_EXIT_CODE)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()


def waits_at(task: asyncio.Task[Any]) -> str:
    """Where a task stands: each coroutine that waits for the next, with its line."""
    at: Any = task.get_coro()
    places = []
    while isinstance(at, types.CoroutineType):
        places.append(f"{at.__qualname__}:{at.cr_frame.f_lineno if at.cr_frame else 0}")
        at = at.cr_await
    return " > ".join(places)


async def cancelled(tasks: Collection[asyncio.Task[Any]], again_s: float = AGAIN_S) -> None:
    """Cancel `tasks`, every `again_s` anew, until all have ended.

    Once is not enough: what a task waits for may swallow it, as aiokafka's `consumer.stop` does while a fetch ends.
    """
    waiting = {task for task in tasks if not task.done()}
    while waiting:
        for task in waiting:
            task.cancel()
        _, waiting = await asyncio.wait(waiting, timeout=again_s)
    await asyncio.gather(*tasks, return_exceptions=True)


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
