"""What the judge says, as values that are written as JSON and drawn as curves."""

from msgspec import Struct


class Interval(Struct, frozen=True):
    """A share with its exact 95 % interval (Clopper and Pearson, Biometrika 26, 1934): `count` of `of`."""

    count: int
    of: int
    share: float
    low: float
    high: float


class CampaignResult(Struct, frozen=True, kw_only=True):
    """One campaign. Shares are 0..1; minutes are None where it never came to that."""

    campaign_id: str
    label: str
    accounts: int
    exchanges: int
    """What it sent, and what it meant to send and could not, for want of an account that was not limited."""
    sent: int
    leaked: int
    """Exchanges of accounts that had not been limited yet."""
    extraction: int
    """Those of `exchanges` that the campaign is after: not unrelated customers', and not what hides the others."""
    extraction_leaked: int
    """Those of them that leaked."""
    first_day_exchanges: int
    """Those of `exchanges` of the 24 hours from its first on."""
    first_day_leaked: int
    """Those of them that leaked."""
    passed: int
    """Exchanges that the gateway let through: also within a throttle's limits, and after a limit ran out."""
    limited: int
    suspended: int
    minutes_from_first: float | None
    """From the campaign's first exchange to the first limit on one of its accounts."""
    minutes_from_evidence: float | None
    """The same from its 50th exchange: where evidence suffices."""
    minutes_to_alert: float | None
    """From the 50th exchange to the first decision about a campaign that names one of its accounts."""
    replacements: int
    """Accounts that spoke for the first time after the first limit."""
    relinked: int
    """Those of them that a decision names as members of a campaign that had named earlier accounts."""
    minutes_to_relink: float | None
    """The median over those, from their first exchange."""
    leakage: float
    """The share of exchanges that leaked."""
    recall: float
    """The share of accounts that were limited."""

    @property
    def extraction_leakage(self) -> float:
        """The share of what the campaign is after that leaked."""
        return self.extraction_leaked / self.extraction if self.extraction else 0.0

    @property
    def passed_share(self) -> float:
        """The share of exchanges that passed."""
        return self.passed / self.exchanges if self.exchanges else 0.0


class ClassResult(Struct, frozen=True, kw_only=True):
    """One class of innocents: the ordinary ones, or one kind of look-alike. The hardest action that befell each."""

    label: str
    accounts: int
    throttled: Interval
    challenged: Interval
    suspended: Interval
    limited: Interval
    """Any of the three."""


class Point(Struct, frozen=True):
    """A point of a curve: (recall, precision), or (minutes, share of accounts limited)."""

    x: float
    y: float


class ReliabilityBin(Struct, frozen=True):
    """The accounts with a score from `low` to `high` (exclusive, but for 1): their mean score, and who is guilty."""

    low: float
    high: float
    mean_score: float
    guilty: Interval


class Calibration(Struct, frozen=True):
    """Scores beside the truth, over the accounts about which there was a decision. Bins without accounts are left out.

    It holds for the share of guilty accounts there was in the run, which in simulations is not the real one.
    """

    accounts: int
    bins: tuple[ReliabilityBin, ...]
    error: float
    """The expected calibration error, 0..1."""
    brier: float
    """The Brier score, 0..1: the lower, the better."""


class Evaluation(Struct, frozen=True, kw_only=True):
    """Everything the judge says about one run."""

    records: int
    campaigns: tuple[CampaignResult, ...]
    innocents: tuple[ClassResult, ...]
    """The ordinary first, then each kind of look-alike, then all together under the label `all`."""
    limited: int
    """Accounts that were limited, guilty or not."""
    precision: float | None
    """The share of them that belong to a campaign; None if nobody was limited."""
    average_precision: float | None
    """The area under the precision-recall curve over accounts, by the highest score of a decision about each."""
    precision_recall: tuple[Point, ...]
    detection: dict[str, tuple[Point, ...]]
    """Of each campaign: minutes from an account's first exchange, and the share of accounts limited by then."""
    calibration: Calibration | None
    """Of the highest score of a decision about each account, whatever the action; None without a truth or decisions."""
