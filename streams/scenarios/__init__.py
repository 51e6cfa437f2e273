"""A labelled world to be judged in: campaigns, look-alikes and ordinary customers, one file each.

A scenario is a function from a `Stage` to its records in order of time, each with the truth about its account. Its
name is its function's name, its description the first sentence of its docstring. To add one, write its file and name
it in `CAMPAIGNS` or `LOOK_ALIKES`.

"The brief" is what this project was asked for: what AI providers and agencies disclosed in February and September 2026
of campaigns against them, the innocents that look like one and must stay unharmed, and the targets. Each docstring says
which of its figures are a disclosure's and which our own.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from heapq import merge

from streams.events import RequestRecord
from streams.scenarios.access_paths import access_paths
from streams.scenarios.adaptive import adaptive
from streams.scenarios.campus_nat import campus_nat
from streams.scenarios.classroom import classroom
from streams.scenarios.continuous_integration import continuous_integration
from streams.scenarios.diluted import diluted_5, diluted_10, diluted_25
from streams.scenarios.editor_commands import editor_commands
from streams.scenarios.fixed_prompt import fixed_prompt
from streams.scenarios.four_requests import four_requests
from streams.scenarios.holiday import holiday
from streams.scenarios.hydra import hydra
from streams.scenarios.marketing_template import marketing_template
from streams.scenarios.near_maximum import near_maximum
from streams.scenarios.new_teams import new_teams
from streams.scenarios.nightly_evaluation import nightly_evaluation
from streams.scenarios.ordinary import ordinary
from streams.scenarios.outage_retries import outage_retries
from streams.scenarios.prompt_plugin import prompt_plugin
from streams.scenarios.quiet_relay import quiet_relay
from streams.scenarios.relay import relay
from streams.scenarios.release_benchmark import release_benchmark
from streams.scenarios.release_pivot import release_pivot
from streams.scenarios.reseller_gateway import reseller_gateway
from streams.scenarios.shared_framework import shared_framework
from streams.scenarios.stage import Script, Stage, Truth
from streams.scenarios.synchronised import synchronised
from streams.scenarios.synthetic_data import synthetic_data
from streams.scenarios.thin import thin

__all__ = [
    "CAMPAIGNS",
    "LOOK_ALIKES",
    "MONDAY_MS",
    "SCENARIOS",
    "Scenario",
    "Script",
    "Stage",
    "Truth",
    "describe",
    "play",
    "simulate",
    "simulate_labelled",
]

MONDAY_MS = 1_791_158_400_000
"""2026-10-05T00:00:00Z, a Monday: when a simulation starts unless told otherwise."""

Scenario = Callable[[Stage], Script]
"""What plays on a stage."""


def _named(*scenarios: Scenario) -> Mapping[str, Scenario]:
    return {scenario.__name__: scenario for scenario in scenarios}


CAMPAIGNS = _named(
    relay,
    synchronised,
    access_paths,
    release_pivot,
    hydra,
    quiet_relay,
    fixed_prompt,
    near_maximum,
    thin,
    four_requests,
    diluted_5,
    diluted_10,
    diluted_25,
    adaptive,
)
"""Who is to be found."""

LOOK_ALIKES = _named(
    classroom,
    campus_nat,
    shared_framework,
    prompt_plugin,
    editor_commands,
    marketing_template,
    nightly_evaluation,
    continuous_integration,
    reseller_gateway,
    synthetic_data,
    release_benchmark,
    outage_retries,
    holiday,
    new_teams,
)
"""Who looks guilty and must stay unharmed."""

SCENARIOS: Mapping[str, Scenario] = {**_named(ordinary), **CAMPAIGNS, **LOOK_ALIKES}


def describe(name: str) -> str:
    """The scenario in one sentence; a `KeyError` if there is none of that name."""
    docstring = " ".join((SCENARIOS[name].__doc__ or "").split())
    return re.split(r"(?<=\.) ", docstring, maxsplit=1)[0]


def simulate(
    names: Sequence[str], *, seed: int, scale: float = 1.0, start_ms: int = MONDAY_MS, days: int = 1
) -> Iterator[RequestRecord]:
    """The records of the named scenarios over `days`, in order of time.

    The same arguments give the same records, and a scenario gives the same ones whether or not others play beside it.
    Memory grows by a few bytes with the accounts there are, and not with the records. `KeyError` if a name is unknown.
    """
    return (record for record, _ in simulate_labelled(names, seed=seed, scale=scale, start_ms=start_ms, days=days))


def simulate_labelled(
    names: Sequence[str], *, seed: int, scale: float = 1.0, start_ms: int = MONDAY_MS, days: int = 1
) -> Script:
    """Like `simulate`, each record with the truth about its account."""
    return play(Stage(name, seed, scale, start_ms, days) for name in dict.fromkeys(names))


def play(stages: Iterable[Stage], scenarios: Mapping[str, Scenario] = SCENARIOS) -> Script:
    """The scenarios of the stages beside one another. `KeyError` if the name of one is unknown.

    A stage's `limits` are asked as its scenario goes on: whoever takes the records one by one can keep them up to date.
    """
    return merge(*[scenarios[stage.scenario](stage) for stage in stages], key=_time)


def _time(line: tuple[RequestRecord, Truth]) -> int:
    return line[0].occurred_at_ms
