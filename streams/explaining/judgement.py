"""One decision taken apart: the evidence by families, its sum, the steps of the ladder, and what would change it."""

import math
from string import Formatter

from msgspec import Struct

from streams.decide import verdict_of
from streams.decisions import Action, Family, Reason
from streams.explaining.changes import Change, changes_of
from streams.policy import Ladder
from streams.signals import ACCOUNT_SIGNALS, CAMPAIGN_SIGNALS, NETWORK_SIGNALS

_SENTENCES = {it.name: it.sentence for it in (*ACCOUNT_SIGNALS, *NETWORK_SIGNALS, *CAMPAIGN_SIGNALS)}


class Weighed(Struct, frozen=True):
    """A reason as it counts: only the strongest of a family `counts`. `times`: how often the baseline is in it.

    `observed_text` and `baseline_text` are the figures as the signal's own sentence writes them, but with a decimal
    where there is one: a sentence may say 5 against 5 where it was 5.4.
    """

    signal: str
    family: Family
    sentence: str
    observed: float
    baseline: float
    weight: float
    counts: bool
    times: float | None
    observed_text: str
    baseline_text: str


class Step(Struct, frozen=True):
    """One step of the ladder: what it asks for, and what the evidence lacks of that.

    `spare` is by how much log-odds the evidence is above the step's score, below 0 by how much it is under;
    `spare_families` the same in families.
    """

    action: Action
    score: float
    families: int
    reached: bool
    spare: float
    spare_families: int


class Judgement(Struct, frozen=True):
    """What a ladder says to reasons. `points` are the log-odds: `prior` and the weights that count.

    `changes` name reasons by their position in `reasons`.
    """

    action: Action | None
    score: float
    prior: float
    points: float
    families: int
    reasons: tuple[Weighed, ...]
    steps: tuple[Step, ...]
    changes: tuple[Change, ...]


def judge(reasons: tuple[Reason, ...], ladder: Ladder) -> Judgement:
    """Judge reasons by a ladder; they are put family by family, the strongest family first."""
    verdict = verdict_of(reasons, ladder)
    by_family: dict[str, list[Reason]] = {}
    for reason in verdict.reasons:
        by_family.setdefault(reason.family, []).append(reason)
    ordered = [reason for family in by_family.values() for reason in family]
    points = ladder.prior + sum(family[0].weight for family in by_family.values())
    score = 1 / (1 + math.exp(-points))
    return Judgement(
        action=verdict.action,
        score=verdict.score,
        prior=ladder.prior,
        points=round(points, 6),
        families=len(by_family),
        reasons=tuple(
            _weighed(reason, counts=reason is family[0]) for family in by_family.values() for reason in family
        ),
        steps=tuple(
            Step(
                action=action,
                score=rung.score,
                families=rung.families,
                reached=score >= rung.score and len(by_family) >= rung.families,
                spare=round(points - math.log(rung.score / (1 - rung.score)), 6),
                spare_families=len(by_family) - rung.families,
            )
            for action, rung in ladder.rungs
        ),
        changes=changes_of(ordered, ladder),
    )


def _weighed(reason: Reason, *, counts: bool) -> Weighed:
    formats = {
        name: spec
        for _, name, spec, _ in Formatter().parse(_SENTENCES.get(reason.signal, ""))
        if name is not None and spec is not None
    }
    return Weighed(
        signal=reason.signal,
        family=reason.family,
        sentence=reason.sentence,
        observed=reason.observed,
        baseline=reason.baseline,
        weight=reason.weight,
        counts=counts,
        times=round(reason.observed / reason.baseline, 3) if reason.baseline > 0 else None,
        observed_text=_figure(reason.observed, formats.get("observed", "g")),
        baseline_text=_figure(reason.baseline, formats.get("baseline", "g")),
    )


def _figure(value: float, spec: str) -> str:
    return format(value, spec.replace(".0", ".1")).replace(".0%", "%").removesuffix(".0")
