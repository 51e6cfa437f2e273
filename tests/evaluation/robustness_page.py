"""deploy/robustness.md: what is left of the detector in worlds that lack something or have too much of it."""

from collections.abc import Iterator, Mapping

from streams.evaluation import CampaignResult, Evaluation
from streams.evaluation.intervals import interval
from streams.scenarios.arrivals import EXTRACTION_STARTS_MS
from streams.scenarios.stage import DAY_MS
from tests.evaluation.drift import WEEKS
from tests.evaluation.robustness import FEW, MIXED, Attack, Begun, Tried
from tests.evaluation.tables import harm, middle, of_scenario, spread, whom

ACTIVE_DAYS = FEW.days - EXTRACTION_STARTS_MS / DAY_MS
"""How long a campaign lasts in a world of two days."""


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
        "## An attacker's best reply\n",
        ATTACKS,
        "\n".join(_attacks(tries.attacks)),
        "## More and less traffic of innocents\n",
        TRAFFIC,
        "\n".join(_worlds("innocents", tries.traffic)),
        "## A week of schema drift\n",
        WEEK,
        "\n".join(_changes()),
        "\n".join(_weeks(tries.weeks)),
        "## A release, an outage\n",
        DAYS,
        "\n".join(_worlds("day", tries.days)),
        "## The first 24 hours\n",
        COLD,
        "\n".join(_cold(*tries.cold)),
    ]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


INTRODUCTION = """# Robustness

    make evaluate SCALE=robustness

Small **simulated** worlds, each of which lacks something or has too much of it; the rest is on the page of the
[evaluation](evaluation.md), and so are prompts of corpora that no part of the detector has seen ("On real prompts").
This page is written by the command. Innocents are counted with exact 95 % intervals (Clopper and Pearson); so few of
them cannot show that the bar of 200 per million is kept, only where it is not."""

ALONE = """The campaigns of one world help to find one another, because their templates are made from the same phrases:
what is learnt of one holds for the next. Here each is alone with the innocents, the thin ones at the size of their
disclosure. Two days are short: most of what leaks of a thin campaign leaks before it is found."""

ABLATED = """The hydra alone, with the six families of signals that campaigns are judged by switched off one by one and
two by two. What ties accounts is a signal too: without content no template ties, without identity no payment."""

ATTACKS = f"""The scenario `adaptive` with other choices than its own, each alone with the innocents of a small world.
Exchanges are per account that the attacker holds at a time, and per day of the {ACTIVE_DAYS} that it lasts: what it
sends while nobody watches, and what a gateway lets through. Its cost are the accounts it uses up."""

TRAFFIC = """The innocents ask twice or half as often (`release_benchmark` excepted, whose questions are given), or are
twice or half as many where there can be more than one of them; the campaigns are the same. Of each campaign: leaked,
and accounts found."""

WEEK = """Seven days on which nobody is guilty, and one change of the schema upon the other. Nobody may be suspended.
All records still decode: one that does not is a dead letter, and leads to nothing. Without `reseller_gateway`."""

DAYS = """Everybody asks the new model from noon on, at twice the usual pace, and three hundred people run the
benchmarks, while a campaign moves too (`release_pivot`). All eight hundred customers with programs retry through an
outage of 35 minutes, while a relay runs."""

COLD = """The detector begins with empty states a day after the campaigns did. What leaked is beside what the campaign
sends in those hours while nobody watches. Harm is counted where an account is limited for the first time."""


def _alone(worlds: Mapping[str, Evaluation]) -> Iterator[str]:
    heads = "leaked | of extraction | passed | accounts found | first limit | innocents limited"
    yield f"| campaign | accounts | exchanges | {heads} |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for name, world in worlds.items():
        found = of_scenario([world], name)
        yield (
            f"| {name} | {sum(it.accounts for it in found):,} | {sum(it.exchanges for it in found):,} "
            f"| {spread([it.leakage for it in found])} | {spread([it.extraction_leakage for it in found])} "
            f"| {spread([it.passed_share for it in found])} "
            f"| {spread([it.recall for it in found])} | {middle([it.minutes_from_evidence for it in found])} "
            f"| {harm(world.innocents[-1].limited)} |"
        )


def _ablated(worlds: Mapping[tuple[str, ...], Evaluation]) -> Iterator[str]:
    yield "| switched off | leaked | accounts found | first limit | innocents limited |"
    yield "|---|---|---|---|---|"
    for off, world in worlds.items():
        (campaign,) = world.campaigns
        yield (
            f"| {' and '.join(off) or 'nothing'} | {campaign.leakage:.1%} | {campaign.recall:.1%} "
            f"| {middle([campaign.minutes_from_evidence])} | {harm(world.innocents[-1].limited)} |"
        )


def _attacks(attacks: Mapping[str, Attack]) -> Iterator[str]:
    heads = "accounts | nobody watches | left | all that passed | accounts used up | found | innocents limited"
    yield f"| attacker | {heads} |"
    yield "|---|---|---|---|---|---|---|---|"
    for name, it in attacks.items():
        (campaign,) = it.found.campaigns
        per = it.accounts * ACTIVE_DAYS
        yield (
            f"| {name} | {it.accounts:,} | {it.unwatched / per:,.0f} | {campaign.passed / per:,.1f} "
            f"| {campaign.passed:,} of {it.unwatched:,} | {campaign.limited:,} | {campaign.recall:.0%} "
            f"| {harm(it.found.innocents[-1].limited)} |"
        )
    best = max(attacks, key=lambda name: attacks[name].found.campaigns[0].passed)
    most = attacks[best].found.campaigns[0]
    yield ""
    lost = 1_000 * most.limited / max(1, most.passed)
    yield (
        f"Its best reply of these, by what passes: {best}. That is {most.passed / attacks[best].unwatched:.0%} of what "
        f"it sends while nobody watches, for {lost:,.0f} accounts lost per thousand exchanges."
    )


def _worlds(head: str, worlds: Mapping[str, Evaluation]) -> Iterator[str]:
    """A row a world: what was harmed, and of each campaign what leaked and who was found."""
    campaigns = sorted({it.campaign_id for world in worlds.values() for it in world.campaigns})
    yield f"| {head} | records | innocents limited | suspended | whom | {' | '.join(campaigns)} |"
    yield "|---|---|---|---|---|" + "---|" * len(campaigns)
    for name, world in worlds.items():
        by_id = {it.campaign_id: it for it in world.campaigns}
        told = [_leaked_and_found(by_id[it]) if it in by_id else "" for it in campaigns]
        yield f"| {name} | {world.records:,} | {_harmed(world)} | {whom(world)} | {' | '.join(told)} |"


def _changes() -> Iterator[str]:
    for week, changes in WEEKS.items():
        if changes:
            yield f"- **{week}**: " + "; ".join(f"{it.what} (day {it.day + 1:.0f})" for it in changes) + "."


def _weeks(weeks: Mapping[str, Evaluation]) -> Iterator[str]:
    yield "| week | records | innocents limited | suspended | whom |"
    yield "|---|---|---|---|---|"
    for name, world in weeks.items():
        yield f"| {name} | {world.records:,} | {_harmed(world)} | {whom(world)} |"


def _cold(first: Begun, both: Begun) -> Iterator[str]:
    """The first day as it was, and the second as what there is more of after both."""
    yield f"| hours | {' | '.join(f'{name} leaked' for name in MIXED)} | innocents limited |"
    yield "|---|" + "---|" * (len(MIXED) + 1)
    before, after = ({it.campaign_id: it.leaked for it in begun.found.campaigns} for begun in (first, both))
    limited, later = (begun.found.innocents[-1].limited for begun in (first, both))
    told = [f"{before[it]:,} of {first.unwatched[it]:,}" for it in MIXED]
    yield f"| 1 to 24 | {' | '.join(told)} | {harm(limited)} |"
    told = [f"{after[it] - before[it]:,} of {both.unwatched[it] - first.unwatched[it]:,}" for it in MIXED]
    yield f"| 25 to 48 | {' | '.join(told)} | {harm(interval(later.count - limited.count, later.of))} |"


def _harmed(world: Evaluation) -> str:
    everybody = world.innocents[-1]
    return f"{harm(everybody.limited)} | {everybody.suspended.count:,}"


def _leaked_and_found(campaign: CampaignResult) -> str:
    return f"{campaign.leakage:.1%}, {campaign.recall:.0%}"
