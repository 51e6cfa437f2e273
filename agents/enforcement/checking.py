"""What gateways' adapters ask of a gate, and what a gate asks of whoever counts requests."""

from typing import Protocol

from streams.decisions import Limits
from streams.enforcement import Ask, Room, Verdict


class Checker(Protocol):
    """Says what becomes of a request. It never raises, and answers within the operator's deadline."""

    async def check(self, ask: Ask) -> Verdict:
        """Answer; where a throttle is in force, by what all gateways together have let through."""
        ...

    def check_now(self, ask: Ask) -> Verdict:
        """Answer without any wait, by what this process knows and has leased."""
        ...


class Limiter(Protocol):
    """Counts requests and tokens of what is throttled. It never raises."""

    async def take(self, key: str, limits: Limits, tokens: int) -> Room:
        """Take one request of so many tokens out of what `limits` leave `key`, over all gateways."""
        ...

    def take_now(self, key: str, limits: Limits, tokens: int) -> Room:
        """The same without any wait: out of what is leased, or by this process alone."""
        ...
