"""`make evaluate`: the detector in worlds whose seeds no tuning has seen, beside what others would do.

    python -m tests.evaluation.suite [--scale small|medium|full] [--out FILE] [--processes 2]

Each world holds ordinary customers, every look-alike and every campaign. In the first table campaigns see who is
limited and react; in the comparison with baselines nobody reacts, so that all detectors are given the same events. Then
each campaign is alone with the innocents, for the campaigns of one world help to find one another: their templates are
made from the same phrases.
"""

import argparse
import asyncio
import os
import platform
import time
from array import array
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from itertools import combinations
from multiprocessing import get_context
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from agents.evaluation.run import StillwatchDetector, judged
from streams.decisions import Family
from streams.evaluation import Evaluation, Judge
from streams.evaluation.bars import Bar
from streams.events import RequestEvent
from streams.fingerprint import Fingerprinter
from streams.policy import DEFAULT_POLICY, Policy
from streams.scenarios import CAMPAIGNS, LOOK_ALIKES, MONDAY_MS, Stage, Truth, play
from streams.scenarios.stage import Sources
from streams.signals import ACCOUNT_SIGNALS, CAMPAIGN_SIGNALS, NETWORK_SIGNALS
from tests.evaluation.baselines import BASELINES
from tests.evaluation.corpora import sources
from tests.evaluation.hindsight import Hindsight
from tests.evaluation.pages import Compared, written
from tests.evaluation.prompt_corpora import DIRECTORY

SEEDS = Path(__file__).with_name("unseen_seeds.txt")
PAGES = Path(__file__).parents[2] / "deploy"
KEY = b"evaluation, no secret: all is simulated"


SIMULATED = Sources()


class World(Struct, frozen=True):
    """How much of everything there is, and for how long."""

    days: int
    ordinary: float
    look_alikes: float
    campaigns: Mapping[str, float]

    def stages(self, seed: int, drawn_from: Sources = SIMULATED) -> list[Stage]:
        """The stages of one world."""
        scales = {
            "ordinary": self.ordinary,
            **dict.fromkeys(LOOK_ALIKES, self.look_alikes),
            **self.campaigns,
        }
        return [
            Stage(name, seed, scale, MONDAY_MS, self.days, sources=drawn_from)
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
        "fixed_prompt": 0.005,
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

FULL = World(days=1, ordinary=200.0, look_alikes=4.0, campaigns=dict.fromkeys(CAMPAIGNS, 1.0))
"""A million ordinary accounts, and every campaign at the size of its disclosure."""

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
FAMILIES: tuple[Family, ...] = ("content", "identity", "lifecycle", "capability", "rhythm")
"""The families of signals that campaigns are judged by; those for accounts alone take no part in finding the hydra."""

WORLDS = {"small": SMALL, "medium": MEDIUM, "full": FULL}


def main() -> None:
    """Run the suite and write its page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", choices=WORLDS, default=os.environ.get("SCALE") or "small")
    parser.add_argument("--out", type=Path, help="deploy/evaluation.md, -medium or -full, unless it is said")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    asked = parser.parse_args()
    world, begun = WORLDS[asked.scale], time.monotonic()
    seeds = [int(line) for line in SEEDS.read_text().split()]
    if asked.scale != "small":
        seeds = seeds[:1]
    with ProcessPoolExecutor(asked.processes, mp_context=get_context("spawn")) as pool:
        reacting = [pool.submit(reacted, world, seed) for seed in seeds]
        fixed = pool.submit(compared, world, seeds[0]) if asked.scale == "small" else None
        corpora = [
            pool.submit(on_corpora, world, seeds[0], swapped) for swapped in (False, True) if _has_corpora(asked)
        ]
        alone, ablated = {}, {}
        if asked.scale == "small":
            alone = {name: pool.submit(reacted, alone_with(name, size), seeds[0]) for name, size in ALONE.items()}
            hydra = alone_with(ABLATED, SMALL.campaigns[ABLATED])
            ablated = {off: pool.submit(reacted, hydra, seeds[0], off) for off in switched_off()}
        page = written(
            [it.result() for it in reacting],
            None if fixed is None else fixed.result(),
            [it.result() for it in corpora],
            {name: it.result() for name, it in alone.items()},
            {off: it.result() for off, it in ablated.items()},
            Bar(),
            f"`make evaluate SCALE={asked.scale}` on {machine()}, {datetime.now(UTC):%Y-%m-%d}; {{minutes}} in all.",
            lambda: time.monotonic() - begun,
        )
    name = "evaluation" if asked.scale == "small" else f"evaluation-{asked.scale}"
    (asked.out or PAGES / f"{name}.md").write_text(page)


def alone_with(name: str, size: float) -> World:
    """The innocents of the small world, and one campaign."""
    return replace(SMALL, campaigns={name: size})


def switched_off() -> Iterator[tuple[Family, ...]]:
    """No family of signals, each, and each two."""
    for count in range(3):
        yield from combinations(FAMILIES, count)


def reacted(world: World, seed: int, off: Sequence[Family] = ()) -> Evaluation:
    """Stillwatch, less some families of signals, in a world whose campaigns see who is limited."""
    family = {it.name: it.family for it in (*ACCOUNT_SIGNALS, *NETWORK_SIGNALS, *CAMPAIGN_SIGNALS)}
    signals = {
        name: replace(it, enabled=it.enabled and family[name] not in off) for name, it in DEFAULT_POLICY.signals.items()
    }
    return _stillwatch(world.stages(seed), replace(DEFAULT_POLICY, signals=signals))


def on_corpora(world: World, seed: int, swapped: bool) -> Evaluation:
    """The same with prompts, times and sizes from real corpora."""
    return _stillwatch(world.stages(seed, sources(swapped=swapped)))


def _stillwatch(stages: Sequence[Stage], policy: Policy = DEFAULT_POLICY) -> Evaluation:
    return asyncio.run(judged(stages, StillwatchDetector(policy), Fingerprinter(KEY))).result()


def compared(world: World, seed: int) -> list[Compared]:
    """Stillwatch and each baseline on the events of one world in which nobody reacts."""
    return asyncio.run(_compared(world.stages(seed)))


async def _compared(stages: Sequence[Stage]) -> list[Compared]:
    hindsights = {name: Hindsight(make()) for name, make in BASELINES.items()}
    detector, judge = StillwatchDetector(DEFAULT_POLICY), Judge()
    recorded = Recorded()
    fingerprinter = Fingerprinter(KEY)
    for record, truth in play(stages):
        event = fingerprinter.event(record)
        recorded.note(event, truth)
        for hindsight in hindsights.values():
            hindsight.take(event)
        for decision in await detector.feed(event) or ():
            judge.decide(decision)
    for decision in await detector.finish():
        judge.decide(decision)
    for truth in recorded.truths.values():
        judge.meet(truth)
    for exchange in recorded:
        judge.exchange(*exchange)
    found = [Compared("Stillwatch", judge.result(), None)]
    for name, hindsight in hindsights.items():
        threshold = hindsight.threshold(recorded.truths, Bar().limited)
        found.append(Compared(name, hindsight.judged(recorded, recorded.truths, threshold), threshold))
    return found


class Recorded:
    """The exchanges of a world, 28 bytes each."""

    def __init__(self) -> None:
        self.truths: dict[str, Truth] = {}
        self._names: list[str] = []
        self._places: dict[str, int] = {}
        self._who, self._when, self._tokens = array("l"), array("q"), array("l")
        self._templates: list[tuple[str | None, str | None]] = []
        self._said: dict[tuple[str | None, str | None], tuple[str | None, str | None]] = {}

    def note(self, event: RequestEvent, truth: Truth) -> None:
        """Record one exchange."""
        place = self._places.setdefault(event.account_id, len(self._names))
        if place == len(self._names):
            self._names.append(event.account_id)
            self.truths[event.account_id] = truth
        self._who.append(place)
        self._when.append(event.occurred_at_ms)
        self._tokens.append(event.input_tokens + event.output_tokens)
        said = event.template_hash, event.sketch
        self._templates.append(self._said.setdefault(said, said))

    def __iter__(self) -> Iterator[tuple[str, int, int, str | None, str | None]]:
        names = self._names
        for who, at_ms, tokens, said in zip(self._who, self._when, self._tokens, self._templates, strict=True):
            yield names[who], at_ms, tokens, *said


def machine() -> str:
    """What it ran on."""
    model = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.processor() or platform.machine(),
    )
    return f"{os.cpu_count()} cores ({model}), Python {platform.python_version()}"


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []


def _has_corpora(asked: argparse.Namespace) -> bool:
    return asked.scale == "small" and DIRECTORY.is_dir()


if __name__ == "__main__":
    main()
