"""The hydra: twenty thousand accounts of a reseller at once, and a new one for each that is taken from it."""

from collections.abc import Iterator
from functools import cache
from heapq import merge

from streams.scenarios.arrivals import WEEK_SHAPE, Arrival, converse, steady
from streams.scenarios.conversations import Conversation, ordinary_conversation
from streams.scenarios.people import Person
from streams.scenarios.pool import Pool, extraction, recruit
from streams.scenarios.relay import FAMILIES, REQUESTS_A_CONVERSATION
from streams.scenarios.stage import DAY_MS, HOUR_MS, Script, Stage

ACCOUNTS = 20_000
REQUESTS_A_DAY = 100
UNRELATED_SHARE = 0.5
ACCOUNTS_A_PAYMENT = 8
PRIORITIES = 2
SESSIONS = 2
DEVICES = 12
REPLACED_AFTER_MS = (2 * HOUR_MS, 6 * HOUR_MS)
UNRELATED = 0


def hydra(stage: Stage) -> Script:
    """A reseller's twenty thousand accounts, half of their traffic unrelated customers', each replaced within hours.

    After the disclosures of February 2026 (one proxy reseller with more than 20,000 accounts at once, mixed with
    unrelated customers' requests, variants of one template over hundreds of accounts, a banned account replaced by a
    new one) and the schedulers in the brief: priority, then least recently used, a session sticks for about an hour, a
    static residential proxy an account. Our own figures: 100 requests an account a day, half of them unrelated, eight
    accounts on a payment instrument, opened over the last 40 days, twelve kinds of client, two priorities, two sessions
    an account at a time, templates reworded word by word, replacements after two to six hours.
    """
    random = stage.random("play")
    accounts = stage.size(ACCOUNTS)
    pool = Pool(stage, accounts, replaced_after_ms=REPLACED_AFTER_MS, priorities=PRIORITIES, sessions=SESSIONS)

    @cache
    def member(number: int) -> Person:
        opened_ms = stage.start_ms - int(stage.random("birth", number).random() * 40 * DAY_MS)
        return recruit(
            stage,
            number,
            opened_ms=pool.opened_ms.get(number, opened_ms),
            payer=number // ACCOUNTS_A_PAYMENT,
            devices=DEVICES,
        )

    def begin(worker: int, at_ms: int) -> Conversation | None:
        if worker == UNRELATED:
            account = pool.least_recently_used(at_ms, REQUESTS_A_CONVERSATION, REQUESTS_A_CONVERSATION)
            return None if account is None else ordinary_conversation(stage, random, member(account))
        account = pool.account_for(worker, at_ms)
        if account is None:
            return None
        return extraction(stage, random, member(account), random.choice(FAMILIES), "words")

    return converse(random, merge(_extraction(stage, accounts), _unrelated(stage, accounts)), begin, stage.end_ms)


def _extraction(stage: Stage, accounts: int) -> Iterator[Arrival]:
    """The extractor's requests, by as many workers as there are accounts, day and night."""
    random = stage.random("workers")
    for at_ms in steady(stage, "extraction", accounts * REQUESTS_A_DAY * (1 - UNRELATED_SHARE)):
        yield at_ms, 1 + random.randrange(accounts)


def _unrelated(stage: Stage, accounts: int) -> Iterator[Arrival]:
    """The conversations of the reseller's other customers, most of them by day."""
    count = accounts * REQUESTS_A_DAY * UNRELATED_SHARE / REQUESTS_A_CONVERSATION
    for at_ms in steady(stage, "unrelated", count, WEEK_SHAPE):
        yield at_ms, UNRELATED
