"""What the judge keeps while a run goes on."""

from collections.abc import Collection

from msgspec import Struct, field

from streams.decisions import LADDER, Action, Decision
from streams.enforcement import Ask
from streams.scenarios.stage import DAY_MS


class Campaign(Struct):
    """What a campaign has done, and what was done about it."""

    label: str
    members: dict[str, "Suspect"] = field(default_factory=dict)
    exchanges: int = 0
    leaked: int = 0
    cover: int = 0
    cover_leaked: int = 0
    passed: int = 0
    first_day: int = 0
    first_day_leaked: int = 0
    first_ms: int | None = None
    evidence_ms: int | None = None
    limited_ms: int | None = None
    alerted_ms: int | None = None

    def is_first_day(self, at_ms: int) -> bool:
        """Whether that is before its first exchange, or within 24 hours of it."""
        return self.first_ms is None or at_ms - self.first_ms < DAY_MS

    def spoken(self) -> dict[str, "Suspect"]:
        """The members that have sent something."""
        return {name: it for name, it in self.members.items() if it.first_ms is not None}


class TurnedAway(Struct):
    """What a campaign meant to send and could not; how much of it would have been cover, and how much its first day."""

    exchanges: float = 0.0
    cover: float = 0.0
    first_day: float = 0.0


class Suspect(Struct):
    """An account of a campaign. `pays` is what it asked last."""

    campaign: Campaign
    first_ms: int | None = None
    replaces: bool = False
    linked_ms: int | None = None
    pays: Ask | None = None


class Named(Struct):
    """Whom decisions about one campaign named so far, the campaigns these really belong to, and what befell all."""

    accounts: set[str] = field(default_factory=set)
    campaigns: set[int] = field(default_factory=set)
    score: float = 0.0
    hardest: int = 0

    def told(self, decision: Decision, *, limits: bool) -> Collection[str]:
        """Those to whom the decision does anything new: all if it is harder or surer than any before, else members."""
        hardness = LADDER.index(decision.action) if limits else 0
        is_news = hardness > self.hardest or decision.score > self.score
        self.accounts.update(decision.members)
        self.hardest, self.score = max(self.hardest, hardness), max(self.score, decision.score)
        return self.accounts if is_news else decision.members


class Decided(Struct):
    """An account that decisions are about."""

    score: float = 0.0
    limited_ms: int | None = None
    hardest: Action = "observe"
