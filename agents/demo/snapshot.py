"""What there is to see at one moment of the demonstration: a frozen value, from which every view is drawn."""

from msgspec import Struct

from streams.decisions import Action


class CampaignSeen(Struct, frozen=True):
    """A campaign as its decisions tell of it: the members they named, the last action, and the reasons' sentences."""

    campaign_id: str
    accounts: int
    action: Action
    reasons: tuple[str, ...]


class Score(Struct, frozen=True):
    """Decisions against the truth, which a simulation knows. Accounts that have spoken so far; exchanges of event time.

    `passed` are the exchanges of campaign accounts before a decision limited their account.
    """

    campaign_accounts: int = 0
    caught: int = 0
    exchanges: int = 0
    passed: int = 0
    innocents: int = 0
    innocents_limited: int = 0
    look_alikes: int = 0
    look_alikes_limited: int = 0


class Work(Struct, frozen=True):
    """What the worker's metrics page says; all zero until it answers.

    `decision_seconds` are (upper bound, decisions up to it) of append-to-decision, as the histogram has them.
    """

    events: int = 0
    stage_records: int = 0
    lag: int = 0
    accounts: int = 0
    links: int = 0
    dead_letters: int = 0
    decisions: tuple[tuple[Action, int], ...] = ()
    decision_seconds: tuple[tuple[float, int], ...] = ()


class Snapshot(Struct, frozen=True):
    """One moment: `elapsed_s` after the servers were up, and `working_s` from the first event taken to the newest.

    `event_ms` is the event time that the worker has reached, `fed` how many events were produced for it.
    """

    elapsed_s: float
    working_s: float = 0.0
    work: Work = Work()
    score: Score = Score()
    event_ms: int | None = None
    fed: int = 0
    all_fed: bool = False
    events_per_s: float = 0.0
    alerts: int = 0
    campaign: CampaignSeen | None = None
    other_campaigns: int = 0


def quantile(buckets: tuple[tuple[float, int], ...], share: float) -> float | None:
    """The upper bound of the bucket in which `share` of all observations is reached; None without any.

    An upper bound, not an interpolation: what is said is then true, if coarse.
    """
    total = buckets[-1][1] if buckets else 0
    return next((bound for bound, count in buckets if total and count >= share * total), None)
