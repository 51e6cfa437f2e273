"""`compiled`: what numba turns into machine code, once a machine (it keeps the code in `__pycache__`).

NUMBA_DISABLE_JIT=1 leaves such functions as the Python they are written in: coverage and a debugger then see inside.
"""

from collections.abc import Callable
from typing import TypeVar, cast

from numba import njit

F = TypeVar("F", bound=Callable[..., object])


def compiled(function: F) -> F:
    """Compile `function` when it is first called; it lets go of the interpreter's lock while it runs."""
    return cast("F", njit(cache=True, nogil=True, error_model="numpy")(function))
