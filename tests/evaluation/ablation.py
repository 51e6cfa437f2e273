"""What each signal adds: each campaign alone, with all signals, and without each of those that have it limited."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor

from msgspec import Struct
from msgspec.structs import replace

from agents.evaluation.run import StillwatchDetector, judged
from streams.decisions import LIMITING, Decision
from streams.evaluation import CampaignResult, Evaluation
from streams.events import RequestEvent
from streams.findings import LEADS
from streams.fingerprint import Fingerprinter
from streams.policy_signals import SIGNALS
from tests.evaluation.robustness import FEW
from tests.evaluation.tables import harm, middle, of_scenario, spread
from tests.evaluation.worlds import FAMILY, KEY, SMALL, policy_without

DAY = replace(FEW, days=1)
MORE = 1.1
"""So much as leaks with all signals, or more, leaks without one that adds something."""


class Ablated(Struct, frozen=True):
    """One campaign: with all signals, how many limiting decisions each had a part in, and without each that had one."""

    whole: Evaluation
    limits: Mapping[str, int]
    less: Mapping[str, Evaluation]


class Noting(StillwatchDetector):
    """Stillwatch, which notes of each decision that limits somebody the strongest signal of each family."""

    def __init__(self, off: str | None) -> None:
        """`off` is a signal that is switched off."""
        super().__init__(policy_without([] if off is None else [off]))
        self.limits: Counter[str] = Counter()

    async def feed(self, event: RequestEvent) -> Sequence[Decision] | None:
        """Note what the rounds that are over led to."""
        decisions = await super().feed(event)
        self.limits += strongest(decisions or ())
        return decisions

    async def finish(self) -> Sequence[Decision]:
        """Note what the last round led to."""
        decisions = await super().finish()
        self.limits += strongest(decisions)
        return decisions


def strongest(decisions: Iterable[Decision]) -> Counter[str]:
    """How many decisions that limit somebody each signal was the strongest of its family in.

    Or is, for an account that does not rotate wordings, of which `rotated_wordings` does not speak.
    """
    found = Counter[str]()
    for decision in decisions:
        if decision.action in LIMITING:
            ordered = decision.reasons[::-1]  # the strongest comes first
            first = {it.family: it.signal for it in ordered}
            second = {it.family: it.signal for it in ordered if it.signal != "rotated_wordings"}
            found.update({*first.values(), *second.values()})
    return found


def ablated(pool: Executor, seed: int, campaigns: Mapping[str, float] = SMALL.campaigns) -> Mapping[str, Ablated]:
    """Each of the campaigns, of that size, for a day among a few innocents.

    A signal without a part in any limit changes nothing by going, unless it ties accounts (`LEADS`).
    """
    first = {name: pool.submit(played, name, size, seed) for name, size in campaigns.items()}
    whole = {name: it.result() for name, it in first.items()}
    less = {
        name: {off: pool.submit(played, name, campaigns[name], seed, off) for off in sorted({*limits, *LEADS.values()})}
        for name, (_, limits) in whole.items()
    }
    return {
        name: Ablated(*whole[name], {off: it.result()[0] for off, it in without.items()})
        for name, without in less.items()
    }


def played(campaign: str, size: float, seed: int, off: str | None = None) -> tuple[Evaluation, Mapping[str, int]]:
    """The campaign, which reacts, without the signal `off`; what came of it, and what had a part in the limits."""
    detector, stages = Noting(off), replace(DAY, campaigns={campaign: size}).stages(seed)
    found = asyncio.run(judged(stages, detector, Fingerprinter(KEY))).result()
    return found, dict(detector.limits)


def written(found: Mapping[str, Ablated], ran: str) -> str:
    """The page. `ran` says how, where and how long."""
    worlds = [world for it in found.values() for world in (it.whole, *it.less.values())]
    most = max((it.innocents[-1].limited for it in worlds), key=lambda limited: limited.count)
    parts = [
        INTRODUCTION,
        ran,
        "## By signal",
        "\n".join(_by_signal(found)),
        f"Innocents limited in the worst of these worlds: {harm(most)}.",
        "## By campaign",
        "\n".join(_by_campaign(found)),
    ]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


INTRODUCTION = """# What each signal adds

    make evaluate SCALE=ablation

**Simulated** campaigns, small, each alone for a day with a few hundred innocents, reacting to who is limited as on the
page of the [evaluation](evaluation.md); first with all signals, then without each that had a part in a limit: that was
the strongest of its family in a decision that limits somebody, or that says so again, for the others of a family add
nothing. What ties accounts (`accounts_per_template`, `accounts_per_payment`) is switched off for each campaign. Whole
families, and two at a time, are switched off for the hydra in [robustness](robustness.md). One world each is played, so
a tenth more or less may be chance; and a signal that adds nothing to these campaigns may still be what finds one that
avoids the rest. This page is written by the command."""


def _by_signal(found: Mapping[str, Ablated]) -> Iterator[str]:
    """Whom each signal helps to limit, and what is worse without it."""
    yield "| signal | family | has a part in limiting | leaks a tenth more without it | fewer accounts found |"
    yield "|---|---|---|---|---|"
    for signal in SIGNALS:
        part = [name for name, it in found.items() if signal in it.limits]
        more = [name for name, it in found.items() if _leaks_more(name, it, signal)]
        fewer = [name for name, it in found.items() if _finds_fewer(name, it, signal)]
        yield f"| `{signal}` | {FAMILY[signal]} | {', '.join(part)} | {', '.join(more)} | {', '.join(fewer)} |"


def _leaks_more(name: str, it: Ablated, signal: str) -> bool:
    if signal not in it.less:
        return False
    return _leaked(it.less[signal], name) >= MORE * _leaked(it.whole, name)


def _finds_fewer(name: str, it: Ablated, signal: str) -> bool:
    return signal in it.less and _found(it.less[signal], name) < _found(it.whole, name)


def _leaked(world: Evaluation, name: str) -> float:
    campaigns = of_scenario([world], name)
    return sum(it.leaked for it in campaigns) / max(1, sum(it.exchanges for it in campaigns))


def _found(world: Evaluation, name: str) -> int:
    return sum(it.limited for it in of_scenario([world], name))


def _by_campaign(found: Mapping[str, Ablated]) -> Iterator[str]:
    yield "| campaign | without | decisions with it | leaked | of extraction | accounts found | first limit |"
    yield "|---|---|---|---|---|---|---|"
    for name, it in found.items():
        yield f"| {name} | nothing | | {_line(of_scenario([it.whole], name))} |"
        for off, world in it.less.items():
            yield f"| {name} | `{off}` | {it.limits.get(off, 0):,} | {_line(of_scenario([world], name))} |"


def _line(campaigns: Sequence[CampaignResult]) -> str:
    """What became of the scenario's campaigns."""
    cells = (
        spread([it.leakage for it in campaigns]),
        spread([it.extraction_leakage for it in campaigns]),
        spread([it.recall for it in campaigns]),
        middle([it.minutes_from_evidence for it in campaigns]),
    )
    return " | ".join(cells)
