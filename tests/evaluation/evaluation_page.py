"""deploy/evaluation.md: what the suite found, written so that a person can check it."""

from collections.abc import Iterator, Sequence
from statistics import fmean

from msgspec import Struct

from agents.evaluation.summary import class_name
from streams.evaluation import CampaignResult, Evaluation
from streams.evaluation.bars import MILLION, Bar
from streams.evaluation.calibration import pooled
from streams.evaluation.intervals import interval
from streams.scenarios import CAMPAIGNS, describe
from tests.evaluation.tables import middle, of_scenario, spread

FOUND = 0.95
"""A campaign counts as found if so many of its accounts were limited."""


class Compared(Struct, frozen=True):
    """One detector in the comparison; a baseline has its best threshold in hindsight."""

    name: str
    found: Evaluation
    threshold: float | None


class Found(Struct, frozen=True):
    """What the suite found: worlds whose campaigns react, detectors beside one another, and the worlds on corpora."""

    reacting: Sequence[Evaluation]
    fixed: Sequence[Compared] = ()
    corpora: Sequence[Evaluation] = ()


def written(found: Found, bar: Bar, ran: str) -> str:
    """The page. `ran` says how, where and how long."""
    parts = [
        INTRODUCTION,
        ran,
        "\n".join(_totals(found.reacting)),
        "## Campaigns that react\n",
        REACTING,
        "\n".join(_campaigns(found.reacting)),
        "## Everybody else\n",
        "\n".join(_innocents(found.reacting)),
        "## What a score is worth\n",
        CALIBRATION,
        "\n".join(_calibration(found.reacting)),
        "## Past a bar in at least one world\n",
        SHORT,
        "\n".join(shortfalls(found.reacting, bar)),
    ]
    if found.fixed:
        comparison, leakage = _comparison(found.fixed), _leakage_by(found.fixed)
        parts += ["## Beside baselines\n", COMPARISON, "\n".join(comparison), "\n".join(leakage)]
    if found.corpora:
        parts += ["## On real prompts\n", CORPORA, "\n".join(_corpora(found.reacting[0], found.corpora))]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


INTRODUCTION = """# Evaluation

    make evaluate                  # a small world three times over, in half an hour
    make evaluate SCALE=medium     # a hundred thousand ordinary accounts, in half an hour
    make evaluate SCALE=full       # a million for half a day, campaigns of the size of their disclosures, in two hours
    make evaluate SCALE=hydra      # the hydra, twenty thousand accounts at once for a day, among a hundred thousand
    make evaluate SCALE=weeks      # each campaign alone for a week or longer, in an hour: weeks.md
    make evaluate SCALE=robustness # what is harder than that, in an hour: robustness.md
    make evaluate SCALE=ablation   # each campaign without each signal that limits it, in half an hour: ablation.md
    make evaluate SCALE=candidates # figures that are no signals, in five minutes: candidates.md

Everything here is **simulated** (`stillwatch simulate --list` describes each scenario, its file which figures are a
disclosure's and which our own). The seeds stood in `tests/evaluation/unseen_seeds.txt` when it ran; nothing else read
them, and no threshold was chosen by looking at these worlds. This page is written by the command.
Two days are short, and most of what leaks of a thin campaign leaks before it is found: [weeks](weeks.md) are longer.
[Robustness](robustness.md) has what is harder than these worlds: each campaign alone, signals switched off, an
attacker's best reply, traffic that doubles, a schema that drifts, a release, an outage, a cold start."""

REACTING = """Campaigns look who is limited and go on with the accounts that are not; some replace those they lose.
Leaked is the share of exchanges that came before their account, their template or how they pay was limited, of all that
the campaign sent or meant to send; "of extraction" is the same of what the campaign is after: not of unrelated
customers' requests that go through its accounts, and not of what hides the others. Gateways know how an account pays
and when it was opened. Passed is what a gateway lets through, also within a throttle's limits and after a limit ran
out. Times count from the campaign's 50th exchange. Found: limited by name, or for how they pay. Tied back: accounts
that came after the first limit and were named as members of a campaign found before, or stopped for paying as these do;
and how long after their first exchange.
Shares are means over the worlds, with the lowest and the highest; times are medians."""

CALIBRATION = """Of the accounts that any decision is about, observations included, by the highest score of a decision
about each: the share that is guilty, which should be the mean score. The expected calibration error (Naeini, Cooper and
Hauskrecht, AAAI 2015) is their distance, weighted by accounts; the Brier score is the mean squared distance of each
score from the truth. A campaign names its accounts once it is limited, so that low scores are few. The share of guilty
accounts in a simulated world is not the real one: among real customers, where it is far smaller, the same score is
worth less, by how much nobody can say from a simulation."""

SHORT = """Shares are the mean over the worlds, with the lowest and the highest. A campaign stands here if it is past
its bar in any of them, so a mean may be within it."""

COMPARISON = """One day of one world, in which nobody reacts, so that every detector sees the same events. Each
baseline suspends at the best threshold in hindsight: the lowest that keeps wrongly limited accounts within the bar of
200 per million, which in practice nobody knows beforehand. Stillwatch has the thresholds it ships with. A campaign is
found when 95 % of its accounts are limited. Sources: `tests/evaluation/baselines/`."""

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
    heads = "leaked | of extraction | passed | accounts found | first limit | first alert | tied back"
    yield f"| campaign | accounts | exchanges | {heads} |"
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for name in CAMPAIGNS:
        found = of_scenario(worlds, name)
        if not found:
            continue
        yield (
            f"| {name} | {sum(it.accounts for it in found):,} | {sum(it.exchanges for it in found):,} "
            f"| {spread([it.leakage for it in found])} | {spread([it.extraction_leakage for it in found])} "
            f"| {spread([it.passed_share for it in found])} "
            f"| {spread([it.recall for it in found])} | {middle([it.minutes_from_evidence for it in found])} "
            f"| {middle([it.minutes_to_alert for it in found])} | {_tied(found)} |"
        )
    yield ""
    yield from (f"- **{name}**: {describe(name)}" for name in CAMPAIGNS if of_scenario(worlds, name))


def _tied(found: Sequence[CampaignResult]) -> str:
    """How many of those that came later were tied back, and how soon; nothing where nobody was replaced."""
    replacing = [it for it in found if it.replacements]
    if not replacing:
        return ""
    replaced = sum(it.replacements for it in replacing)
    share = sum(it.relinked for it in replacing) / replaced
    return f"{share:.0%} of {replaced:,}, {middle([it.minutes_to_relink for it in replacing])}"


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


def _calibration(worlds: Sequence[Evaluation]) -> Iterator[str]:
    found = pooled([it.calibration for it in worlds if it.calibration is not None])
    if found is None:
        yield "No decision was about an account."
        return
    yield "| score | accounts | mean score | guilty | 95 % interval |"
    yield "|---|---|---|---|---|"
    for it in found.bins:
        yield (
            f"| {it.low:.1f} to {it.high:.1f} | {it.guilty.of:,} | {it.mean_score:.3f} | {it.guilty.share:.1%} "
            f"| {it.guilty.low:.1%} to {it.guilty.high:.1%} |"
        )
    yield ""
    guilty = sum(it.accounts for world in worlds for it in world.campaigns)
    share = guilty / (guilty + sum(it.innocents[-1].accounts for it in worlds))
    yield (
        f"Expected calibration error {found.error:.3f}, Brier score {found.brier:.4f}, over {found.accounts:,} "
        f"accounts. Of all accounts in these worlds {share:.0%} are guilty."
    )


def shortfalls(worlds: Sequence[Evaluation], bar: Bar) -> Iterator[str]:
    """Each scenario and harm that misses its bar in any world."""
    missed = 0
    for name in CAMPAIGNS:
        found = of_scenario(worlds, name)
        wanted = max((bar.leakage_for(it) for it in found), default=bar.leakage)
        if found and max(it.leakage for it in found) > wanted:
            missed += 1
            alone = spread([it.extraction_leakage for it in found])
            yield (
                f"- {name}: {spread([it.leakage for it in found])} leaked, of extraction {alone}; "
                f"the bar is {wanted:.0%}."
            )
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
        of = [of_scenario([it.found], name) for it in fixed]
        if of[0]:
            yield f"| {name} | {' | '.join(f'{fmean(c.leakage for c in found):.0%}' for found in of)} |"


def _corpora(grammar: Evaluation, corpora: Sequence[Evaluation]) -> Iterator[str]:
    yield "| leaked | grammar | corpora | corpora, sides changed |"
    yield "|---|---|---|---|"
    worlds = (grammar, *corpora)
    for name in CAMPAIGNS:
        of = [of_scenario([world], name) for world in worlds]
        yield f"| {name} | {' | '.join(f'{fmean(c.leakage for c in found):.0%}' for found in of)} |"
    harmed = [world.innocents[-1].limited for world in worlds]
    yield f"| innocents limited | {' | '.join(f'{it.count:,} of {it.of:,}' for it in harmed)} |"
