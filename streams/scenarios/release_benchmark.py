"""The days after a release, when everybody runs the same public benchmark on the new model."""

from collections.abc import Iterator
from functools import cache
from heapq import merge

from msgspec.structs import replace

from streams.scenarios.addresses import place_of
from streams.scenarios.arrivals import Arrival, converse
from streams.scenarios.conversations import Author, Conversation, verbatim_author
from streams.scenarios.people import CLIENTS, Person, ordinary_person, with_key, zipf
from streams.scenarios.prompts import GRAMMAR
from streams.scenarios.stage import HOUR_MS, Script, Stage

PEOPLE = 300
BENCHMARKS = 3
QUESTIONS = 200
RUN_MS = HOUR_MS
FEVER_MS = 36 * HOUR_MS


def release_benchmark(stage: Stage) -> Script:
    """Three hundred unrelated people run one of three public benchmarks on the model that was just released.

    After "benchmark fever on a release day" in the brief; the three hundred people, the three benchmarks of 200
    questions, an hour for a run and a day and a half of fever are our own. Everybody sends the benchmark's questions in
    its frame, letter by letter, from an account, an address and a payment of their own. The release is in the middle of
    the time that is simulated.
    """
    random = stage.random("play")

    @cache
    def question(benchmark: int, number: int) -> Author:
        asked = GRAMMAR.opening(stage.random("question", benchmark, number), "reasoning")
        return verbatim_author(
            f"Benchmark {benchmark + 1}. Think step by step and end with the answer.\n\n{asked}\n\nAnswer:"
        )

    @cache
    def runner(index: int) -> tuple[Person, int]:
        own = stage.random("runner", index)
        person = ordinary_person(stage, index, place_of(own), 9.0, "look_alike:release_benchmark")
        person = replace(
            with_key(stage, person, index),
            user_agents=(zipf(own, CLIENTS),),
            connections=person.connections[:1],
            adopts_ms=stage.release_ms,
        )
        return person, own.randrange(BENCHMARKS)

    def begin(which: int, _at_ms: int) -> Conversation:
        index, number = divmod(which, QUESTIONS)
        person, benchmark = runner(index)
        return Conversation(random, person, "reasoning", 1, question(benchmark, number))

    arrivals = merge(*[_run(stage, index) for index in range(stage.size(PEOPLE))])
    return converse(random, arrivals, begin, stage.end_ms)


def _run(stage: Stage, index: int) -> Iterator[Arrival]:
    """One person's questions in their order; most people are early."""
    random = stage.random("run", index)
    fever_ms = min(FEVER_MS, stage.end_ms - stage.release_ms - 2 * RUN_MS)
    at_ms = stage.release_ms + int(random.random() ** 2 * fever_ms)
    for number in range(QUESTIONS):
        at_ms += int(RUN_MS / QUESTIONS * (0.5 + random.random()))
        yield at_ms, index * QUESTIONS + number
