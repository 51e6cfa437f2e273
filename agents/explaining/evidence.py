"""The evidence of one judgement in words: by families, as a sum, against the steps, and what would change it."""

from collections.abc import Iterator, Mapping
from itertools import groupby
from textwrap import wrap

from agents.clock import moment
from streams.decisions import Action, Family
from streams.explaining import Change, Judgement, Step, Way, Weighed
from streams.explaining.explanation import Case
from streams.explaining.now import Now

WIDTH = 80
WAYS_SHOWN = 6

TEN = 10
"""From here on a figure needs no decimals."""

ACTIONS: Mapping[Action, str] = {
    "observe": "Observed: people look at it; nothing is refused.",
    "throttle": "Throttled: only so many of its requests pass.",
    "challenge": "Challenged: it must prove who it is before a request passes.",
    "suspend": "Suspended: every request is refused.",
    "release": "Released.",
}
"""What each action means for whoever it is about."""

FAMILIES: Mapping[Family, str] = {
    "volume": "how much is used",
    "rhythm": "when it is used",
    "identity": "who is behind it",
    "content": "what is sent",
    "capability": "what is asked of the model",
    "lifecycle": "how old the accounts are",
    "anomaly": "how unusual it is",
}
"""The kinds of evidence, in words."""


def evidence(judgement: Judgement) -> Iterator[Iterator[str]]:
    """The blocks of a page, in order."""
    if not judgement.reasons:
        return
    yield _reasons(judgement)
    yield _sum(judgement)
    yield _steps(judgement)
    yield _changes(judgement)


def name_of(action: Action | None) -> str:
    """An action as a noun in a sentence."""
    return "no action" if action is None else action


def verdict(now: Now) -> str:
    """Who was judged, the score, and what follows, in a sentence or two."""
    judged = f"{now.judgement.score:.1%}, {name_of(now.action)}"
    if now.accounts is None:
        said = f"By its own requests alone, whatever campaign it is counted to: {judged}."
    elif now.seen is None:
        said = f"With the {now.accounts:,} {plural('member', now.accounts)} it has: {judged}."
    else:
        members = f"{now.accounts:,} {plural('member', now.accounts)}"
        said = f"It has {members}, too few to judge, so all {now.seen:,} seen with it were judged: {judged}."
    if now.exempt_until_ms is None:
        return said
    return f"{said} A reviewer released it: until {moment(now.exempt_until_ms)} nothing follows from any evidence."


def plural(noun: str, count: int) -> str:
    """The noun as it stands behind a count."""
    return noun if count == 1 else f"{noun}s"


def wrapped(text: str, first: str = "", then: str | None = None) -> list[str]:
    """The text in lines of 80 columns, the first indented by `first`, the others by `then` or else the same."""
    later = first if then is None else then
    return wrap(
        text, WIDTH, initial_indent=first, subsequent_indent=later, break_on_hyphens=False, break_long_words=False
    ) or [first]


def _reasons(judgement: Judgement) -> Iterator[str]:
    yield "Evidence, by kind; of each kind only the strongest counts"
    numbered = list(enumerate(judgement.reasons, start=1))
    for family, group in groupby(numbered, key=lambda pair: pair[1].family):
        yield f"  {family}: {FAMILIES[family]}"
        first = None
        for number, it in group:
            first = first or number
            yield from wrapped(it.sentence, f"{number:>4}. ", "      ")
            added = f"+{it.weight:.1f} points" if it.counts else f"{it.weight:.1f} points, not added ({first} counts)"
            yield from wrapped(f"{it.observed_text} against {it.baseline_text}{_times(it)}; {added}", "      ")


def _times(it: Weighed) -> str:
    """How far over its baseline a figure is."""
    if it.times is None:
        return ""
    return f", {it.times:.1f} times" if it.times < TEN else f", {it.times:,.0f} times"


def _sum(judgement: Judgement) -> Iterator[str]:
    yield "The sum, in points (log-odds: a point more makes the odds 2.7 times as high)"
    yield f"  {judgement.prior:+6.1f}  to begin with, before any evidence"
    for number, it in enumerate(judgement.reasons, start=1):
        if it.counts:
            yield f"  {it.weight:+6.1f}  {it.family} ({number})"
    yield f"  {judgement.points:+6.1f}  in all, which is a score of {judgement.score:.1%}"


def _steps(judgement: Judgement) -> Iterator[str]:
    yield f"The steps{'':8}from score   kinds of evidence"
    for step in judgement.steps:
        yield f"  {step.action:14}{step.score:>11.0%}{step.families:>20}   {_reached(step)}"
    here = next((it for it in judgement.steps if it.action == judgement.action), None)
    if here is not None:
        yield from wrapped(
            f"It would fall below {here.action} if it lost more than {here.spare:.1f} points, or "
            f"{here.spare_families + 1} of its {judgement.families} kinds of evidence."
        )


def _reached(step: Step) -> str:
    return "reached" if step.reached else f"lacks {_lacking(step)}"


def _lacking(step: Step) -> str:
    lacking = [f"{-step.spare:.1f} points"] if step.spare < 0 else []
    if step.spare_families < 0:
        lacking.append(f"{-step.spare_families} {'kind' if step.spare_families == -1 else 'kinds'}")
    return " and ".join(lacking)


def _changes(judgement: Judgement) -> Iterator[str]:
    yield "What would have had to be otherwise: any one line is enough"
    if not judgement.changes:
        yield "  Nothing: this evidence leads to no action."
    for change in judgement.changes:
        yield from wrapped(f"for {_milder(change)}:", "  ")
        for way in change.ways[:WAYS_SHOWN]:
            yield from wrapped(_way(way, judgement), "  - ", "    ")
        if len(change.ways) > WAYS_SHOWN:
            yield f"    and {len(change.ways) - WAYS_SHOWN} more of {len(change.ways[0].without)} each; --json has all"


def _milder(change: Change) -> str:
    if change.action is None:
        return "no action at all"
    return "nothing to be refused (observe)" if change.action == "observe" else f"{change.action} or milder"


def _way(way: Way, judgement: Judgement) -> str:
    parts = [_gone(position + 1, judgement.reasons[position]) for position in way.without]
    return f"{', '.join(parts)}: {name_of(way.action)} ({way.score:.1%})"


def _gone(number: int, it: Weighed) -> str:
    return f"({number}) {it.signal.replace('_', ' ')} below {it.baseline_text}"


def whom_it_speaks_of(case: Case) -> Iterator[str]:
    """Of what is said of some members of a campaign only, what follows for one whom it is not said of."""
    if any(it.family == "identity" for it in case.judgement.reasons):
        yield from wrapped(
            "Who pays speaks only of members that share a payment. Of one that shares none the other evidence speaks, "
            f"and by itself means {name_of(case.without_identity)}."
        )
    if any(it.signal == "rotated_wordings" for it in case.judgement.reasons):
        yield from wrapped(
            "Rotated wordings speak only of members that rotate them, or were opened since and send one. Of any other "
            f"the other evidence speaks, and by itself means {name_of(case.without_rotation)}."
        )
    if any(it.family == "lifecycle" for it in case.judgement.reasons):
        yield from wrapped(
            "That accounts are new speaks only of those not half a year old. Of an older one the other evidence "
            f"speaks, and by itself means {name_of(case.without_lifecycle)}."
        )
