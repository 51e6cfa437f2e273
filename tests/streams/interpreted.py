"""Compiled modules as the Python they are written in: every index is checked then, and coverage sees every line.

The tests run what production runs, the machine code, and beside it this twin, and compare the two.
"""

from importlib.util import find_spec, module_from_spec
from types import ModuleType
from unittest.mock import patch

import numba


def interpreted(name: str) -> ModuleType:
    """A second copy of the module `name`, of which numba compiles nothing."""
    spec = find_spec(name)
    if spec is None or spec.loader is None:
        raise ImportError(name)
    module = module_from_spec(spec)
    with patch.object(numba.config, "DISABLE_JIT", new=True):
        spec.loader.exec_module(module)
    return module
