"""Moments as people write them on a command line."""

from datetime import UTC, datetime

from agents.cli.failing import UnusableError


def milliseconds(option: str, text: str) -> int:
    """The moment that an option says, ISO 8601 and UTC unless it says otherwise. Raises UnusableError."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise UnusableError(f"{option} {text} is no time; write one as 2026-10-05T12:00:00") from error
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
