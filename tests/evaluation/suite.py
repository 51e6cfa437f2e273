"""`make evaluate`: the detector in worlds whose seeds no tuning has seen, beside what others would do.

    python -m tests.evaluation.suite [--scale small|medium|full|hydra|weeks|robustness|ablation|candidates]
                                     [--out FILE] [--processes 2] [--seeds FILE]

Each world holds ordinary customers, every look-alike and every campaign. In the first table campaigns see who is
limited and react; in the comparison with baselines nobody reacts, so that all detectors are given the same events.
`hydra` is one world of that campaign at the size of its disclosure. `weeks` plays each campaign alone for a week
or longer; `robustness` other worlds, of one campaign or of none, each of which lacks something or has too much of it;
`ablation` each campaign without each of the signals that limit it; `candidates` looks at figures that are no signals,
in worlds nobody watches.
"""

import argparse
import asyncio
import os
import platform
import time
from array import array
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from datetime import UTC, datetime
from multiprocessing import connection, get_context, parent_process
from pathlib import Path
from threading import Thread

from msgspec.structs import replace

from agents import built
from agents.evaluation.run import StillwatchDetector
from streams.enforcement import Ask, ask_of
from streams.evaluation import Evaluation, Judge
from streams.evaluation.bars import Bar
from streams.events import RequestEvent
from streams.fingerprint import Fingerprinter
from streams.policy import DEFAULT_POLICY
from streams.scenarios import Stage, Truth, play
from tests.evaluation import ablation, candidates, evaluation_page, robustness_page, weeks
from tests.evaluation.baselines import BASELINES
from tests.evaluation.corpora import sources
from tests.evaluation.evaluation_page import Compared, Found
from tests.evaluation.hindsight import Hindsight
from tests.evaluation.prompt_corpora import DIRECTORY
from tests.evaluation.robustness import tried
from tests.evaluation.worlds import FULL, HYDRA, KEY, MEDIUM, SMALL, World, reacted

SEEDS = Path(__file__).with_name("unseen_seeds.txt")
PAGES = Path(__file__).parents[2] / "deploy"

WORLDS = {"small": SMALL, "medium": MEDIUM, "full": FULL, "hydra": HYDRA}
NAMES = {
    "small": "evaluation",
    "medium": "evaluation-medium",
    "full": "evaluation-full",
    "hydra": "evaluation-hydra",
    "weeks": "weeks",
    "robustness": "robustness",
    "ablation": "ablation",
    "candidates": "candidates",
}


def main() -> None:
    """Run the suite and write its page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", choices=NAMES, default=os.environ.get("SCALE") or "small")
    parser.add_argument("--out", type=Path, help="where the page goes, if not into deploy/")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seeds", type=Path, default=SEEDS, help="other seeds, one a line, to try something out")
    asked = parser.parse_args()
    seeds, begun, commit = [int(line) for line in asked.seeds.read_text().split()], time.monotonic(), built.commit()
    if asked.scale not in {"small", "candidates"}:
        seeds = seeds[:1]

    def ran() -> str:
        return told(asked.scale, commit, seeds, (time.monotonic() - begun) / 60)

    with workers(asked.processes) as pool:
        if asked.scale == "robustness":
            tries = tried(pool, seeds[0])
            page = robustness_page.written(tries, ran())
        elif asked.scale == "weeks":
            page = weeks.written(weeks.lasted(pool, seeds[0]), ran())
        elif asked.scale == "ablation":
            page = ablation.written(ablation.ablated(pool, seeds[0]), ran())
        elif asked.scale == "candidates":
            page = candidates.written(candidates.tried(pool, seeds), ran())
        else:
            worlds = found(pool, asked.scale, seeds)
            page = evaluation_page.written(worlds, Bar(), ran())
    (asked.out or PAGES / f"{NAMES[asked.scale]}.md").write_text(page)


def told(scale: str, commit: str | None, seeds: Sequence[int], minutes: float) -> str:
    """How, where, when and how long a page's worlds were played. The commit is that of its beginning."""
    code = "a commit that git does not tell" if commit is None else f"commit {commit}"
    named = f"seed {seeds[0]}" if len(seeds) == 1 else f"seeds {', '.join(map(str, seeds))}"
    on = f"{machine()}, {datetime.now(UTC):%Y-%m-%d}"
    return f"`make evaluate SCALE={scale}` of {code} with {named} on {on}; {minutes:.0f} minutes in all."


def workers(processes: int) -> ProcessPoolExecutor:
    """So many processes, which end with this one, whatever ends it: a world can take an hour."""
    return ProcessPoolExecutor(processes, get_context("spawn"), initializer=_end_with_parent)


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        sentinel = parent.sentinel
        Thread(target=lambda: connection.wait([sentinel]) and os._exit(1), daemon=True).start()


def found(pool: Executor, scale: str, seeds: Sequence[int]) -> Found:
    """The worlds of that scale. Only the small ones are compared and played on corpora, if these are there."""
    world = WORLDS[scale]
    if scale != "small":
        return Found([pool.submit(reacted, world, seeds[0]).result()])
    fixed = pool.submit(compared, replace(world, days=1), seeds[0])
    reacting = [pool.submit(reacted, world, seed) for seed in seeds]
    sides = (False, True) if DIRECTORY.is_dir() else ()
    corpora = [pool.submit(on_corpora, world, seeds[0], swapped) for swapped in sides]
    return Found([it.result() for it in reacting], fixed.result(), [it.result() for it in corpora])


def on_corpora(world: World, seed: int, swapped: bool) -> Evaluation:
    """The campaigns that react, with prompts, times and sizes from real corpora."""
    return reacted(world, seed, sources(swapped=swapped))


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
    """The exchanges of a world, each different question once."""

    def __init__(self) -> None:
        self.truths: dict[str, Truth] = {}
        self._when, self._tokens = array("q"), array("l")
        self._asked: list[Ask] = []
        self._known: dict[Ask, Ask] = {}

    def note(self, event: RequestEvent, truth: Truth) -> None:
        """Record one exchange."""
        self.truths.setdefault(event.account_id, truth)
        ask = ask_of(event)
        self._when.append(event.occurred_at_ms)
        self._tokens.append(ask.tokens)
        ask = replace(ask, tokens=0)
        self._asked.append(self._known.setdefault(ask, ask))

    def __iter__(self) -> Iterator[tuple[Ask, int]]:
        for ask, at_ms, tokens in zip(self._asked, self._when, self._tokens, strict=True):
            yield replace(ask, tokens=tokens), at_ms


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


if __name__ == "__main__":
    main()
