"""Who answers what becomes of a request, and what is answered where nobody can."""

from collections.abc import Mapping
from typing import Final, Literal, Protocol

from streams.enforcement import Ask, Verdict

Fail = Literal["open", "closed"]
"""What becomes of a request about which nobody could be asked: it passes, or it is refused until somebody can."""

RETRY_MS: Final = 1_000
"""When a request that was refused for that reason may come again."""

UNKNOWN: Final[Mapping[Fail, Verdict]] = {
    "open": Verdict(is_static=True),
    "closed": Verdict("suspend", is_static=True, retry_after_ms=RETRY_MS),
}
"""What is answered then."""


class Checker(Protocol):
    """Answers within its deadline and never raises; who made it said what it answers when it does not know."""

    async def check(self, ask: Ask) -> Verdict:
        """What becomes of a request."""
        ...

    def check_now(self, ask: Ask) -> Verdict:
        """The same without any wait, from what this process knows."""
        ...
