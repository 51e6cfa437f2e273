"""deploy/robustness.md: what is left of the detector in worlds that lack something or have too much of it."""

from collections.abc import Iterator, Mapping

from streams.evaluation import Evaluation
from tests.evaluation.robustness import Tried
from tests.evaluation.tables import middle, of_scenario, spread


def written(tries: Tried, ran: str) -> str:
    """The page. `ran` says how, where and how long."""
    parts = [
        INTRODUCTION,
        ran,
        "## Each campaign alone\n",
        ALONE,
        "\n".join(_alone(tries.alone)),
        "## Without some of the signals\n",
        ABLATED,
        "\n".join(_ablated(tries.ablated)),
    ]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


INTRODUCTION = """# Robustness

    make evaluate SCALE=robustness

Small **simulated** worlds of two days, each of which lacks something or has too much of it; the rest is on the page of
the [evaluation](evaluation.md), with the same seeds, the prompts of real corpora among it. This page is written by the
command."""

ALONE = """The campaigns of one world help to find one another, because their templates are made from the same phrases:
what is learnt of one holds for the next. Here each is alone with the innocents, the thin ones at the size of their
disclosure. Two days are short: most of what leaks of a thin campaign leaks before it is found."""

ABLATED = """The hydra alone, with each family of signals switched off, and each two. What ties accounts is a signal
too: without content no template ties, without identity no payment."""


def _alone(worlds: Mapping[str, Evaluation]) -> Iterator[str]:
    yield "| campaign | accounts | exchanges | leaked | passed | accounts found | first limit | innocents limited |"
    yield "|---|---|---|---|---|---|---|---|"
    for name, world in worlds.items():
        found, harmed = of_scenario([world], name), world.innocents[-1]
        yield (
            f"| {name} | {sum(it.accounts for it in found):,} | {sum(it.exchanges for it in found):,} "
            f"| {spread([it.leakage for it in found])} | {spread([it.passed_share for it in found])} "
            f"| {spread([it.recall for it in found])} | {middle([it.minutes_from_evidence for it in found])} "
            f"| {harmed.limited.count:,} of {harmed.accounts:,} |"
        )


def _ablated(worlds: Mapping[tuple[str, ...], Evaluation]) -> Iterator[str]:
    yield "| switched off | leaked | accounts found | first limit | innocents limited |"
    yield "|---|---|---|---|---|"
    for off, world in worlds.items():
        (campaign,), harmed = world.campaigns, world.innocents[-1]
        yield (
            f"| {' and '.join(off) or 'nothing'} | {campaign.leakage:.1%} | {campaign.recall:.1%} "
            f"| {middle([campaign.minutes_from_evidence])} | {harmed.limited.count:,} of {harmed.accounts:,} |"
        )
