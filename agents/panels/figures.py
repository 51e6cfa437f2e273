"""Numbers as people read them, and round numbers for an axis."""

import math
from collections.abc import Sequence
from typing import Final

from agents.panels.shape import Unit

NOTHING: Final = "–"
MINUTE_S, HOUR_S, DAY_S = 60, 3_600, 86_400
_PREFIXES: Final = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
_BYTES: Final = ((2.0**40, "TiB"), (2.0**30, "GiB"), (2.0**20, "MiB"), (2.0**10, "KiB"))
_TIMES: Final = ((2 * DAY_S, DAY_S, "d"), (2 * HOUR_S, HOUR_S, "h"), (2 * MINUTE_S, MINUTE_S, "min"), (1, 1, "s"))
_ROUND: Final = (1, 2, 2.5, 5, 10)


def said(value: float, unit: Unit) -> str:
    """A value with its unit, three digits of it, of a number that is counted two; a dash for what is no number.

    >>> said(0.0123, "seconds"), said(5400, "seconds"), said(0.0512, "share"), said(1234567, "number")
    ('12.3 ms', '90 min', '5.12 %', '1.23 M')
    """
    if not math.isfinite(value):
        return NOTHING if math.isnan(value) else "∞"
    match unit:
        case "seconds":
            return _seconds(value)
        case "share":
            return f"{_digits(100 * value)} %"
        case "bytes":
            return _scaled(value, _BYTES) or f"{_digits(value)} B"
        case "number":
            return _scaled(value, _PREFIXES) or _digits(value, 2)
        case "nats" | "per_second":
            return (_scaled(value, _PREFIXES) or _digits(value)) + ("/s" if unit == "per_second" else "")


def ticks(largest: float, unit: Unit, most: int = 4) -> Sequence[float]:
    """Round numbers from 0 on, at most `most` + 1 of them, of which the last is not below `largest`."""
    if not largest > 0 or math.isinf(largest):
        largest = 1.0
    if unit == "share" and largest > 0.5:  # noqa: PLR2004  from here on the whole is nearer than a round number
        return tuple(it / most for it in range(most + 1))
    scale = 1.0
    if unit == "bytes":
        scale = next((size for size, _ in _BYTES if largest >= size), 1.0)
    elif unit == "seconds":
        scale = next((float(size) for least, size, _ in _TIMES if largest >= least), 1.0)
    step = largest / scale / most
    power = 10.0 ** math.floor(math.log10(step))
    step = next(it * power for it in _ROUND if it * power >= step * (1 - 1e-9))
    count = math.ceil(largest / scale / step * (1 - 2e-9))
    return tuple(it * step * scale for it in range(count + 1))


def _seconds(value: float) -> str:
    for least, size, word in _TIMES:
        if abs(value) >= least:
            return f"{_digits(value / size)} {word}"
    if value == 0:
        return "0 s"
    return f"{_digits(1e3 * value)} ms" if abs(value) >= 1e-3 else f"{_digits(1e6 * value)} µs"  # noqa: PLR2004


def _scaled(value: float, scales: Sequence[tuple[float, str]]) -> str:
    """The value with the largest prefix that leaves it at least 1; empty if none does."""
    return next((f"{_digits(value / size)} {word}" for size, word in scales if abs(value) >= size), "")


def _digits(value: float, count: int = 3) -> str:
    """So many digits and all before the point, without zeros at the end, and never a power of ten."""
    if value == 0 or not math.isfinite(value):
        return "0"
    decimals = max(0, min(6, count - 1 - math.floor(math.log10(abs(value)))))
    text = f"{value:.{decimals}f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text) or "0"
