"""What the judge keeps while a run goes on."""

from collections.abc import Collection

from msgspec import Struct, field

from streams.decisions import LADDER, Action, Decision


class Campaign(Struct):
    """What a campaign has done, and what was done about it.

    `first_day` are exchanges, sent or meant, and those that leaked, once a later day has begun.
    """

    campaign_id: str
    label: str
    members: dict[str, "Suspect"] = field(default_factory=dict)
    exchanges: int = 0
    leaked: int = 0
    cover: int = 0
    cover_leaked: int = 0
    passed: int = 0
    first_day: tuple[int, int] | None = None
    first_ms: int | None = None
    evidence_ms: int | None = None
    limited_ms: int | None = None
    alerted_ms: int | None = None

    def spoken(self) -> dict[str, "Suspect"]:
        """The members that have sent something."""
        return {name: it for name, it in self.members.items() if it.first_ms is not None}


class Suspect(Struct):
    """An account of a campaign."""

    campaign: Campaign
    first_ms: int | None = None
    replaces: bool = False
    linked_ms: int | None = None


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
