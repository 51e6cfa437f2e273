"""A campaign of few accounts, each near the maximum of its plan."""

from functools import cache

from streams.events import Capability
from streams.scenarios.arrivals import converse, steady
from streams.scenarios.conversations import Conversation
from streams.scenarios.people import Person
from streams.scenarios.pool import extraction, recruit
from streams.scenarios.prompts.extraction import TEMPLATES
from streams.scenarios.stage import DAY_MS, Script, Stage

ACCOUNTS = 273
REQUESTS_A_DAY = 690
"""About 95 % of the 600,000 tokens a day of the plan."""
CAPABILITIES: tuple[Capability, ...] = ("reasoning", "coding")


def near_maximum(stage: Stage) -> Script:
    """Two hundred and seventy-three accounts use their plans to the maximum from their first hour on.

    After the disclosure about Zhipu (September 2026): more than 3.4 million exchanges over 273 accounts, each near its
    maximum; and after the agencies' second indicator, a new subscription used at its maximum at once. Our own figures:
    690 requests a day, which is about 95 % of a pro plan's tokens (18 days make 3.4 million exchanges), accounts opened
    within the last three days with a payment each, reasoning and coding, whole sentences reworded. Nobody is replaced.
    """
    random = stage.random("play")
    accounts = stage.size(ACCOUNTS)

    @cache
    def member(number: int) -> Person:
        opened_ms = stage.start_ms - int(stage.random("birth", number).random() * 3 * DAY_MS)
        return recruit(stage, number, opened_ms=opened_ms, payer=number, plans=("pro",), devices=8)

    def begin(number: int, at_ms: int) -> Conversation | None:
        if stage.limits.limited(stage.account(number), at_ms):
            stage.limits.turned_away(stage.scenario, at_ms, 1)
            return None
        capability = random.choice(CAPABILITIES)
        return extraction(stage, random, member(number), random.choice(TEMPLATES[capability]), "sentences")

    whose = stage.random("whose")
    times = steady(stage, "extraction", accounts * REQUESTS_A_DAY)
    return converse(random, ((at_ms, whose.randrange(accounts)) for at_ms in times), begin, stage.end_ms)
