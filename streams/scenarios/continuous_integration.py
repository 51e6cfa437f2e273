"""Teams whose tests call the model on every commit, from runners that are new every time."""

from collections.abc import Iterator
from functools import cache
from heapq import merge
from random import Random

from msgspec.structs import replace

from streams.scenarios.addresses import Connection, network_of, place_of, subnet
from streams.scenarios.arrivals import DAY_SHAPE, Arrival, converse, poisson
from streams.scenarios.conversations import Conversation, verbatim_author
from streams.scenarios.people import HOURS_AHEAD, Person, of_company, ordinary_person
from streams.scenarios.prompts.words import FIELDS, NAMES, THINGS
from streams.scenarios.stage import DAY_MS, MINUTE_MS, Script, Stage

TEAMS = 20
RUNS_A_DAY = 18.0
TESTS = 30
RUN_MS = 4 * MINUTE_MS


def continuous_integration(stage: Stage) -> Script:
    """Twenty teams run thirty prompts as tests on each commit, with one key each, from a cloud's ever new addresses.

    After "CI keys" in the brief; the twenty teams, 18 commits a day by the team's working hours, thirty prompts within
    four minutes and the cloud's eight /24s are our own. The prompts are the same on every commit, word for word.
    """
    random = stage.random("play")

    @cache
    def team(number: int) -> tuple[Person, tuple[str, ...]]:
        own = stage.random("team", number)
        place = place_of(own)
        network = network_of(own, place, "hosting")
        person = replace(
            of_company(
                stage,
                ordinary_person(stage, number, place, 1.0, "look_alike:continuous_integration"),
                "team",
                number,
                number,
            ),
            plan="api",
            account_created_at_ms=stage.start_ms - (30 + own.randrange(500)) * DAY_MS,
            user_agents=("python-sdk/2.3.1", "node-sdk/2.1.0"),
            connections=(Connection(network, prefixes=tuple(subnet(own, network) for _ in range(8))),),
        )
        return person, tuple(_test(own) for _ in range(TESTS))

    def begin(which: int, _at_ms: int) -> Conversation:
        number, test = divmod(which, TESTS)
        person, tests = team(number)
        return Conversation(random, person, "other", 1, verbatim_author(tests[test]))

    arrivals = merge(*[_runs(stage, number) for number in range(stage.size(TEAMS))])
    return converse(random, arrivals, begin, stage.end_ms)


def _runs(stage: Stage, number: int) -> Iterator[Arrival]:
    """Each test of each run of one team, a run at a time."""
    random = stage.random("runs", number)
    ahead = HOURS_AHEAD[place_of(stage.random("team", number))]
    free_ms = stage.start_ms
    for commit_ms in poisson(random, RUNS_A_DAY * stage.days * stage.pace, DAY_SHAPE, ahead, stage.window):
        begun_ms = max(commit_ms, free_ms)
        free_ms = begun_ms + RUN_MS
        times = sorted(begun_ms + int(random.random() * RUN_MS) for _ in range(TESTS))
        yield from ((at_ms, number * TESTS + test) for test, at_ms in enumerate(times))


def _test(own: Random) -> str:
    """One prompt of the suite."""
    return (
        f"You are the assistant of a company in {own.choice(FIELDS)}. A customer called {own.choice(NAMES)} asks about "
        f"{own.randrange(2, 90)} {own.choice(THINGS)}. Reply in one sentence that contains the word "
        f"'{own.choice(THINGS)}', and nothing else."
    )
