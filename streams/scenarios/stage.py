"""The stage a scenario plays on: its seed, its size, its day, and the opaque names of everyone on it.

Every random number of a scenario comes from a generator seeded from (seed, scenario, what it is for). So a scenario
plays the same whether it plays alone or beside others, and an account is the same person whoever asks first.
"""

from collections.abc import Iterator
from random import Random
from typing import Protocol

from msgspec import Struct

from streams.events import RequestRecord
from streams.scenarios.chance import digest, repeatable
from streams.scenarios.prompts import GRAMMAR, Prompts

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


class Cover(Truth, frozen=True):
    """The same, said with an exchange that is not what the campaign is after.

    An unrelated customer's, whose requests go through the same accounts, or one that hides the others.
    """


Script = Iterator[tuple[RequestRecord, Truth]]
"""What a scenario yields: records in order of time, each with the truth about its account or `Cover`."""


class Limits(Protocol):
    """Who is limited: what an attacker sees of the decisions, by being refused."""

    def limited(self, account_id: str, at_ms: int) -> bool:
        """Whether a request of the account at `at_ms` is refused or slowed."""

    def turned_away(self, campaign_id: str, at_ms: int, exchanges: float, cover: float = 0.0) -> None:
        """Note exchanges that a campaign meant to send and could not, for want of an account that is not limited.

        So many of them would have been `cover`.
        """


class Nobody:
    """Limits of a world that nobody watches."""

    def limited(self, _account_id: str, _at_ms: int) -> bool:
        """Tell that no account is limited."""
        return False

    def turned_away(self, campaign_id: str, at_ms: int, exchanges: float, cover: float = 0.0) -> None:
        """Forget it: nobody asks."""


class Sources(Struct, frozen=True):
    """Where prompts come from, and answers' sizes and the minutes of an hour if they are to come from real traffic."""

    innocent: Prompts = GRAMMAR
    extracted: Prompts = GRAMMAR
    """The questions that extractors put into their templates."""
    output_tokens: tuple[int, ...] = ()
    """Tokens of answers, one of which is drawn for each; drawn from a distribution of our own if there are none."""
    within_hour: tuple[float, ...] = ()
    """When in an hour requests come, as shares of it in order; evenly if there are none."""

    def moved(self, at_ms: int) -> int:
        """The time in the same hour at which as large a share of its requests has come by `within_hour`."""
        if not self.within_hour:
            return at_ms
        hour_ms, into_ms = at_ms // HOUR_MS * HOUR_MS, at_ms % HOUR_MS
        return hour_ms + int(HOUR_MS * self.within_hour[into_ms * len(self.within_hour) // HOUR_MS])


class Stage(Struct, frozen=True):
    """One scenario's name, seed, scale (1.0 is the size its docstring states), first millisecond and days.

    `limits` is who is limited while the scenario plays; campaigns that react look there before they send. At another
    `pace` than 1.0 innocents come that many times as often as their docstrings state; campaigns do not.
    """

    scenario: str
    seed: int
    scale: float
    start_ms: int
    days: float = 1
    sources: Sources = Sources()
    limits: Limits = Nobody()
    pace: float = 1.0

    @property
    def end_ms(self) -> int:
        """The end of the last simulated day (exclusive)."""
        return self.start_ms + round(self.days * DAY_MS)

    @property
    def window(self) -> tuple[int, int]:
        """The whole time that is simulated: start (inclusive) and end (exclusive)."""
        return self.start_ms, self.end_ms

    @property
    def release_ms(self) -> int:
        """When the provider releases a new model: in the middle of the time that is simulated."""
        return (self.start_ms + self.end_ms) // 2

    def size(self, at_scale_one: float) -> int:
        """How many of something there are at this scale: in proportion, and never fewer than one."""
        return max(1, round(at_scale_one * self.scale))

    def random(self, *purpose: str | int) -> Random:
        """A generator that depends on the seed, the scenario and `purpose` alone."""
        return repeatable(self.seed, self.scenario, *purpose)

    def account(self, number: int) -> str:
        """The id of the scenario's account of that number."""
        return self.opaque("account", number)

    def opaque(self, *purpose: str | int) -> str:
        """A name of 16 hexadecimal digits that tells neither the scenario nor the purpose it was made for."""
        return f"{digest(self.seed, self.scenario, *purpose):016x}"
