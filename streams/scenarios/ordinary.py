"""Ordinary customers, who ask what people ask, by day, in conversations, most of them a little."""

from functools import lru_cache

from streams.scenarios.arrivals import Crowd, converse, crowd_arrivals
from streams.scenarios.conversations import Conversation, ordinary_conversation
from streams.scenarios.people import REMEMBERED, Person, ordinary_person
from streams.scenarios.stage import Script, Stage

ACCOUNTS = 5_000
CONVERSATIONS_A_DAY = 7.0
VOLUME_SPREAD = 1.1


def ordinary(stage: Stage) -> Script:
    """Five thousand ordinary accounts over a day: heavy-tailed use by local time, in conversations of all kinds.

    No disclosure counts ordinary users, so every figure is our own: seven conversations a day of 3.3 requests for the
    average account (23 requests; 14 for the median account, about 700 for the heaviest of 5,000), the shape
    of the day, the mix of plans, devices and networks (`streams.scenarios.people`), 2 % errors and 0.5 % refusals.
    """
    random = stage.random("play")
    crowd = Crowd(stage.random("crowd"), stage.size(ACCOUNTS), VOLUME_SPREAD)

    @lru_cache(REMEMBERED)
    def person(index: int) -> Person:
        return ordinary_person(stage, index, crowd.places[index], crowd.volumes[index])

    def begin(index: int, _at_ms: int) -> Conversation:
        return ordinary_conversation(stage, random, person(index))

    arrivals = crowd_arrivals(stage, crowd, CONVERSATIONS_A_DAY * stage.days, stage.window)
    return converse(random, arrivals, begin, stage.end_ms)
