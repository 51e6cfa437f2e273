"""Files that only their owner can read."""

import os


def owner_only(path: str, flags: int) -> int:
    """An `opener` for `open`: a file that it makes is its owner's alone. Raises OSError."""
    return os.open(path, flags, 0o600)
