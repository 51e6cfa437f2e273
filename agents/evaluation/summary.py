"""What the judge says, in tables for a terminal of 80 columns."""

from collections.abc import Iterator, Sequence

from agents.evaluation.recorded import UNLABELLED
from streams.evaluation import CampaignResult, ClassResult, Evaluation
from streams.evaluation.bars import MILLION
from streams.evaluation.judge import ALL

MOST_NAMED = 5
MINUTES_A_DAY = 24 * 60
TWO_HOURS = 120
WIDTH = 80


def summary(found: Evaluation) -> str:
    """Campaigns, innocents, precision."""
    lines = [f"{found.records:,} records", ""]
    if found.campaigns:
        lines += [*campaign_table(found.campaigns), ""]
    if is_unlabelled(found):
        return "\n".join([*lines, _limited(found.innocents[-1])])
    lines += [*innocent_table(found.innocents), ""]
    precision = "nobody was limited" if found.precision is None else f"{found.precision:.1%} of {found.limited:,}"
    if found.campaigns:
        lines.append(f"Precision: {precision}. Average precision by score: {found.average_precision or 0:.3f}.")
        if (scores := found.calibration) is not None:
            lines.append(f"Calibration error of scores: {scores.error:.3f}. Brier score: {scores.brier:.3f}.")
    else:
        lines.append(f"No campaign is known. Limited: {found.limited:,} accounts.")
    return "\n".join(lines)


def is_unlabelled(found: Evaluation) -> bool:
    """Whether nobody said of any account what it is."""
    return not found.campaigns and {it.label for it in found.innocents} == {UNLABELLED, ALL}


def _limited(everybody: ClassResult) -> str:
    return (
        f"Limited, by the hardest action: {everybody.limited.count:,} of {everybody.accounts:,} accounts "
        f"({everybody.throttled.count:,} throttled, {everybody.challenged.count:,} challenged, "
        f"{everybody.suspended.count:,} suspended)."
    )


def campaign_table(campaigns: Sequence[CampaignResult]) -> Iterator[str]:
    """Of each campaign what leaked and passed, who was found, and how long that took."""
    heads = f"{'leaked':>7} {'passed':>7} {'found':>7} {'limit':>8} {'alert':>8}"
    yield f"{'campaign':17}{'accounts':>9} {'exchanges':>10} {heads}"
    for it in campaigns:
        yield (
            f"{it.campaign_id[:16]:16} {it.accounts:>9,} {it.exchanges:>10,} {it.leakage:>7.1%} {it.passed_share:>7.1%}"
            f" {it.recall:>7.1%} {minutes(it.minutes_from_evidence):>8} {minutes(it.minutes_to_alert):>8}"
        )
    replaced = [it for it in campaigns if it.replacements]
    if replaced:
        yield ""
        yield f"{'replaced':17}{'accounts':>9}{'tied to the campaign':>22}{'median wait':>13}"
    for it in replaced:
        share = it.relinked / it.replacements
        yield f"{it.campaign_id[:16]:17}{it.replacements:>9,}{share:>22.1%}{minutes(it.minutes_to_relink):>13}"


def innocent_table(innocents: Sequence[ClassResult]) -> Iterator[str]:
    """Of each class of innocents who was harmed, with the exact interval per million."""
    yield _at_the_end(
        f"{'everybody else':22} {'accounts':>8} {'throttled':>9} {'challenged':>10} {'suspended':>9}", "per million"
    )
    for it in innocents:
        name = class_name(it.label)[:22]
        counts = (
            f"{name} {it.accounts:>{30 - len(name)},} {it.throttled.count:>9,} {it.challenged.count:>10,} "
            f"{it.suspended.count:>9,}"
        )
        yield _at_the_end(counts, f"{it.limited.low * MILLION:,.0f}-{it.limited.high * MILLION:,.0f}")


def _at_the_end(line: str, last: str) -> str:
    """The line with its last column, behind a space, at the right edge."""
    return f"{line} {last:>{WIDTH - 1 - len(line)}}"


def class_name(label: str) -> str:
    """A label as people say it."""
    if label == "benign":
        return "ordinary"
    return "all together" if label == ALL else label.removeprefix("look_alike:").replace("_", " ")


def minutes(value: float | None) -> str:
    """A time span in the unit that suits it; `never` for None."""
    if value is None:
        return "never"
    if value < TWO_HOURS:
        return f"{value:.0f} min"
    return f"{value / 60:.1f} h" if value < 2 * MINUTES_A_DAY else f"{value / MINUTES_A_DAY:.1f} d"


def comparison(old: set[str], new: set[str]) -> str:
    """Who is limited by one set of decisions and not by the other."""
    lines = [f"Limited by both: {len(old & new):,}."]
    for sentence, accounts in (("Only by the new decisions", new - old), ("Only by the old ones", old - new)):
        lines.append(f"{sentence}: {len(accounts):,}{_some(sorted(accounts))}.")
    return "\n".join(lines)


def _some(named: Sequence[str]) -> str:
    if not named:
        return ""
    return f" ({', '.join(named[:MOST_NAMED])}{', ...' if len(named) > MOST_NAMED else ''})"
