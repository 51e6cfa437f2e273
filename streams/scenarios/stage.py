"""The stage a scenario plays on: its seed, its size, its day, and the opaque names of everyone on it.

Every random number of a scenario comes from a generator seeded from (seed, scenario, what it is for). So a scenario
plays the same whether it plays alone or beside others, and an account is the same person whoever asks first.
"""

from collections.abc import Iterator
from hashlib import blake2b
from random import Random

from msgspec import Struct

from streams.events import RequestRecord

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS


class Truth(Struct, frozen=True):
    """What an account really is; never part of a record.

    `label` is `benign`, `look_alike:<scenario>` or `campaign:<scenario>`; `campaign_id` ties a campaign's accounts.
    """

    account_id: str
    label: str
    campaign_id: str | None = None


Script = Iterator[tuple[RequestRecord, Truth]]
"""What a scenario yields: records in order of time, each with the truth about its account."""


class Stage(Struct, frozen=True):
    """One scenario's name, seed, scale (1.0 is the size its docstring states) and first millisecond."""

    scenario: str
    seed: int
    scale: float
    start_ms: int

    @property
    def end_ms(self) -> int:
        """The end of the simulated day (exclusive)."""
        return self.start_ms + DAY_MS

    def size(self, at_scale_one: float) -> int:
        """How many of something there are at this scale: in proportion, and never fewer than one."""
        return max(1, round(at_scale_one * self.scale))

    def random(self, *purpose: str | int) -> Random:
        """A generator that depends on the seed, the scenario and `purpose` alone."""
        return repeatable(self.seed, self.scenario, *purpose)

    def opaque(self, *purpose: str | int) -> str:
        """A name of 16 hexadecimal digits that tells neither the scenario nor the purpose it was made for."""
        return f"{_digest(self.seed, self.scenario, *purpose):016x}"


def repeatable(*words: str | int) -> Random:
    """A generator that gives the same numbers for the same words, in every process and on every machine."""
    return Random(_digest(*words))  # noqa: S311 - a simulation has to be repeatable, not unguessable


def _digest(*words: str | int) -> int:
    return int.from_bytes(blake2b("\x1f".join(map(str, words)).encode(), digest_size=8).digest(), "big")
