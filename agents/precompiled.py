"""Machine code that came with an image, for processes that may not write beside their own files.

numba keeps what it compiled only where it may write. An image has the code in a folder that nobody may write, and a
container has a folder of its own that begins empty: here the second begins as a copy of the first, so that a worker is
ready in a second and not in twenty. What the copy does not have is compiled, and kept in the second.
"""

import os
from pathlib import Path
from typing import Final

from numba.core.caching import UserProvidedCacheLocator

VARIABLE: Final = "STILLWATCH_PRECOMPILED"
"""Names the folder that an image has: what NUMBA_CACHE_DIR held once `agents.compiling.compile_all` had run."""


class Precompiled(UserProvidedCacheLocator):
    """Where numba keeps the code of one file; NUMBA_CACHE_LOCATOR_CLASSES names this class, NUMBA_CACHE_DIR the folder.

    It does nothing without both, and without `VARIABLE` what numba does by itself.
    """

    def ensure_cache_path(self) -> None:
        """Make the folder, and bring into it what the image has and it lacks. Raises OSError, as numba awaits it."""
        super().ensure_cache_path()  # type: ignore[no-untyped-call]  # numba ships no types
        own = Path(self.get_cache_path())  # type: ignore[no-untyped-call]
        shipped = os.environ.get(VARIABLE)
        if shipped:
            bring(Path(shipped, own.name), own)


def bring(shipped: Path, own: Path) -> None:
    """Copy the files that `own` lacks, each whole or not at all: other processes may do the same. Raises OSError."""
    if not shipped.is_dir():
        return
    for file in shipped.iterdir():
        copy = own / file.name
        if not copy.exists():
            fresh = own / f".{file.name}.{os.getpid()}"
            fresh.write_bytes(file.read_bytes())
            fresh.replace(copy)
