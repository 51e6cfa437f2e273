"""Whether the worker makes progress: told by its event loop, judged by other threads, and by a watchdog at the last.

A partition makes progress while nothing is left to process, or its position moved within `stall_after_s`. A process
is hung when its event loop has not said for `limit_s` that it turns; nothing on that loop could notice, so a thread
does.
"""

import faulthandler
import logging
import os
import threading
import time
from collections.abc import Callable, Iterable
from typing import Final

from msgspec import Struct

logger = logging.getLogger(__name__)

Clock = Callable[[], float]
"""Seconds that only ever go forward, from any start."""

Partition = tuple[str, int]
"""Topic and partition; Faust's `TP` and aiokafka's `TopicPartition` are such tuples."""

HUNG_EXIT_CODE: Final = 70
"""EX_SOFTWARE of sysexits.h."""

SLOW_FOR_S: Final = 60.0
"""How long a server counts as slow after it was: one that is asked nothing any more has no other way to be quick."""

LAST_WORDS_S: Final = 1.0
"""How long a hung process may take to say why it ends."""


class _Place(Struct):
    """Where one partition is; `since` is when it last moved, or last had nothing left to process."""

    since: float
    position: int | None = None
    end_offset: int = 0

    @property
    def lag(self) -> int:
        return 0 if self.position is None else max(0, self.end_offset - self.position)


class Progress:
    """What the worker knows about itself, told by its event loop and read by other threads; every method is safe.

    The worker calls `advanced` for every assigned partition after each batch, and every second or so with the end
    offset it has learned by then: a partition that stands still while its log grows is what this is here to see.
    """

    def __init__(self, *, stall_after_s: float = 60.0, clock: Clock = time.monotonic) -> None:
        self._stall_after_s = stall_after_s
        self._clock = clock
        self._lock = threading.Lock()
        self._places: dict[Partition, _Place] = {}
        self._was_assigned = False
        self._not_ready: str | None = "The worker is starting."
        self._slow: dict[str, tuple[str, float]] = {}
        self._beat_at = clock()

    def assigned(self, partitions: Iterable[Partition]) -> None:
        """Add partitions. An empty assignment counts: a worker beyond the number of partitions stands by."""
        with self._lock:
            self._was_assigned = True
            for topic, partition in partitions:
                self._places[topic, partition] = _Place(since=self._clock())

    def revoked(self, partitions: Iterable[Partition]) -> None:
        """Forget partitions, known or not."""
        with self._lock:
            for topic, partition in partitions:
                self._places.pop((topic, partition), None)

    def advanced(self, partition: Partition, offset: int, end_offset: int) -> None:
        """Note that `offset` is the next to process and `end_offset` the end of the log, one past the last record.

        A seek back is not progress, but what is processed after it is. A partition that is not assigned is ignored:
        the last batch of a revoked one may come late.
        """
        with self._lock:
            place = self._places.get((partition[0], partition[1]))
            if place is None:
                return
            if place.position is None or offset > place.position or place.lag == 0:
                place.since = self._clock()
            place.position, place.end_offset = offset, end_offset

    def not_ready(self, reason: str) -> None:
        """Say, in a sentence, why the worker cannot work: a store that does not answer, or the end of its life."""
        with self._lock:
            self._not_ready = reason

    def ready(self) -> None:
        """Say that the stores answered."""
        with self._lock:
            self._not_ready = None

    def slow(self, server: str, reason: str | None) -> None:
        """Say, in a sentence, that a server answers late, so that lag may grow; None: it is as it should be.

        It holds for `SLOW_FOR_S`, unless it is said again.
        """
        with self._lock:
            if reason is None:
                self._slow.pop(server, None)
            else:
                self._slow[server] = reason, self._clock()

    def heartbeat(self) -> None:
        """Say that the event loop still turns."""
        with self._lock:
            self._beat_at = self._clock()

    def stalled(self) -> tuple[str, ...]:
        """One sentence for each partition that makes no progress, in order; empty when all is well."""
        with self._lock:
            now = self._clock()
            return tuple(
                _stall_sentence(name, place, now - place.since)
                for name, place in sorted(self._places.items())
                if (place.position is None or place.lag) and now - place.since > self._stall_after_s
            )

    def unready(self) -> str | None:
        """Why the worker is not ready, or None."""
        with self._lock:
            if self._not_ready is None and not self._was_assigned:
                return "No partitions have been assigned yet."
            slow = [reason for reason, at in self._slow.values() if self._clock() - at <= SLOW_FOR_S]
            return self._not_ready or " ".join(slow) or None

    def silent_s(self) -> float:
        """Seconds since the event loop last said that it turns."""
        with self._lock:
            return self._clock() - self._beat_at


def _stall_sentence(name: Partition, place: _Place, still_s: float) -> str:
    topic, partition = name
    if place.position is None:
        return f"Partition {partition} of {topic} has reported nothing since it was assigned {still_s:.0f} s ago."
    return (
        f"Partition {partition} of {topic} has stood at offset {place.position} for {still_s:.0f} s, "
        f"with {place.lag} records left."
    )


class Watchdog:
    """A thread that ends the process when its event loop has not turned for `limit_s`; Kafka then gives its work away.

    Two checks in a row must find it so: a process that was frozen as a whole (SIGSTOP, a paused machine) comes back
    with an old heartbeat, and has `check_every_s` to give a new one. Before the end, the stacks of all threads go to
    stderr.
    """

    def __init__(
        self,
        progress: Progress,
        *,
        limit_s: float = 60.0,
        check_every_s: float = 5.0,
        end: Callable[[int], object] = os._exit,
    ) -> None:
        self._progress = progress
        self._limit_s = limit_s
        self._check_every_s = check_every_s
        self._end = end
        self._suspected = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def start(self) -> None:
        """Begin to watch; returns at once. The time counts from the last heartbeat, so give one first."""
        self._thread.start()

    def stop(self) -> None:
        """Stop watching; returns when the thread has ended. Only after `start`."""
        self._stopping.set()
        self._thread.join()

    def check(self) -> None:
        """Look once: end the process at the second look in a row that finds it hung."""
        silent_s = self._progress.silent_s()
        hung = silent_s > self._limit_s
        if hung and self._suspected:
            # What hangs may be the log itself (a full pipe, a lock), so the last words get a thread and a deadline.
            last_words = threading.Thread(target=_report, args=(silent_s,), name="last words", daemon=True)
            last_words.start()
            last_words.join(LAST_WORDS_S)
            self._end(HUNG_EXIT_CODE)
        self._suspected = hung

    def _watch(self) -> None:
        while not self._stopping.wait(self._check_every_s):
            self.check()


def _report(silent_s: float) -> None:
    logger.critical("The event loop has not turned for %.0f s: ending the process.", silent_s)
    faulthandler.dump_traceback()
