"""Columns of integers as bytes: each in as few as its span takes. Compiled.

Frame of reference (Goldstein et al., "Compressing relations and indexes", ICDE 1998): how far each value is above the
smallest of its column. A block holds how many values each column has (4 bytes), and then of each column the smallest
(8 bytes, signed), how many bytes a distance takes (1 byte: 1, 2, 4 or 8), and the distances; all little-endian. A block
of columns without values is empty.
"""

from collections.abc import Sequence

import numpy as np

from streams.compiled import Bytes, Ints, borrowing, compiled

Columns = bytes

_COUNT_BYTES, _HEAD_BYTES, _WIDEST = 4, 9, 8


@compiled
def pack(columns: Ints, bounds: Ints) -> tuple[Bytes, Ints]:
    """Blocks of `columns`, one a row, each of the places `bounds[i]` to `bounds[i + 1]`; where each block begins."""
    rows, blocks = len(columns), len(bounds) - 1
    out = np.empty(blocks * (_COUNT_BYTES + _HEAD_BYTES * rows) + _WIDEST * columns.size, np.uint8)
    out_at = np.zeros(blocks + 1, np.int64)
    at = 0
    for block in range(blocks):
        first, end = bounds[block], bounds[block + 1]
        if end > first:
            at = _put(out, at, end - first, _COUNT_BYTES)
            for row in range(rows):
                at = _put_column(out, at, columns[row, first:end])
        out_at[block + 1] = at
    return out[:at], out_at


@borrowing
def _put_column(out: Bytes, at: int, values: Ints) -> int:
    least, most = values[0], values[0]
    for value in values:
        least, most = min(least, value), max(most, value)
    width = 1
    # As unsigned: the distance between two signed numbers of 64 bits may need all of them.
    while width < _WIDEST and np.uint64(most - least) >> np.uint64(8 * width):
        width *= 2
    at = _put(out, at, least, 8)
    out[at] = width
    at += 1
    for byte in range(width):  # byte by byte of all, not value by value: loops without a branch inside
        for place in range(len(values)):
            out[at + place * width + byte] = values[place] - least >> 8 * byte & 255
    return at + len(values) * width


@borrowing
def _put(out: Bytes, at: int, number: int, width: int) -> int:
    for byte in range(width):
        out[at + byte] = number >> 8 * byte & 255
    return at + width


@compiled
def unpack(block: Bytes, rows: int) -> Ints:
    """The columns of a block, one a row. Raises ValueError if it is not whole."""
    if len(block) == 0:
        return np.zeros((rows, 0), np.int64)
    if len(block) < _COUNT_BYTES:
        raise ValueError("a block of columns is cut short")
    count = int(_take(block, 0, _COUNT_BYTES))
    if len(block) < _COUNT_BYTES + rows * (_HEAD_BYTES + count):
        raise ValueError("a block of columns is cut short")
    columns = np.empty((rows, count), np.int64)
    at = _COUNT_BYTES
    for row in range(rows):
        if len(block) < at + _HEAD_BYTES:
            raise ValueError("a block of columns is cut short")
        least, width = _take(block, at, 8), int(block[at + 8])
        at += _HEAD_BYTES
        if width not in (1, 2, 4, 8):
            raise ValueError("a column does not begin as columns do")
        if len(block) < at + count * width:
            raise ValueError("a block of columns is cut short")
        _take_column(block, at, width, least, columns[row])
        at += count * width
    if at < len(block):
        raise ValueError("a block of columns goes on behind its end")
    return columns


@borrowing
def _take_column(block: Bytes, at: int, width: int, least: np.int64, values: Ints) -> None:
    values[:] = least
    for byte in range(width):
        for place in range(len(values)):
            values[place] += np.int64(block[at + place * width + byte]) << np.int64(8 * byte)


@borrowing
def _take(block: Bytes, at: int, width: int) -> np.int64:
    number = np.int64(0)
    for byte in range(width):
        number |= np.int64(block[at + byte]) << np.int64(8 * byte)
    return number


@borrowing
def is_within(values: Ints, least: int, end: int) -> bool:
    """True if all of `values` are at least `least` and below `end`."""
    for value in values:  # noqa: SIM110  numba knows no all() of a generator
        if not least <= value < end:
            return False
    return True


def block_of(columns: Sequence[Ints]) -> Columns:
    """One block of these columns, which have one length."""
    matrix = np.array(columns, np.int64).reshape(len(columns), -1)
    packed, _ = pack(matrix, np.array((0, matrix.shape[1]), np.int64))
    return packed.tobytes()


def columns_of(block: Columns, rows: int) -> Ints:
    """The columns of a block, one a row. Raises ValueError if it is not whole."""
    return unpack(np.frombuffer(block, np.uint8), rows)
