"""A small relay that takes care: few requests, no shared payment, rewording, half of it somebody else's."""

from functools import cache

from streams.scenarios.arrivals import WEEK_SHAPE, converse, steady
from streams.scenarios.conversations import Conversation, ordinary_conversation
from streams.scenarios.people import Person
from streams.scenarios.pool import Pool, extraction, recruit
from streams.scenarios.relay import FAMILIES, REQUESTS_A_CONVERSATION
from streams.scenarios.stage import DAY_MS, HOUR_MS, Script, Stage

ACCOUNTS = 500
REQUESTS_A_DAY = 40
UNRELATED_SHARE = 0.5
REPLACED_AFTER_MS = (2 * HOUR_MS, 12 * HOUR_MS)


def quiet_relay(stage: Stage) -> Script:
    """Five hundred accounts of a careful relay: forty requests a day, half unrelated, reworded, no shared payment.

    After the small relay on which an open-source peer was measured: 500 accounts, half of their traffic unrelated, 40
    requests a day each, no shared payment, reworded prompts. Our own figures: requests by the hours of a working week,
    accounts up to four months old, forty kinds of client, whole sentences reworded and reordered, a limited account
    replaced within twelve hours.
    """
    random = stage.random("play")
    accounts = stage.size(ACCOUNTS)
    pool = Pool(stage, accounts, replaced_after_ms=REPLACED_AFTER_MS)
    share = (1 - UNRELATED_SHARE) / (1 - UNRELATED_SHARE + UNRELATED_SHARE / REQUESTS_A_CONVERSATION)
    a_conversation = share + (1 - share) * REQUESTS_A_CONVERSATION

    @cache
    def member(number: int) -> Person:
        opened_ms = stage.start_ms - int((1 + stage.random("birth", number).random() * 119) * DAY_MS)
        return recruit(
            stage, number, opened_ms=pool.opened_ms.get(number, opened_ms), payer=f"own {number}", devices=40
        )

    def begin(_worker: int, at_ms: int) -> Conversation | None:
        account = pool.least_recently_used(at_ms, a_conversation, a_conversation * UNRELATED_SHARE)
        if account is None:
            return None
        person = member(account)
        if random.random() < share:
            return extraction(stage, random, person, random.choice(FAMILIES), "sentences")
        return ordinary_conversation(stage, random, person)

    times = steady(stage, "conversations", accounts * REQUESTS_A_DAY / a_conversation, WEEK_SHAPE)
    return converse(random, ((at_ms, 0) for at_ms in times), begin, stage.end_ms)
