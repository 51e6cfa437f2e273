"""A labelled world to be judged in: campaigns, look-alikes and ordinary customers, one file each.

A scenario is a function from a `Stage` to its records in order of time, each with the truth about its account. Its
name is its function's name, its description the first sentence of its docstring. To add one, write its file and name
it in `SCENARIOS`.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from heapq import merge

from streams.events import RequestRecord
from streams.scenarios.campus_nat import campus_nat
from streams.scenarios.classroom import classroom
from streams.scenarios.marketing_template import marketing_template
from streams.scenarios.nightly_evaluation import nightly_evaluation
from streams.scenarios.ordinary import ordinary
from streams.scenarios.relay import relay
from streams.scenarios.shared_framework import shared_framework
from streams.scenarios.stage import Script, Stage, Truth

__all__ = ["MONDAY_MS", "SCENARIOS", "Truth", "describe", "simulate", "simulate_labelled"]

MONDAY_MS = 1_791_158_400_000
"""2026-10-05T00:00:00Z, a Monday: when a simulation starts unless told otherwise."""

SCENARIOS: Mapping[str, Callable[[Stage], Script]] = {
    scenario.__name__: scenario
    for scenario in (
        ordinary,
        relay,
        classroom,
        nightly_evaluation,
        shared_framework,
        marketing_template,
        campus_nat,
    )
}


def describe(name: str) -> str:
    """The scenario in one sentence; a `KeyError` if there is none of that name."""
    docstring = " ".join((SCENARIOS[name].__doc__ or "").split())
    return re.split(r"(?<=\.) ", docstring, maxsplit=1)[0]


def simulate(
    names: Sequence[str], *, seed: int, scale: float = 1.0, start_ms: int = MONDAY_MS
) -> Iterator[RequestRecord]:
    """The records of the named scenarios over one day, in order of time.

    The same arguments give the same records, and a scenario gives the same ones whether or not others play beside it.
    Memory grows with the accounts that have spoken, not with the records. `KeyError` if a name is unknown.
    """
    return (record for record, _ in simulate_labelled(names, seed=seed, scale=scale, start_ms=start_ms))


def simulate_labelled(names: Sequence[str], *, seed: int, scale: float = 1.0, start_ms: int = MONDAY_MS) -> Script:
    """Like `simulate`, each record with the truth about its account (the same object for the same account)."""
    scripts = [SCENARIOS[name](Stage(name, seed, scale, start_ms)) for name in dict.fromkeys(names)]
    return merge(*scripts, key=lambda line: line[0].occurred_at_ms)
