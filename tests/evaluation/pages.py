"""deploy/evaluation.md: what the suite found, written so that a person can check it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import fmean, median

from msgspec import Struct

from agents.evaluation.summary import class_name, minutes
from streams.evaluation import CampaignResult, Evaluation
from streams.evaluation.bars import MILLION, Bar
from streams.evaluation.intervals import interval
from streams.scenarios import CAMPAIGNS, describe

FOUND = 0.95
"""A campaign counts as found if so many of its accounts were limited."""


class Compared(Struct, frozen=True):
    """One detector in the comparison; a baseline has its best threshold in hindsight."""

    name: str
    found: Evaluation
    threshold: float | None


def written(
    reacting: Sequence[Evaluation],
    fixed: Sequence[Compared] | None,
    corpora: Sequence[Evaluation],
    alone: Mapping[str, Evaluation],
    ablated: Mapping[tuple[str, ...], Evaluation],
    bar: Bar,
    ran: str,
    seconds: Callable[[], float],
) -> str:
    """The page. `ran` says how and where, with `{minutes}` for how long."""
    parts = [
        INTRODUCTION,
        ran.replace("{minutes}", f"{seconds() / 60:.0f} minutes"),
        "\n".join(_totals(reacting)),
        "## Campaigns that react\n",
        REACTING,
        "\n".join(_campaigns(reacting)),
        "## Everybody else\n",
        "\n".join(_innocents(reacting)),
        "## Below the bars\n",
        "\n".join(_shortfalls(reacting, bar)),
    ]
    if alone:
        parts += ["## Each campaign alone\n", ALONE, "\n".join(_alone(alone))]
    if ablated:
        parts += ["## Without some of the signals\n", ABLATED, "\n".join(_ablated(ablated))]
    if fixed is not None:
        parts += ["## Beside baselines\n", COMPARISON, "\n".join(_comparison(fixed)), "\n".join(_leakage_by(fixed))]
    if corpora:
        parts += ["## On real prompts\n", CORPORA, "\n".join(_corpora(reacting[0], corpora))]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


INTRODUCTION = """# Evaluation

    make evaluate                  # a small world three times over, in minutes
    make evaluate SCALE=medium     # a hundred thousand ordinary accounts
    make evaluate SCALE=full       # a million ordinary accounts, campaigns of the size of their disclosures, in hours

Everything here is **simulated** (`stillwatch simulate --list` describes each scenario, its file which figures are a
disclosure's and which our own). The seeds stand in `tests/evaluation/unseen_seeds.txt`; nothing else reads them, and
no threshold was chosen by looking at these worlds. This page is written by the command."""

REACTING = """Campaigns look who is limited and go on with the accounts that are not; some replace those they lose.
Leaked is the share of exchanges that came before their account or their template was limited, of all that the campaign
sent or meant to send; passed is what a gateway lets through, also within a throttle's limits and after a limit ran out.
Times count from the campaign's 50th exchange. Tied back: accounts that came after the first limit and were named as
members of a campaign found before. Shares are means over the worlds, with the lowest and the highest; times are
medians."""

ALONE = """The campaigns of one world help to find one another, because their templates are made from the same phrases:
what is learnt of one holds for the next. Here each is alone with the innocents, the thin ones at the size of their
disclosure. Two days are short: most of what leaks of a thin campaign leaks before it is found."""

ABLATED = """The hydra alone, with each family of signals switched off, and each two. What ties accounts is a signal
too: without content no template ties, without identity no payment."""

COMPARISON = """One world, in which nobody reacts, so that every detector sees the same events. Each baseline suspends
at the best threshold in hindsight: the lowest that keeps wrongly limited accounts within the bar of 200 per million,
which in practice nobody knows beforehand. Stillwatch has the thresholds it ships with. A campaign is found when 95 % of
its accounts are limited. Sources: `tests/evaluation/baselines/`."""

CORPORA = """Prompts from public corpora in place of the grammar, lengths matched, with the arrival times and answer
sizes of a real chat service. Once extractors ask from distillation corpora and innocents from the others; then the
corpora change sides, so that a corpus's style cannot be what is detected. Templates are the campaigns' own."""


def _totals(reacting: Sequence[Evaluation]) -> Iterator[str]:
    records = sum(it.records for it in reacting)
    accounts = sum(it.innocents[-1].accounts for it in reacting)
    precision = sum(round((it.precision or 0) * it.limited) for it in reacting) / max(
        1, sum(it.limited for it in reacting)
    )
    worlds = "1 world" if len(reacting) == 1 else f"{len(reacting)} worlds"
    yield (
        f"{worlds}, {records:,} records, {accounts:,} innocent accounts. Of the accounts that were limited "
        f"{precision:.1%} belong to a campaign; average precision by score "
        f"{fmean(it.average_precision or 0 for it in reacting):.3f}."
    )


def _campaigns(worlds: Sequence[Evaluation]) -> Iterator[str]:
    heads = "accounts | exchanges | leaked | passed | accounts found | first limit | first alert | tied back"
    yield f"| campaign | {heads} |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for name in CAMPAIGNS:
        found = _of_scenario(worlds, name)
        if not found:
            continue
        replaced = sum(it.replacements for it in found)
        tied = f"{sum(it.relinked for it in found) / replaced:.0%} of {replaced:,}" if replaced else ""
        yield (
            f"| {name} | {sum(it.accounts for it in found):,} | {sum(it.exchanges for it in found):,} "
            f"| {_range([it.leakage for it in found])} | {_range([it.passed_share for it in found])} "
            f"| {_range([it.recall for it in found])} | {_median([it.minutes_from_evidence for it in found])} "
            f"| {_median([it.minutes_to_alert for it in found])} | {tied} |"
        )
    yield ""
    yield from (f"- **{name}**: {describe(name)}" for name in CAMPAIGNS if _of_scenario(worlds, name))


def _alone(worlds: Mapping[str, Evaluation]) -> Iterator[str]:
    yield "| campaign | accounts | exchanges | leaked | passed | accounts found | first limit | innocents limited |"
    yield "|---|---|---|---|---|---|---|---|"
    for name, world in worlds.items():
        found, harmed = _of_scenario([world], name), world.innocents[-1]
        yield (
            f"| {name} | {sum(it.accounts for it in found):,} | {sum(it.exchanges for it in found):,} "
            f"| {_range([it.leakage for it in found])} | {_range([it.passed_share for it in found])} "
            f"| {_range([it.recall for it in found])} | {_median([it.minutes_from_evidence for it in found])} "
            f"| {harmed.limited.count:,} of {harmed.accounts:,} |"
        )


def _ablated(worlds: Mapping[tuple[str, ...], Evaluation]) -> Iterator[str]:
    yield "| switched off | leaked | accounts found | first limit | innocents limited |"
    yield "|---|---|---|---|---|"
    for off, world in worlds.items():
        (campaign,), harmed = world.campaigns, world.innocents[-1]
        yield (
            f"| {' and '.join(off) or 'nothing'} | {campaign.leakage:.1%} | {campaign.recall:.1%} "
            f"| {_median([campaign.minutes_from_evidence])} | {harmed.limited.count:,} of {harmed.accounts:,} |"
        )


def _innocents(worlds: Sequence[Evaluation]) -> Iterator[str]:
    yield "| class | accounts | throttled | challenged | suspended | limited per million | 95 % interval |"
    yield "|---|---|---|---|---|---|---|"
    for label in [it.label for it in worlds[0].innocents]:
        of = [it for world in worlds for it in world.innocents if it.label == label]
        limited = interval(sum(it.limited.count for it in of), sum(it.accounts for it in of))
        harmed = [sum(getattr(it, what).count for it in of) for what in ("throttled", "challenged", "suspended")]
        yield (
            f"| {class_name(label)} | {limited.of:,} | {' | '.join(f'{count:,}' for count in harmed)} "
            f"| {limited.share * MILLION:,.0f} | {limited.low * MILLION:,.0f} to {limited.high * MILLION:,.0f} |"
        )


def _shortfalls(worlds: Sequence[Evaluation], bar: Bar) -> Iterator[str]:
    """Each scenario and harm that misses its bar in any world."""
    missed = 0
    for name in CAMPAIGNS:
        found = _of_scenario(worlds, name)
        wanted = max((bar.leakage_for(it) for it in found), default=bar.leakage)
        if found and max(it.leakage for it in found) > wanted:
            missed += 1
            yield f"- {name}: {_range([it.leakage for it in found])} leaked; the bar is {wanted:.0%}."
    for what, wanted in (("suspended", bar.suspended), ("limited", bar.limited)):
        found_harm = [getattr(world.innocents[-1], what) for world in worlds]
        share = sum(it.count for it in found_harm) / max(1, sum(it.of for it in found_harm)) * MILLION
        if share > wanted:
            missed += 1
            yield f"- {share:,.0f} innocents per million were {what}; the bar is {wanted:,.0f}."
    if not missed:
        yield "Nothing."


def _comparison(fixed: Sequence[Compared]) -> Iterator[str]:
    yield "| detector | mean leakage | campaigns found | average precision | innocents limited | threshold |"
    yield "|---|---|---|---|---|---|"
    for it in fixed:
        campaigns = it.found.campaigns
        everybody = it.found.innocents[-1]
        yield (
            f"| {it.name} | {fmean(each.leakage for each in campaigns):.1%} "
            f"| {sum(each.recall >= FOUND for each in campaigns)} of {len(campaigns)} "
            f"| {it.found.average_precision or 0:.3f} | {everybody.limited.count:,} of {everybody.accounts:,} "
            f"| {'' if it.threshold is None else f'{it.threshold:,.3g}'} |"
        )


def _leakage_by(fixed: Sequence[Compared]) -> Iterator[str]:
    """Leakage by campaign and detector."""
    yield f"| leaked | {' | '.join(it.name for it in fixed)} |"
    yield "|---|" + "---|" * len(fixed)
    for name in CAMPAIGNS:
        of = [_of_scenario([it.found], name) for it in fixed]
        if of[0]:
            yield f"| {name} | {' | '.join(f'{fmean(c.leakage for c in found):.0%}' for found in of)} |"


def _corpora(grammar: Evaluation, corpora: Sequence[Evaluation]) -> Iterator[str]:
    yield "| leaked | grammar | corpora | corpora, sides changed |"
    yield "|---|---|---|---|"
    worlds = (grammar, *corpora)
    for name in CAMPAIGNS:
        of = [_of_scenario([world], name) for world in worlds]
        yield f"| {name} | {' | '.join(f'{fmean(c.leakage for c in found):.0%}' for found in of)} |"
    harmed = [world.innocents[-1].limited for world in worlds]
    yield f"| innocents limited | {' | '.join(f'{it.count:,} of {it.of:,}' for it in harmed)} |"


def _of_scenario(worlds: Sequence[Evaluation], name: str) -> list[CampaignResult]:
    """The scenario's campaigns in all worlds: usually one a world, but each diluted account is one of its own."""
    return [it for world in worlds for it in world.campaigns if it.label == f"campaign:{name}"]


def _range(shares: Sequence[float]) -> str:
    low, high = min(shares), max(shares)
    return f"{fmean(shares):.1%}" if high - low < 0.0005 else f"{fmean(shares):.1%} ({low:.0%} to {high:.0%})"


def _median(values: Sequence[float | None]) -> str:
    """The median, where `never` is later than anything."""
    ordered = median(float("inf") if value is None else value for value in values)
    return minutes(None if ordered == float("inf") else ordered)
