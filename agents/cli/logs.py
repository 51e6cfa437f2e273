"""Where a command that goes on until it is stopped says what happens."""

import logging
import sys


def log_to_stderr(level: int) -> None:
    """Log from `level` on; where that is not only what goes wrong, with the name of who says it."""
    name = " %(name)s:" if level < logging.WARNING else ""
    logging.basicConfig(stream=sys.stderr, level=level, format=f"%(asctime)s %(levelname)s{name} %(message)s")
