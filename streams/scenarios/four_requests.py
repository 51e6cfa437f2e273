"""A campaign of users who each send about four requests and never come back."""

from random import Random

from streams.scenarios.arrivals import converse, steady
from streams.scenarios.conversations import Conversation
from streams.scenarios.people import Person
from streams.scenarios.pool import extraction, recruit
from streams.scenarios.prompts.extraction import TEMPLATES
from streams.scenarios.stage import HOUR_MS, MINUTE_MS, Script, Stage

USERS, DAYS = 15_000, 27
MOST_REQUESTS = 7
"""One to seven: four on average."""


def four_requests(stage: Stage) -> Script:
    """Users open an account, send about four requests, and leave: fifteen thousand of them in 27 days.

    After OpenAI's case (September 2026): about 60,000 exchanges over more than 15,000 users, some four requests each,
    about 27 days from first activity to disruption. Our own figures: 556 users a day, one to seven requests within some
    minutes, accounts on the free plan opened in the hours before, no payment, thirty kinds of client, whole sentences
    reworded.
    """
    random = stage.random("play")

    def member(number: int, at_ms: int) -> Person:
        opened_ms = at_ms - MINUTE_MS - int(stage.random("birth", number).random() * 6 * HOUR_MS)
        return recruit(stage, number, opened_ms=opened_ms, payer=number, plans=("free",), devices=30)

    def begin(number: int, at_ms: int) -> Conversation:
        template = random.choice(TEMPLATES["reasoning"])
        turns = 1 + random.randrange(MOST_REQUESTS)
        return extraction(stage, random, member(number, at_ms), template, "sentences", turns)

    times = steady(stage, "users", USERS / DAYS * stage.scale)
    return converse(random, ((at_ms, number) for number, at_ms in enumerate(times)), begin, stage.end_ms, _pause_ms)


def _pause_ms(random: Random) -> int:
    return 10_000 + int(random.expovariate(1 / (2 * MINUTE_MS)))
