"""The worlds that `make evaluate` plays, and Stillwatch in one of them."""

import asyncio
from collections.abc import Collection, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from agents.evaluation.run import StillwatchDetector, judged
from streams.decisions import Family
from streams.evaluation import Evaluation
from streams.fingerprint import Fingerprinter
from streams.policy import DEFAULT_POLICY, Policy
from streams.scenarios import CAMPAIGNS, LOOK_ALIKES, MONDAY_MS, SCENARIOS, Scenario, Stage
from streams.scenarios.stage import Sources
from streams.signals import ACCOUNT_SIGNALS, CAMPAIGN_SIGNALS, NETWORK_SIGNALS

KEY = b"evaluation, no secret: all is simulated"

SIMULATED = Sources()

FAMILY: Mapping[str, Family] = {it.name: it.family for it in (*ACCOUNT_SIGNALS, *NETWORK_SIGNALS, *CAMPAIGN_SIGNALS)}
"""Of each signal."""


class World(Struct, frozen=True):
    """How much of everything there is, and for how long."""

    days: float
    ordinary: float
    look_alikes: float
    campaigns: Mapping[str, float]
    pace: float = 1.0

    def stages(self, seed: int, drawn_from: Sources = SIMULATED) -> list[Stage]:
        """The stages of one world."""
        scales = {
            "ordinary": self.ordinary,
            **dict.fromkeys(LOOK_ALIKES, self.look_alikes),
            **self.campaigns,
        }
        return [
            Stage(name, seed, scale, MONDAY_MS, self.days, sources=drawn_from, pace=self.pace)
            for name, scale in scales.items()
            if scale
        ]


SMALL = World(
    days=2,
    ordinary=0.3,
    look_alikes=0.15,
    campaigns={
        "relay": 0.2,
        "synchronised": 0.08,
        "access_paths": 0.02,
        "release_pivot": 0.006,
        "hydra": 0.008,
        "quiet_relay": 0.2,
        "fixed_prompt": 0.008,
        "near_maximum": 0.06,
        "thin": 0.1,
        "four_requests": 0.3,
        "diluted_5": 3.0,
        "diluted_10": 3.0,
        "diluted_25": 3.0,
        "adaptive": 0.1,
    },
)
MEDIUM = World(days=1, ordinary=20.0, look_alikes=1.0, campaigns=dict.fromkeys(CAMPAIGNS, 0.05))
"""A hundred thousand ordinary accounts: enough to count harm in a few per hundred thousand."""

FULL = World(days=0.5, ordinary=200.0, look_alikes=4.0, campaigns=dict.fromkeys(CAMPAIGNS, 1.0))
"""A million ordinary accounts for half a day, and every campaign at the size of its disclosure, from six on."""

HYDRA = replace(MEDIUM, campaigns={"hydra": 1.0})
"""Twenty thousand accounts at once, as disclosed, for a day, among a hundred thousand ordinary ones."""


def reacted(world: World, seed: int, drawn_from: Sources = SIMULATED) -> Evaluation:
    """Stillwatch in a world whose campaigns see who is limited."""
    return stillwatch(world.stages(seed, drawn_from))


def without(world: World, seed: int, off: Sequence[Family]) -> Evaluation:
    """The same, less some families of signals."""
    return stillwatch(world.stages(seed), policy_without([name for name, family in FAMILY.items() if family in off]))


def policy_without(off: Collection[str]) -> Policy:
    """The shipped policy, with these signals switched off."""
    shipped = DEFAULT_POLICY.signals
    signals = {name: replace(it, enabled=it.enabled and name not in off) for name, it in shipped.items()}
    return replace(DEFAULT_POLICY, signals=signals)


def stillwatch(
    stages: Sequence[Stage], policy: Policy = DEFAULT_POLICY, scenarios: Mapping[str, Scenario] = SCENARIOS
) -> Evaluation:
    """Stillwatch among these stages."""
    return asyncio.run(judged(stages, StillwatchDetector(policy), Fingerprinter(KEY), scenarios)).result()
