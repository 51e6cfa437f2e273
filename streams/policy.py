"""The policy: what counts as a reason, how much, and what follows. Read from TOML; every key has a shipped value.

Scores are probabilities, made from log-odds: a ladder's `prior` plus, of each family, the weight of the strongest
signal that fired (I. J. Good, *Probability and the Weighing of Evidence*, 1950: independent evidence adds in log-odds,
and signals of one family are not independent). A rung also asks for a number of families.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import Meta, Struct, field

from streams.decisions import Action, Family
from streams.events import Id64, Id128
from streams.policy_lines import Path, Reading, read, written
from streams.policy_shape import Misfit, misfits
from streams.policy_signals import SIGNALS, THRESHOLD_RANGES, SignalPolicy
from streams.windows import DAY_MS

LONGEST_EXPIRY_HOURS, LONGEST_EXPIRY_MS = 28 * 24, 28 * DAY_MS
"""No decision outlives the 28 day-buckets of the windows it was made from."""

FEWEST_FAMILIES_TO_SUSPEND = 2
"""One family of signals alone never suspends: each has an innocent explanation."""
FEWEST_ACCOUNTS_IN_A_CAMPAIGN = 2

Score = Annotated[float, Meta(gt=0, lt=1)]
Families = Annotated[int, Meta(ge=1, le=len(get_args(Family)))]
ExpiryHours = Annotated[int, Meta(ge=1, le=LONGEST_EXPIRY_HOURS)]
LogOdds = Annotated[float, Meta(ge=-20, le=20)]
Quota = Annotated[int, Meta(ge=0, le=10**9)]
WindowMinutes = Annotated[int, Meta(ge=1, le=24 * 60)]
Positive = Annotated[int, Meta(ge=1, le=1_000_000)]
ExemptDays = Annotated[int, Meta(ge=1, le=LONGEST_EXPIRY_HOURS // 24)]
ModelUse = Literal["off", "shadow", "on"]
Fail = Literal["open", "closed"]
Deadline = Annotated[float, Meta(gt=0, le=1000)]
Times = Annotated[int, Meta(ge=1, le=100)]
AccountCap = Annotated[int, Meta(ge=0, le=10**7)]
Similarity = Annotated[float, Meta(ge=0.3, le=1)]


class Rung(Struct, frozen=True):
    """One step of a ladder: taken from this `score` and this many `families`; gone after `expires_hours`.

    Only throttle has `requests` and `tokens`: what stays allowed in each window of `window_minutes`.
    """

    score: Score
    families: Families
    expires_hours: ExpiryHours
    requests: Quota | None = None
    tokens: Quota | None = None
    window_minutes: WindowMinutes | None = None


class Ladder(Struct, frozen=True):
    """What follows from a score. `prior`: log-odds before any reason. What follows the rungs is for campaigns.

    `minimum_accounts` and `alert_accounts` are accounts; `similar` is from which similarity on a request in other words
    is limited with a template of the campaign, 1 for the same words only; `template_hours`: so long at least it is.
    """

    prior: LogOdds
    observe: Rung
    throttle: Rung
    challenge: Rung
    suspend: Rung
    minimum_accounts: Positive = 1
    alert_accounts: Positive = 1
    similar: Similarity = 1.0
    template_hours: ExpiryHours = 1

    @property
    def rungs(self) -> tuple[tuple[Action, Rung], ...]:
        """The four rungs from the mildest to the hardest, each with the action it leads to."""
        return (
            ("observe", self.observe),
            ("throttle", self.throttle),
            ("challenge", self.challenge),
            ("suspend", self.suspend),
        )


class Allowlist(Struct, frozen=True):
    """Who is never decided against, though still watched. `payments` holds payment hashes."""

    accounts: frozenset[Id128] = frozenset()
    organisations: frozenset[Id128] = frozenset()
    payments: frozenset[Id128] = frozenset()


class BlastRadius(Struct, frozen=True):
    """How many accounts the decisions of one event-time hour may newly limit, account and campaign decisions each.

    Those that suspend a campaign, which takes the strongest evidence there is, may limit `suspended_per_hour`.
    """

    accounts_per_hour: AccountCap = 2000
    suspended_per_hour: AccountCap = 20_000


class Evaluation(Struct, frozen=True):
    """When an account is looked at again: at `first_at` events, at each doubling, from `every` on every `every`."""

    first_at: Positive = 6
    every: Positive = 64


class FeedbackPolicy(Struct, frozen=True):
    """What follows from a reviewer's verdict: who is innocent is not limited for `exempt_days`.

    What is in force against somebody confirmed stays for `extend_times` the time of its rung, though never for more
    than `LONGEST_EXPIRY_HOURS`. `model` is what the model that learns from verdicts may do: nothing at all, be
    measured, or soften what is decided about campaigns.
    """

    exempt_days: ExemptDays = 28
    extend_times: Times = 4
    model: ModelUse = "shadow"


class EnforcementPolicy(Struct, frozen=True):
    """What `stillwatch enforce` does by itself at a gateway.

    `fail`: requests while it cannot know pass (open) or are refused (closed). An answer takes at most `deadline_ms`.
    The last two are its own breaker: so many may newly be limited in an hour of event time; the rest wait for the next.
    """

    fail: Fail = "open"
    deadline_ms: Deadline = 5
    accounts_per_hour: AccountCap = 30_000
    templates_per_hour: AccountCap = 1_000


ACCOUNT_LADDER = Ladder(
    prior=-6.0,
    observe=Rung(score=0.30, families=1, expires_hours=24),
    throttle=Rung(score=0.60, families=2, expires_hours=6, requests=30, tokens=60_000, window_minutes=60),
    challenge=Rung(score=0.85, families=3, expires_hours=12),
    suspend=Rung(score=0.97, families=4, expires_hours=72),
)
CAMPAIGN_LADDER = Ladder(
    prior=-4.0,
    minimum_accounts=5,
    alert_accounts=20,
    similar=0.5,
    template_hours=168,
    observe=Rung(score=0.30, families=1, expires_hours=24),
    throttle=Rung(score=0.60, families=2, expires_hours=6, requests=30, tokens=60_000, window_minutes=60),
    challenge=Rung(score=0.85, families=3, expires_hours=12),
    suspend=Rung(score=0.97, families=3, expires_hours=72),
)


class Policy(Struct, frozen=True):
    """The whole policy; `signals` has every known name. With `shadow` decisions are marked and nobody enforces them."""

    version: Id64 = "2026-11-30.1"
    shadow: bool = False
    allowlist: Allowlist = Allowlist()
    blast_radius: BlastRadius = BlastRadius()
    evaluation: Evaluation = Evaluation()
    feedback: FeedbackPolicy = FeedbackPolicy()
    enforcement: EnforcementPolicy = EnforcementPolicy()
    signals: Mapping[str, SignalPolicy] = field(default_factory=lambda: SIGNALS)
    account: Ladder = ACCOUNT_LADDER
    campaign: Ladder = CAMPAIGN_LADDER

    def __post_init__(self) -> None:
        """Freeze the mapping too; a caller who gives a dict keeps no hold on it."""
        msgspec.structs.force_setattr(self, "signals", MappingProxyType(dict(self.signals)))


DEFAULT_POLICY = Policy()
"""What deploy/policy.toml says, for when there is no file."""

_LIMITS = ("requests", "tokens", "window_minutes")
_SHIPPED: dict[str, Any] = msgspec.to_builtins(DEFAULT_POLICY, enc_hook=dict)


class Problem(Struct, frozen=True):
    """One mistake in a policy file: the line it is on, from 1, and a sentence for the person who wrote it."""

    line: int
    sentence: str


class PolicyError(Exception):
    """The policy cannot be used. `problems` lists every mistake, in the order of the file."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        """Make the message one line a problem."""
        super().__init__("\n".join(f"line {problem.line}: {problem.sentence}" for problem in problems))
        self.problems = problems


def load_policy(text: str) -> Policy:
    """Read a policy from TOML; what it leaves out has its shipped value. Raises `PolicyError` with every mistake."""
    reading = read(text)
    found = [*misfits(reading.table, Policy, _SHIPPED)]
    sound = _without(reading.table, {misfit.path for misfit in found}, ())
    policy: Policy = msgspec.convert(_merged(_SHIPPED, sound), Policy)
    draft = _Draft(policy, frozenset(reading.lines), frozenset(misfit.path for misfit in found))
    found += _broken_rules(draft)
    if not reading.mistakes:  # what seems to be missing may stand in a statement that was left out
        found += _left_unsaid(draft)
    problems = [Problem(mistake.line, mistake.sentence) for mistake in reading.mistakes]
    problems += [Problem(_line(misfit.path, reading), misfit.sentence) for misfit in found]
    if problems:
        raise PolicyError(tuple(sorted(problems, key=lambda problem: problem.line)))
    return policy


def _line(path: Path, reading: Reading) -> int:
    """Return the line of `path`, or of the nearest table around it where it is a missing key."""
    return next((reading.lines[path[:end]] for end in range(len(path), 0, -1) if path[:end] in reading.lines), 1)


def _merged(shipped: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    both = {key: _merged(shipped[key], value) for key, value in given.items() if isinstance(value, dict)}
    return {**shipped, **given, **both}


def _without(table: dict[str, Any], refused: set[Path], path: Path) -> dict[str, Any]:
    """Return `table` less every key that is refused or holds a list with a refused item."""
    kept = {}
    for key, value in table.items():
        here = (*path, key)
        if isinstance(value, dict) and here not in refused:
            kept[key] = _without(value, refused, here)
        elif not any(place[: len(here)] == here for place in refused):
            kept[key] = value
    return kept


class _Draft(Struct, frozen=True):
    """A policy whose values fit one by one, the paths that its text gives, and those refused and since replaced."""

    policy: Policy
    given: frozenset[Path]
    refused: frozenset[Path]

    def blame(self, *paths: Path) -> Path | None:
        """Return the first path that the text gives, or None where one was refused already: once is enough."""
        return None if self.refused & {*paths} else next((path for path in paths if path in self.given), None)


def _broken_rules(draft: _Draft) -> Iterator[Misfit]:
    """Yield what is wrong between values that are right by themselves."""
    policy = draft.policy
    if not policy.version.strip():
        yield Misfit(("version",), "version must not be blank: it goes into every decision.")
    place = draft.blame(("evaluation", "first_at"), ("evaluation", "every"))
    if place and policy.evaluation.first_at > policy.evaluation.every:
        yield Misfit(place, "evaluation.first_at must not be above evaluation.every.")
    for name, (lowest, highest) in THRESHOLD_RANGES.items():
        threshold = policy.signals[name].threshold
        if not lowest <= threshold <= highest:
            outcome = "always fires" if threshold < lowest else "never fires"
            sentence = f"must be from {lowest} to {highest}; at {threshold:g} it {outcome}."
            yield Misfit(("signals", name, "threshold"), f"signals.{name}.threshold {sentence}")
    yield from _broken_rungs("account", policy.account, draft)
    yield from _broken_rungs("campaign", policy.campaign, draft)
    yield from _broken_sizes(policy, draft)


def _broken_sizes(policy: Policy, draft: _Draft) -> Iterator[Misfit]:
    for key in ("minimum_accounts", "alert_accounts", "similar", "template_hours"):
        if ("account", key) in draft.given:
            yield Misfit(("account", key), f"account.{key} means nothing: only campaigns have it.")
    if policy.campaign.minimum_accounts < FEWEST_ACCOUNTS_IN_A_CAMPAIGN:
        path = ("campaign", "minimum_accounts")
        yield Misfit(path, f"campaign.minimum_accounts must be at least {FEWEST_ACCOUNTS_IN_A_CAMPAIGN}.")


def _broken_rungs(name: str, ladder: Ladder, draft: _Draft) -> Iterator[Misfit]:
    for (milder_action, milder), (action, rung) in zip(ladder.rungs, ladder.rungs[1:], strict=False):
        place = draft.blame((name, action, "score"), (name, milder_action, "score"))
        if place and rung.score <= milder.score:
            sentence = f"must be above {name}.{milder_action}.score ({milder.score:g}), not {rung.score:g}."
            yield Misfit(place, f"{name}.{action}.score {sentence}")
    if ladder.suspend.families < FEWEST_FAMILIES_TO_SUSPEND:
        path = (name, "suspend", "families")
        yield Misfit(path, f"{written(path)} must be at least {FEWEST_FAMILIES_TO_SUSPEND}: one never suspends alone.")
    for action, key in ((action, key) for action, _ in ladder.rungs for key in _LIMITS):
        if action != "throttle" and (name, action, key) in draft.given:
            yield Misfit((name, action, key), f"{name}.{action}.{key} means nothing: only throttle has limits.")


def _left_unsaid(draft: _Draft) -> Iterator[Misfit]:
    """Yield what a rung that is written out must say for itself: how long it lasts, and a throttle its limits."""
    for ladder in ("account", "campaign"):
        for action, _ in ACCOUNT_LADDER.rungs:
            needed = ("expires_hours", *_LIMITS) if action == "throttle" else ("expires_hours",)
            for key in needed if draft.blame((ladder, action)) else ():
                if (path := (ladder, action, key)) not in draft.given:
                    yield Misfit(path, f"{ladder}.{action} lacks {key}: a rung that is written out must have it.")
