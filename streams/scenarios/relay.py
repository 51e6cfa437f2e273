"""A relay ("hydra cluster") that resells access over fraudulent accounts and extracts a model through them."""

from collections.abc import Iterator
from functools import cache
from heapq import merge

from streams.scenarios.arrivals import DAY_SHAPE, Arrival, converse, steady
from streams.scenarios.conversations import Conversation, ordinary_conversation
from streams.scenarios.people import Person
from streams.scenarios.pool import Pool, extraction, recruit
from streams.scenarios.prompts.extraction import TEMPLATES, Template
from streams.scenarios.stage import DAY_MS, MINUTE_MS, Script, Stage

ACCOUNTS = 200
ACCOUNTS_A_PAYMENT = 10
ACCOUNTS_A_BIRTH_BURST = 25
BIRTH_BURST_MS = 20 * MINUTE_MS
REQUESTS_A_DAY = 375
UNRELATED_SHARE = 0.3
REQUESTS_A_CONVERSATION = 3.3
BATCH_MS = 30 * MINUTE_MS
BATCH_SHARE = 0.7
UNRELATED = 0
"""The worker number of everybody who is not the extractor; the extractor's workers count from 1."""

FAMILIES: tuple[Template, ...] = tuple(
    template for capability in ("reasoning", "coding", "rubric_grading") for template in TEMPLATES[capability]
)


def relay(stage: Stage) -> Script:
    """Two hundred fraudulent accounts of one relay, round the clock, extract coding, reasoning and grading.

    After the disclosures of February 2026 and the open-source schedulers in the brief: shared payment instruments,
    accounts a few days old, identical templates over all accounts, load balanced so that none stands out, requests
    stick to an account for about an hour and then go to the least recently used, one static residential proxy an
    account, unrelated customers' requests mixed in. Our own figures: 200 accounts on 20 instruments, opened in bursts
    of 25 within the last week, 375 requests an account a day, 30 % of them unrelated customers' conversations, five
    template families reworded word by word and worked off in batches of half an hour, from six in the morning on.
    Whoever is limited is not replaced: `hydra` does that.
    """
    random = stage.random("play")
    accounts = stage.size(ACCOUNTS)

    @cache
    def member(number: int) -> Person:
        instrument = stage.random("instrument", number).randrange(max(1, accounts // ACCOUNTS_A_PAYMENT))
        return recruit(stage, number, opened_ms=_opened_ms(stage, number), payer=instrument)

    @cache
    def batch(number: int) -> Template:
        return stage.random("batch", number).choice(FAMILIES)

    pool = Pool(stage, accounts)

    def begin(worker: int, at_ms: int) -> Conversation | None:
        if worker == UNRELATED:
            account = pool.least_recently_used(at_ms, REQUESTS_A_CONVERSATION, REQUESTS_A_CONVERSATION)
            return None if account is None else ordinary_conversation(stage, random, member(account))
        account = pool.account_for(worker, at_ms)
        if account is None:
            return None
        family = batch(at_ms // BATCH_MS) if random.random() < BATCH_SHARE else random.choice(FAMILIES)
        return extraction(stage, random, member(account), family, "words")

    arrivals = merge(_extraction(stage, accounts), _unrelated(stage, accounts))
    return converse(random, arrivals, begin, stage.end_ms)


def _opened_ms(stage: Stage, number: int) -> int:
    """When an account of the pool was opened: twenty-five of them within twenty minutes."""
    burst = stage.random("burst", number // ACCOUNTS_A_BIRTH_BURST)
    born_ms = stage.start_ms - int((0.5 + burst.random() * 6) * DAY_MS)
    return born_ms + int(stage.random("birth", number).random() * BIRTH_BURST_MS)


def _extraction(stage: Stage, accounts: int) -> Iterator[Arrival]:
    """The extractor's requests: as many workers as accounts, at a steady rate, day and night."""
    random = stage.random("workers")
    for at_ms in steady(stage, "extraction", accounts * REQUESTS_A_DAY * (1 - UNRELATED_SHARE)):
        yield at_ms, 1 + int(random.random() * accounts)


def _unrelated(stage: Stage, accounts: int) -> Iterator[Arrival]:
    """The conversations of the relay's other customers, most of them by day."""
    count = accounts * REQUESTS_A_DAY * UNRELATED_SHARE / REQUESTS_A_CONVERSATION
    for at_ms in steady(stage, "unrelated", count, DAY_SHAPE):
        yield at_ms, UNRELATED
