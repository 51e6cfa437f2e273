"""`compiled`: what numba turns into machine code, once a machine (it keeps the code in `__pycache__`).

NUMBA_DISABLE_JIT=1 leaves such functions as the Python they are written in: coverage and a debugger then see inside.
"""

from collections.abc import Callable
from typing import TypeVar, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Shorts = NDArray[np.int16]
Bytes = NDArray[np.uint8]
Bools = NDArray[np.bool_]

F = TypeVar("F", bound=Callable[..., object])


def compiled(function: F) -> F:
    """Compile `function` when it is first called; it lets go of the interpreter's lock while it runs."""
    return cast("F", njit(cache=True, nogil=True, error_model="numpy")(function))


def borrowing(function: F) -> F:
    """Compile `function`, which neither makes an array nor returns one: those it is given are its caller's to keep.

    So numba need not count who refers to them, which takes an atomic instruction wherever an array comes into a scope
    and one where it leaves: in small functions half of the time. A function that makes an array after all, as copying
    from one slice to another does, is a NumbaRuntimeError when it is compiled.
    """
    without_counting = njit(cache=True, nogil=True, error_model="numpy", _nrt=False)  # type: ignore[call-overload]
    return cast("F", without_counting(function))
