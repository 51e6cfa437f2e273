"""What a gate asks of whoever counts the requests of what is throttled."""

from typing import Protocol

from streams.decisions import Limits
from streams.enforcement import Room


class Limiter(Protocol):
    """Counts requests and tokens of what is throttled. It never raises, and answers within the operator's deadline."""

    async def take(self, key: str, limits: Limits, tokens: int) -> Room:
        """Take one request of so many tokens out of what `limits` leave `key`, over all gateways."""
        ...

    def take_now(self, key: str, limits: Limits, tokens: int) -> Room:
        """The same without any wait: out of what is leased, or by this process alone."""
        ...
