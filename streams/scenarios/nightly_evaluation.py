"""A company that grades its own product's answers every night, by the thousand, with one rubric."""

from functools import cache
from itertools import chain
from random import Random

from msgspec.structs import replace

from streams.scenarios.addresses import Connection, host, network_of, place_of, subnet
from streams.scenarios.arrivals import FLAT, Crowd, converse, crowd_arrivals
from streams.scenarios.conversations import Author, Conversation
from streams.scenarios.people import Person, of_company, ordinary_person
from streams.scenarios.prompts import Prompts, reply
from streams.scenarios.stage import DAY_MS, HOUR_MS, Script, Stage

COMPANIES = 1
REQUESTS = 4_000
NIGHT = (2 * HOUR_MS, 4 * HOUR_MS)


def nightly_evaluation(stage: Stage) -> Script:
    """One enterprise account grades four thousand answers with one rubric between two and four at night.

    After "nightly evaluation runs" and "CI keys" in the brief; the hours and the four thousand are our own. It has the
    plan for it, pays for it, and comes from one hosting network, as a job in the cloud does.
    """
    random = stage.random("play")
    crowd = Crowd(stage.random("crowd"), stage.size(COMPANIES), 0.0)

    @cache
    def company(index: int) -> tuple[Person, Author]:
        own = stage.random("company", index)
        place = place_of(own)
        network = network_of(own, place, "hosting")
        person = replace(
            of_company(
                stage,
                ordinary_person(stage, index, place, 1.0, "look_alike:nightly_evaluation"),
                "company",
                index,
                index,
            ),
            plan="enterprise",
            account_created_at_ms=stage.start_ms - (200 + own.randrange(400)) * DAY_MS,
            user_agents=("python-sdk/2.3.1",),
            connections=(Connection(network, host(own, subnet(own, network))),),
        )
        return person, _author(own, stage.sources.innocent)

    def begin(index: int, _at_ms: int) -> Conversation:
        person, author = company(index)
        return Conversation(random, person, "rubric_grading", 1, author)

    nights = range(stage.start_ms, stage.end_ms, DAY_MS)
    arrivals = (
        crowd_arrivals(stage, crowd, REQUESTS, (day_ms + NIGHT[0], day_ms + NIGHT[1]), FLAT) for day_ms in nights
    )
    return converse(random, chain.from_iterable(arrivals), begin, stage.end_ms)


def _author(own: Random, prompts: Prompts) -> Author:
    """The company's rubric, with a customer's question and the product's answer in its slots."""
    product, length = own.choice(("help desk", "shop", "travel", "billing")), own.randrange(2, 6)
    rubric = (
        f"You are grading the answers of our {product} assistant. Score it from 1 to {length + 3} for accuracy, "
        f"for tone and for completeness, then give a verdict in at most {length} sentences."
    )

    def write(random: Random, _turn: int) -> str:
        return (
            f"{rubric}\n\nQuestion: {prompts.opening(random, 'other', beside=len(rubric))}\n\nAnswer: {reply(random)}"
        )

    return write
