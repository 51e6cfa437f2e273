"""The address that a command listens on."""

from agents.cli.failing import UnusableError
from agents.settings import LARGEST_NUMBER


def address(text: str, example: str) -> tuple[str, int]:
    """Host and port that --http says. Raises UnusableError for what is none."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > LARGEST_NUMBER:
        raise UnusableError(f"--http takes an address like {example}, not {text!r}.")
    return host.strip("[]"), int(port)
