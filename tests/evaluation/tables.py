"""What the tables of both pages say in the same way."""

from collections.abc import Sequence
from statistics import fmean, median

from agents.evaluation.summary import class_name, minutes
from streams.evaluation import CampaignResult, Evaluation
from streams.evaluation.bars import MILLION
from streams.evaluation.results import Interval


def of_scenario(worlds: Sequence[Evaluation], name: str) -> list[CampaignResult]:
    """The scenario's campaigns in all worlds: usually one a world, but each diluted account is one of its own."""
    return [it for world in worlds for it in world.campaigns if it.label == f"campaign:{name}"]


def spread(shares: Sequence[float]) -> str:
    """The mean, with the lowest and the highest if they differ."""
    mean, low, high = (f"{it:.1%}" for it in (fmean(shares), min(shares), max(shares)))
    return mean if low == high else f"{mean} ({low} to {high})"


def middle(values: Sequence[float | None]) -> str:
    """The median time span, where `never` is later than anything."""
    ordered = median(float("inf") if value is None else value for value in values)
    return minutes(None if ordered == float("inf") else ordered)


def harm(found: Interval) -> str:
    """How many were harmed, with the exact interval per million."""
    return f"{found.count:,} of {found.of:,} ({found.low * MILLION:,.0f} to {found.high * MILLION:,.0f} per million)"


def whom(found: Evaluation) -> str:
    """Which classes of innocents were harmed, and how many of each."""
    return ", ".join(f"{it.limited.count:,} {class_name(it.label)}" for it in found.innocents[:-1] if it.limited.count)
