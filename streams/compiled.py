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
Bytes = NDArray[np.uint8]
Bools = NDArray[np.bool_]

F = TypeVar("F", bound=Callable[..., object])


def compiled(function: F) -> F:
    """Compile `function` when it is first called; it lets go of the interpreter's lock while it runs."""
    return cast("F", njit(cache=True, nogil=True, error_model="numpy")(function))
