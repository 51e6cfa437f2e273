"""A customer who has the model write training data about the customer's own documents."""

from functools import cache
from itertools import chain
from random import Random

from msgspec.structs import replace

from streams.scenarios.addresses import Connection, host, network_of, place_of, subnet
from streams.scenarios.arrivals import FLAT, Crowd, converse, crowd_arrivals
from streams.scenarios.conversations import Author, Conversation
from streams.scenarios.people import Person, of_company, ordinary_person
from streams.scenarios.prompts import follow_up, reply
from streams.scenarios.prompts.words import FIELDS, PLACES
from streams.scenarios.stage import DAY_MS, HOUR_MS, Script, Stage

COMPANIES = 1
WORKERS = 3
DOCUMENTS_A_DAY = 6_000
JOB = (8 * HOUR_MS, 20 * HOUR_MS)


def synthetic_data(stage: Stage) -> Script:
    """One company has questions and answers written about six thousand documents of its own a day.

    After "a customer's own synthetic-data job on their own documents" in the brief; the company, its three keys under
    one organisation and one payment, six thousand documents over twelve hours of each day and the template are our own.
    What it asks for is what an extractor asks for; the documents, the plan and the payer are a customer's.
    """
    random = stage.random("play")
    companies = stage.size(COMPANIES)
    crowd = Crowd(stage.random("crowd"), companies * WORKERS, 0.0)

    @cache
    def worker(index: int) -> tuple[Person, Author]:
        own = stage.random("company", index // WORKERS)
        place = place_of(own)
        network = network_of(own, place, "hosting")
        person = replace(
            of_company(
                stage,
                ordinary_person(stage, index, place, 1.0, "look_alike:synthetic_data"),
                "company",
                index // WORKERS,
                index,
            ),
            plan="enterprise",
            account_created_at_ms=stage.start_ms - (50 + own.randrange(400)) * DAY_MS - index % WORKERS * HOUR_MS,
            user_agents=("python-sdk/2.4.0",),
            connections=(Connection(network, host(own, subnet(own, network))),),
        )
        return person, _author(own)

    def begin(index: int, _at_ms: int) -> Conversation:
        person, author = worker(index)
        return Conversation(random, person, "data_analysis", 1, author)

    days = range(stage.start_ms, stage.end_ms, DAY_MS)
    each = DOCUMENTS_A_DAY / WORKERS
    arrivals = (crowd_arrivals(stage, crowd, each, (day_ms + JOB[0], day_ms + JOB[1]), FLAT) for day_ms in days)
    return converse(random, chain.from_iterable(arrivals), begin, stage.end_ms)


def _author(own: Random) -> Author:
    """The company's template around one of its documents."""
    field, pairs = own.choice(FIELDS), own.randrange(3, 8)
    frame = (
        f"From the document below write {pairs} question and answer pairs for our {field} assistant. Use only what "
        "stands in the document, think through each answer step by step, and return JSON."
    )

    def write(random: Random, _turn: int) -> str:
        page = " ".join(reply(random) + " " + follow_up(random, "other") for _ in range(2 + int(random.random() * 4)))
        return f"{frame}\n\nDocument {random.randrange(100_000)}, {random.choice(PLACES)}:\n{page}"

    return write
