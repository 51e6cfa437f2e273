"""A campaign spread so thin that each account looks like a person's."""

from functools import cache

from streams.events import Capability
from streams.scenarios.arrivals import WEEK_SHAPE, converse, steady
from streams.scenarios.conversations import Conversation
from streams.scenarios.people import Person
from streams.scenarios.pool import Pool, extraction, recruit
from streams.scenarios.prompts.extraction import TEMPLATES
from streams.scenarios.stage import DAY_MS, HOUR_MS, Script, Stage

ACCOUNTS = 1_500
REQUESTS_A_DAY = 10
ACCOUNTS_A_PAYMENT = 5
CAPABILITIES: tuple[Capability, ...] = ("coding", "tool_use", "reasoning")
REPLACED_AFTER_MS = (12 * HOUR_MS, 48 * HOUR_MS)


def thin(stage: Stage) -> Script:
    """Fifteen hundred accounts send ten requests a day each, by day, as a person would.

    After the disclosure about Xiaomi (September 2026): more than 400,000 exchanges over more than 1,500 accounts, very
    thin per account. Our own figures: ten requests a day (four weeks make 420,000), by the hours of a working week,
    five accounts on a payment instrument, up to two months old on three plans, thirty kinds of client, sentences
    reworded and reordered, a limited account replaced within two days.
    """
    random = stage.random("play")
    accounts = stage.size(ACCOUNTS)
    pool = Pool(stage, accounts, replaced_after_ms=REPLACED_AFTER_MS)

    @cache
    def member(number: int) -> Person:
        opened_ms = stage.start_ms - int((1 + stage.random("birth", number).random() * 59) * DAY_MS)
        return recruit(
            stage,
            number,
            opened_ms=pool.opened_ms.get(number, opened_ms),
            payer=number // ACCOUNTS_A_PAYMENT,
            plans=("free", "pro", "max"),
            devices=30,
        )

    def begin(_worker: int, at_ms: int) -> Conversation | None:
        account = pool.least_recently_used(at_ms)
        if account is None:
            return None
        capability = random.choice(CAPABILITIES)
        return extraction(stage, random, member(account), random.choice(TEMPLATES[capability]), "sentences")

    times = steady(stage, "extraction", accounts * REQUESTS_A_DAY, WEEK_SHAPE)
    return converse(random, ((at_ms, 0) for at_ms in times), begin, stage.end_ms)
