"""The windows of the plain job as Stillwatch folds them: a batch in columns, in compiled loops, into stored bytes.

A stored window is 32-bit integers: the newest minute, whether it is above the limit, and then minute, requests and
output tokens of each bucket, oldest first. A network's is the same without tokens.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from streams.batch import Table
from streams.compiled import borrowing, compiled
from tests.benchmarks.plain.job import BUCKETS

Ints = NDArray[np.int64]
Words = NDArray[np.int32]

NO_LIMIT = 2**62
NEWEST, ABOVE, SIZE, TOTAL = range(4)
_HEAD, _BUCKET = 2, 3


@compiled
def fold_windows(
    order: Ints, starts: Ints, minutes: Ints, tokens: Ints, old: Words, old_at: Ints, limit: int
) -> tuple[Words, Ints, Ints]:
    """Fold events into windows: subject j has events `order[starts[j]:starts[j + 1]]` and words `old[old_at[j]:...]`.

    The new words, where each subject's begin, and of each alert its event and what the window held with it.
    """
    subjects = len(starts) - 1
    out = np.empty(len(old) + subjects * _HEAD + len(order) * _BUCKET, np.int32)
    out_at = np.zeros(subjects + 1, np.int64)
    alerts = np.empty((len(order), 2), np.int64)
    window, rows = np.zeros(4, np.int64), np.zeros((2 * BUCKETS, _BUCKET), np.int64)
    due = at = 0
    for subject in range(subjects):
        _read(old, old_at[subject], old_at[subject + 1], window, rows)
        for event in order[starts[subject] : starts[subject + 1]]:
            _add(window, rows, minutes[event], tokens[event])
            if window[TOTAL] <= limit:
                window[ABOVE] = 0
            elif window[ABOVE] == 0:
                window[ABOVE] = 1
                alerts[due, 0], alerts[due, 1] = event, window[TOTAL]
                due += 1
        at = _write(out, at, window, rows)
        out_at[subject + 1] = at
    return out, out_at, alerts[:due]


@borrowing
def _read(old: Words, at: int, end: int, window: Ints, rows: Ints) -> None:
    window[:] = 0
    if at == end:
        return
    window[NEWEST], window[ABOVE] = old[at], old[at + 1]
    for start in range(at + _HEAD, end, _BUCKET):
        for column in range(_BUCKET):
            rows[window[SIZE], column] = old[start + column]
        window[TOTAL] += old[start + 2]
        window[SIZE] += 1


@borrowing
def _add(window: Ints, rows: Ints, minute: int, tokens: int) -> None:
    """Count one event, unless its bucket is gone."""
    if minute > window[NEWEST]:
        window[NEWEST] = minute
        _expire(window, rows, minute - BUCKETS)
    row = window[SIZE]
    while row > 0 and rows[row - 1, 0] >= minute:
        row -= 1
    if row == window[SIZE] or rows[row, 0] != minute:
        if minute <= window[NEWEST] - BUCKETS:
            return
        for later in range(window[SIZE], row, -1):
            _move(rows, later - 1, later)
        rows[row, 0], rows[row, 1], rows[row, 2] = minute, 0, 0
        window[SIZE] += 1
    rows[row, 1] += 1
    rows[row, 2] += tokens
    window[TOTAL] += tokens


@borrowing
def _move(rows: Ints, row: int, to: int) -> None:
    for column in range(_BUCKET):
        rows[to, column] = rows[row, column]


@borrowing
def _expire(window: Ints, rows: Ints, last: int) -> None:
    """Drop the buckets up to minute `last`."""
    gone = 0
    while gone < window[SIZE] and rows[gone, 0] <= last:
        window[TOTAL] -= rows[gone, 2]
        gone += 1
    if gone > 0:
        for row in range(gone, window[SIZE]):
            _move(rows, row, row - gone)
        window[SIZE] -= gone


@borrowing
def _write(out: Words, at: int, window: Ints, rows: Ints) -> int:
    """Write the window; where the next one begins."""
    out[at], out[at + 1] = window[NEWEST], window[ABOVE]
    at += _HEAD
    for row in range(window[SIZE]):
        for column in range(_BUCKET):
            out[at + column] = rows[row, column]
        at += _BUCKET
    return at


class Subjects:
    """The accounts, or the networks, of a batch: their keys, each once, and of each event the place of its own."""

    def __init__(self, prefix: str, names: Sequence[str]) -> None:
        """`names` has an entry an event."""
        table: Table[str] = Table()
        table.note(names)
        self.keys = [prefix + name for name in table.values]
        self._place = table.places

    def fold(
        self, minutes: Ints, tokens: Ints, stored: Mapping[str, bytes], limit: int
    ) -> tuple[dict[str, bytes], list[list[int]]]:
        """The windows after the batch, by key, and of each alert its event and what the window held with it."""
        order = np.argsort(self._place, kind="stable")
        starts = np.searchsorted(self._place[order], np.arange(len(self.keys) + 1))
        old = [stored[key] for key in self.keys]
        ends = np.cumsum([0, *map(len, old)])
        words = np.frombuffer(b"".join(old), np.int32)
        folded, at, alerts = fold_windows(order, starts, minutes, tokens, words, ends // words.itemsize, limit)
        text, begins = folded[: at[-1]].tobytes(), (at * words.itemsize).tolist()
        windows = {key: text[begins[place] : begins[place + 1]] for place, key in enumerate(self.keys)}
        return windows, alerts.tolist()


def buckets_of(window: bytes) -> dict[int, tuple[int, int]]:
    """Minute to requests and output tokens."""
    rows = np.frombuffer(window, np.int32)[_HEAD:].reshape(-1, _BUCKET).tolist()
    return {minute: (requests, tokens) for minute, requests, tokens in rows}
