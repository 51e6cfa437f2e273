"""The table that the suite ends with: fault, events, lost, counted twice, seconds to recover."""

import math
from collections.abc import Iterator, Sequence

from msgspec import Struct

HEADINGS = ("fault", "events", "lost", "counted twice", "seconds to recover", "remarks")


class Row(Struct, frozen=True):
    """One fault and what it cost.

    `seconds` is from the healing of the fault to all consequences of all events; infinite if they never came.
    """

    fault: str
    events: int
    lost: int
    twice: int
    seconds: float
    remarks: str = ""

    def cells(self) -> tuple[str, ...]:
        seconds = "never" if math.isinf(self.seconds) else f"{self.seconds:.1f}"
        return (self.fault, f"{self.events:,}", f"{self.lost:,}", f"{self.twice:,}", seconds, self.remarks)


ROWS: list[Row] = []
"""Of this session, in the order they were measured."""


def lines(rows: Sequence[Row]) -> Iterator[str]:
    """The rows under their headings; the figures right-aligned."""
    cells = [HEADINGS, *(row.cells() for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(HEADINGS))]
    for number, row in enumerate(cells):
        yield "  ".join(
            cell.rjust(width) if 0 < column < len(HEADINGS) - 1 else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        if number == 0:
            yield "  ".join("-" * width for width in widths)
