"""What is left of the detector where something is taken away, or is otherwise than it was made for."""

from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor
from functools import partial
from itertools import combinations, dropwhile, takewhile

from msgspec import Struct
from msgspec.structs import replace

from streams.decisions import Family
from streams.evaluation import Evaluation
from streams.policy import DEFAULT_POLICY
from streams.scenarios import CAMPAIGNS, MONDAY_MS, SCENARIOS, Scenario, Script, Stage, play
from streams.scenarios.adaptive import BLUNT, Tactics, adaptive
from streams.scenarios.people import NEW_MODEL
from streams.scenarios.stage import DAY_MS, HOUR_MS, MINUTE_MS
from tests.evaluation.drift import WEEKS, Change, drifting
from tests.evaluation.worlds import SMALL, World, reacted, stillwatch, without

ALONE: Mapping[str, float] = {
    **SMALL.campaigns,
    "hydra": 0.02,
    "quiet_relay": 1.0,
    "near_maximum": 0.2,
    "thin": 1.0,
    "four_requests": 1.0,
    "adaptive": 0.3,
}
"""The size of each campaign when it is alone with the innocents: its own, where that is not too much for minutes."""

ABLATED = "hydra"
FAMILIES: tuple[Family, ...] = ("content", "identity", "lifecycle", "capability", "rhythm", "anomaly")
"""All of those of signals that campaigns are judged by; `volume` is for accounts alone, and takes no part in it."""

FEW = World(days=2, ordinary=0.1, look_alikes=0.1, campaigns={})
"""Innocents for the rest: every kind, and so few that a world is over in a minute or two."""

CAREFUL = Tactics(strength="free", human_hours=True, fresh=True, payment_each=True)
ATTACKERS: Mapping[str, Tactics] = {
    "as in `adaptive`": BLUNT,
    "looks every 10 minutes, changes at 1 % lost": replace(BLUNT, looks_every_ms=10 * MINUTE_MS, bearable_loss=0.01),
    "replaces what it lost within 10 minutes": replace(BLUNT, replaced_after_ms=(MINUTE_MS, 10 * MINUTE_MS)),
    "ten times the accounts at a tenth of the pace": replace(BLUNT, accounts=3_000, requests_a_day=30.0),
    "buys accounts that are months old": replace(BLUNT, aged=True),
    "has taken every step before it begins": CAREFUL,
    "every step, old accounts": replace(CAREFUL, aged=True),
    "every step, old accounts, ten times as many at a tenth": replace(
        CAREFUL, aged=True, accounts=3_000, requests_a_day=30.0
    ),
    "every step, old accounts, thirty times as many at a thirtieth": replace(
        CAREFUL, aged=True, accounts=9_000, requests_a_day=10.0
    ),
}
ATTACKERS_SCALE = 0.1

MIXED: Mapping[str, float] = {"relay": 0.2, "hydra": 0.008, "fixed_prompt": 0.008, "thin": 0.1}
TRAFFIC: Mapping[str, World] = {
    "as it is": replace(FEW, campaigns=MIXED),
    "twice the requests": replace(FEW, campaigns=MIXED, pace=2.0),
    "half the requests": replace(FEW, campaigns=MIXED, pace=0.5),
    "twice the accounts": replace(FEW, campaigns=MIXED, ordinary=0.2, look_alikes=0.2),
    "half the accounts": replace(FEW, campaigns=MIXED, ordinary=0.05, look_alikes=0.05),
}

WEEK = World(days=7, ordinary=0.1, look_alikes=0.05, campaigns={})
WITHOUT_GATEWAY = "reseller_gateway"
"""Left out of the weeks, for its requests are half of a week's and it is one account."""

RELEASE_DAY = World(days=1, ordinary=0.2, look_alikes=0.1, campaigns={"release_pivot": 0.006}, pace=2.0)
OUTAGE_DAY = World(days=1, ordinary=0.2, look_alikes=0.1, campaigns={"relay": 0.2})
COLD = World(days=3, ordinary=0.1, look_alikes=0.1, campaigns=MIXED)


class Attack(Struct, frozen=True):
    """One attacker's choice: what it sends while nobody watches, and what became of it."""

    tactics: Tactics
    accounts: int
    """How many it holds at a time."""
    unwatched: int
    found: Evaluation


class Begun(Struct, frozen=True):
    """The first hours of a detector: what campaigns send in them while nobody watches, and what became of it."""

    unwatched: Mapping[str, int]
    found: Evaluation


class Tried(Struct, frozen=True):
    """What became of each try."""

    alone: Mapping[str, Evaluation]
    ablated: Mapping[tuple[str, ...], Evaluation]
    attacks: Mapping[str, Attack]
    traffic: Mapping[str, Evaluation]
    weeks: Mapping[str, Evaluation]
    days: Mapping[str, Evaluation]
    cold: tuple[Begun, Begun]
    """After 24 hours, and the same after 48."""


def tried(pool: Executor, seed: int) -> Tried:
    """All tries, in the world of one seed."""
    alone = {name: pool.submit(reacted, alone_with(name, size), seed) for name, size in ALONE.items()}
    hydra = replace(FEW, campaigns={ABLATED: SMALL.campaigns[ABLATED]})
    ablated = {off: pool.submit(without, hydra, seed, off) for off in switched_off()}
    attacks = {name: pool.submit(attacked, FEW, seed, tactics, ATTACKERS_SCALE) for name, tactics in ATTACKERS.items()}
    traffic = {name: pool.submit(reacted, world, seed) for name, world in TRAFFIC.items()}
    weeks = {name: pool.submit(drifted, WEEK, seed, name) for name in WEEKS}
    days = {
        "a new model is released": pool.submit(released, RELEASE_DAY, seed),
        "an outage, with retries": pool.submit(outage, OUTAGE_DAY, seed),
    }
    one, two = (pool.submit(begun_cold, COLD, seed, hours) for hours in (24, 48))
    return Tried(
        {name: it.result() for name, it in alone.items()},
        {off: it.result() for off, it in ablated.items()},
        {name: it.result() for name, it in attacks.items()},
        {name: it.result() for name, it in traffic.items()},
        {name: it.result() for name, it in weeks.items()},
        {name: it.result() for name, it in days.items()},
        (one.result(), two.result()),
    )


def alone_with(name: str, size: float) -> World:
    """The innocents of the small world, and one campaign."""
    return replace(SMALL, campaigns={name: size})


def switched_off() -> Iterator[tuple[Family, ...]]:
    """No family of signals, each, and each two."""
    for count in range(3):
        yield from combinations(FAMILIES, count)


def attacked(world: World, seed: int, tactics: Tactics, scale: float) -> Attack:
    """The adaptive attacker with these tactics, among the innocents of the world and where nobody watches."""
    scenarios: Mapping[str, Scenario] = {**SCENARIOS, "adaptive": partial(adaptive, tactics=tactics)}
    stages = replace(world, campaigns={"adaptive": scale}).stages(seed)
    (its_own,) = (stage for stage in stages if stage.scenario == "adaptive")
    unwatched = len([record for record, _ in play([its_own], scenarios)])
    return Attack(tactics, its_own.size(tactics.accounts), unwatched, stillwatch(stages, DEFAULT_POLICY, scenarios))


def drifted(world: World, seed: int, week: str) -> Evaluation:
    """The innocents of the world while the schema drifts as in that week of `WEEKS`."""
    scenarios = {name: drifting(scenario, WEEKS[week]) for name, scenario in SCENARIOS.items()}
    return stillwatch(without_gateway(world, seed), DEFAULT_POLICY, scenarios)


def without_gateway(world: World, seed: int) -> list[Stage]:
    """The stages of the world but `WITHOUT_GATEWAY`."""
    return [stage for stage in world.stages(seed) if stage.scenario != WITHOUT_GATEWAY]


def released(world: World, seed: int) -> Evaluation:
    """A day at whose noon a model is released: every innocent moves to it, and the benchmark's runners all come."""
    moves = Change(world.days / 2, "everybody asks the new model", lambda it: replace(it, request_model=NEW_MODEL))
    scenarios = {
        name: scenario if name in CAMPAIGNS else drifting(scenario, [moves]) for name, scenario in SCENARIOS.items()
    }
    return stillwatch(_at_full_size("release_benchmark", world.stages(seed)), DEFAULT_POLICY, scenarios)


def outage(world: World, seed: int) -> Evaluation:
    """A day with an outage that all of its eight hundred customers with programs retry through."""
    return stillwatch(_at_full_size("outage_retries", world.stages(seed)))


def _at_full_size(name: str, stages: list[Stage]) -> list[Stage]:
    return [replace(stage, scale=1.0) if stage.scenario == name else stage for stage in stages]


def begun_cold(world: World, seed: int, hours: int) -> Begun:
    """The first hours of a detector that begins a day after the campaigns, and has seen nothing before."""
    from_ms = MONDAY_MS + DAY_MS
    scenarios = {name: between(scenario, from_ms, from_ms + hours * HOUR_MS) for name, scenario in SCENARIOS.items()}
    stages = world.stages(seed)
    its_own = [stage for stage in stages if stage.scenario in CAMPAIGNS]
    unwatched = Counter(truth.campaign_id or "" for _, truth in play(its_own, scenarios))
    return Begun(unwatched, stillwatch(stages, DEFAULT_POLICY, scenarios))


def between(scenario: Scenario, from_ms: int, until_ms: int) -> Scenario:
    """The scenario, but that nobody sees what it sends before `from_ms`, and from `until_ms` on."""

    def seen(stage: Stage) -> Script:
        later = dropwhile(lambda line: line[0].occurred_at_ms < from_ms, scenario(stage))
        return takewhile(lambda line: line[0].occurred_at_ms < until_ms, later)

    return seen
