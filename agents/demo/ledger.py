"""The ledger: decisions held against the truth that only a simulation has."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable

from agents.demo.snapshot import CampaignSeen, Score
from streams.decisions import LIMITING, Action, Decision, Reason
from streams.scenarios import Truth

LOOK_ALIKE = "look_alike:"


class Ledger:
    """Who everybody is, who was limited and when, and which campaigns were decided about."""

    def __init__(self) -> None:
        self._truths: dict[str, Truth] = {}
        self._exchanges: dict[str, list[int]] = {}
        self._limited_ms: dict[str, int] = {}
        self._campaigns: dict[str, _Campaign] = {}

    def meet(self, accounts: Iterable[Truth], exchanges: Iterable[tuple[str, int]]) -> None:
        """Note who spoke for the first time, and each request of a campaign in order of event time."""
        for truth in accounts:
            self._truths[truth.account_id] = truth
        for account_id, at_ms in exchanges:
            self._exchanges.setdefault(account_id, []).append(at_ms)

    def take(self, decision: Decision) -> None:
        """Apply one decision as a gateway would; a shadow decision limits nobody."""
        limits = decision.action in LIMITING and not decision.shadow
        if decision.subject_kind == "account" and limits:
            self._limit([decision.subject_id], decision.decided_at_ms)
        if decision.subject_kind == "campaign":
            campaign = self._campaigns.setdefault(decision.subject_id, _Campaign())
            campaign.members.update(decision.members)
            campaign.action, campaign.reasons = decision.action, decision.reasons or campaign.reasons
            if limits:
                self._limit(campaign.members, decision.decided_at_ms)

    def score(self) -> Score:
        """How things stand."""
        campaign = {name for name, truth in self._truths.items() if truth.campaign_id is not None}
        kinds = Counter(_kind(truth) for truth in self._truths.values())
        limited = Counter(_kind(self._truths[name]) for name in self._limited_ms if name in self._truths)
        return Score(
            campaign_accounts=kinds["campaign"],
            caught=limited["campaign"],
            exchanges=sum(map(len, self._exchanges.values())),
            passed=sum(map(self._passed, campaign)),
            innocents=kinds["ordinary"] + kinds["look_alike"],
            innocents_limited=limited["ordinary"] + limited["look_alike"],
            look_alikes=kinds["look_alike"],
            look_alikes_limited=limited["look_alike"],
        )

    def campaigns(self) -> tuple[CampaignSeen, ...]:
        """The campaigns that are not released, the one with most members first."""
        standing = [(name, it) for name, it in self._campaigns.items() if it.action != "release"]
        standing.sort(key=lambda pair: (-len(pair[1].members), pair[0]))
        return tuple(
            CampaignSeen(name, len(it.members), it.action, tuple(reason.sentence for reason in it.reasons))
            for name, it in standing
        )

    def _limit(self, accounts: Iterable[str], at_ms: int) -> None:
        for account_id in accounts:
            self._limited_ms.setdefault(account_id, at_ms)

    def _passed(self, account_id: str) -> int:
        times = self._exchanges.get(account_id, [])
        limited_ms = self._limited_ms.get(account_id)
        return len(times) if limited_ms is None else bisect_left(times, limited_ms)


class _Campaign:
    """What the decisions about one campaign said so far."""

    __slots__ = ("action", "members", "reasons")

    def __init__(self) -> None:
        self.members: set[str] = set()
        self.action: Action = "observe"
        self.reasons: tuple[Reason, ...] = ()


def _kind(truth: Truth) -> str:
    if truth.campaign_id is not None:
        return "campaign"
    return "look_alike" if truth.label.startswith(LOOK_ALIKE) else "ordinary"
