"""Single accounts that hide extraction in ordinary use: a twentieth, a tenth or a quarter of their requests."""

from collections.abc import Iterator
from functools import cache
from heapq import merge

from msgspec.structs import replace

from streams.events import Capability
from streams.scenarios.addresses import place_of
from streams.scenarios.arrivals import DAY_SHAPE, Arrival, converse, poisson
from streams.scenarios.conversations import Conversation, ordinary_conversation
from streams.scenarios.people import HOURS_AHEAD, Person, ordinary_person
from streams.scenarios.pool import extraction
from streams.scenarios.prompts.extraction import TEMPLATES, Template
from streams.scenarios.stage import Script, Stage, Truth

REQUESTS_A_DAY = 1_500
REQUESTS_A_CONVERSATION = 3.3
CAPABILITIES: tuple[Capability, ...] = ("reasoning", "coding", "rubric_grading", "tool_use")


def diluted_5(stage: Stage) -> Script:
    """One busy account hides extraction in ordinary use: one request in twenty.

    After the third target of the brief: 5 % extraction in a window of 1,500 requests. Our own figures: an account on a
    max plan, months old, of somebody who sends 1,500 requests a day by the hours of their day, in conversations; the
    extraction is one template, reworded word by word. Each account is a campaign of its own; a larger scale brings more
    of them.
    """
    return _diluted(stage, 0.05)


def diluted_10(stage: Stage) -> Script:
    """One busy account hides extraction in ordinary use: one request in ten. Otherwise like `diluted_5`."""
    return _diluted(stage, 0.10)


def diluted_25(stage: Stage) -> Script:
    """One busy account hides extraction in ordinary use: one request in four. Otherwise like `diluted_5`."""
    return _diluted(stage, 0.25)


def _diluted(stage: Stage, share: float) -> Script:
    """`share` of the requests, in conversations of one request."""
    random = stage.random("play")
    of_conversations = share * REQUESTS_A_CONVERSATION / (1 - share + share * REQUESTS_A_CONVERSATION)
    requests_a_conversation = of_conversations + (1 - of_conversations) * REQUESTS_A_CONVERSATION

    @cache
    def suspect(number: int) -> tuple[Person, Template]:
        own = stage.random("suspect", number)
        person = replace(
            ordinary_person(stage, number, place_of(own), 10.0),
            truth=Truth(stage.account(number), f"campaign:{stage.scenario}", f"{stage.scenario} {number}"),
            plan="max",
            payment_hash=stage.opaque("payment", f"account {number}"),
            api_key_id=stage.opaque("key", number),
        )
        return person, own.choice(TEMPLATES[own.choice(CAPABILITIES)])

    def begin(number: int, _at_ms: int) -> Conversation:
        person, template = suspect(number)
        if random.random() < of_conversations:
            return extraction(stage, random, person, template, "words")
        return ordinary_conversation(stage, random, person)

    count = REQUESTS_A_DAY / requests_a_conversation * stage.days
    arrivals = merge(*[_arrivals(stage, number, count) for number in range(stage.size(1))])
    return converse(random, arrivals, begin, stage.end_ms)


def _arrivals(stage: Stage, number: int, count: float) -> Iterator[Arrival]:
    """The conversations of one account, by its own day."""
    random = stage.random("arrivals", number)
    ahead = HOURS_AHEAD[place_of(stage.random("suspect", number))]
    return ((at_ms, number) for at_ms in poisson(random, count, DAY_SHAPE, ahead, stage.window))
