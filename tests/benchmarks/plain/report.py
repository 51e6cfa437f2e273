"""What is printed and written: two tables, and which bar was missed. Every line fits 100 columns."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct, field

from tests.benchmarks.plain.arena import Result
from tests.benchmarks.plain.field import Contestant

BAR_EVENTS_PER_SECOND = 120_000


class Outcome(Struct):
    """All about one contestant. `skipped` says why there is nothing else."""

    contestant: Contestant
    whole: Result | None = None
    killed: list[Result] = field(default_factory=list)
    skipped: str = ""


def speeds(outcomes: Sequence[Outcome]) -> list[str]:
    """A line per contestant: events a second, processor time an event, memory, exactness, the ratio; and remarks."""
    ours = next((it.whole for it in outcomes if it.contestant.kind == "ours"), None)
    lines = [
        f"{'':<31}{'events':>9}{'events/s':>10}{'CPU us':>9}{'Kafka':>7}{'Redis':>7}{'MiB':>6}{'exact':>7}{'x ours':>8}"
    ]
    for outcome in outcomes:
        title, whole = outcome.contestant.title, outcome.whole
        if whole is None:
            lines.append(f"{title:<31}  skipped: {outcome.skipped}"[:100])
            continue
        spent = whole.measured
        ratio = f"{whole.per_second / ours.per_second:.2f}" if ours else "-"
        lines.append(
            f"{title:<31}{whole.events:>9,}{whole.per_second:>10,.0f}{whole.microseconds(spent.processor_seconds):>9.2f}"
            f"{whole.microseconds(spent.kafka_seconds):>7.2f}{whole.microseconds(spent.redis_seconds):>7.2f}"
            f"{spent.peak_bytes / 2**20:>6.0f}{_exactness(outcome):>7}{ratio:>8}"
        )
    remarks = (
        f"{it.contestant.title}: {it.contestant.remark}." for it in outcomes if it.whole and it.contestant.remark
    )
    return [*lines, "", *remarks]


def kills(outcomes: Sequence[Outcome]) -> list[str]:
    """A line for each time that a contestant was killed: requests in windows, and alerts."""
    lines = [
        (
            f"{'after one kill -9':<31}{'lost':>9}{'twice':>9}{'alerts':>9}"
            f"{'sent':>7}{'again':>7}{'missing':>9}{'false':>7}"
        )
    ]
    verdicts = ((outcome.contestant.title, killed.verdict) for outcome in outcomes for killed in outcome.killed)
    lines += [
        f"{title:<31}{it.lost:>9,}{it.twice:>9,}{it.due:>9,}{it.sent:>7,}{it.repeated:>7,}"
        f"{it.missing:>9,}{it.false:>7,}  {'exact' if it.exact else ''}".rstrip()
        for title, it in verdicts
    ]
    return lines if len(lines) > 1 else []


def missed(outcomes: Sequence[Outcome], *, killed: bool) -> list[str]:
    """The bars that Stillwatch missed, one sentence each. `killed`: whether there was a second part."""
    ours = next((it for it in outcomes if it.contestant.kind == "ours"), None)
    if ours is None:
        return []
    if ours.whole is None:
        return [f"Stillwatch did not do the job: {ours.skipped}"]
    sentences = []
    rate = ours.whole.per_second
    if not ours.whole.verdict.exact:
        sentences.append(f"Stillwatch was not exact: {ours.whole.verdict}.")
    sentences += [
        f"{it.contestant.title} did {it.whole.per_second:,.0f} events/s, Stillwatch {rate:,.0f}."
        for it in outcomes
        if it.contestant.kind == "framework" and it.whole is not None and it.whole.per_second >= rate
    ]
    if rate < BAR_EVENTS_PER_SECOND:
        sentences.append(f"Stillwatch did {rate:,.0f} events/s, and the bar is {BAR_EVENTS_PER_SECOND:,}.")
    if killed and not ours.killed:
        sentences.append(f"Stillwatch did not come through kill -9: {ours.skipped}")
    sentences += [
        f"After kill -9 Stillwatch was not exact: {it.verdict}." for it in ours.killed if not it.verdict.exact
    ]
    return sentences


def scanned(rows: Mapping[int, Result]) -> list[str]:
    """A line per number of accounts: what an event costs, and how that compares with the first."""
    lines = [
        (
            f"{'accounts in Redis':>18}{'events/s':>10}{'CPU us':>9}{'Redis':>7}"
            f"{'both':>8}{'MiB':>6}{'exact':>7}{'x first':>9}"
        )
    ]
    first: float | None = None
    for accounts, result in rows.items():
        spent = result.measured
        both = result.microseconds(spent.processor_seconds + spent.redis_seconds)
        first = first or both
        lines.append(
            f"{accounts:>18,}{result.per_second:>10,.0f}{result.microseconds(spent.processor_seconds):>9.2f}"
            f"{result.microseconds(spent.redis_seconds):>7.2f}{both:>8.2f}{spent.peak_bytes / 2**20:>6.0f}"
            f"{'yes' if result.verdict.exact else 'NO':>7}{both / first:>9.2f}"
        )
    return lines


def written(outcomes: Sequence[Outcome], scan: Mapping[int, Result], about: Mapping[str, Any]) -> bytes:
    """All of it as JSON."""
    return msgspec.json.format(
        msgspec.json.encode({"about": about, "outcomes": list(outcomes), "accounts": dict(scan)}), indent=2
    )


def _exactness(outcome: Outcome) -> str:
    if outcome.whole is None or not outcome.contestant.keeps_windows:
        return "-"
    verdict = outcome.whole.verdict
    if verdict.exact:
        return "yes"
    return "alerts!" if verdict.exact_windows else "NO"
