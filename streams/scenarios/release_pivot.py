"""A campaign that extracts code and tool use, and turns to a new model within a day of its release."""

from functools import cache

from msgspec.structs import replace

from streams.events import Capability
from streams.scenarios.access_paths import step_ms
from streams.scenarios.arrivals import converse, steady
from streams.scenarios.conversations import Conversation
from streams.scenarios.people import MODELS, Person
from streams.scenarios.pool import Pool, extraction, recruit
from streams.scenarios.prompts.extraction import TEMPLATES
from streams.scenarios.stage import DAY_MS, HOUR_MS, Script, Stage

ACCOUNTS = 2_000
REQUESTS_A_DAY = 650
STEPS = (4, 12)
ACCOUNTS_A_PAYMENT = 10
PIVOT_SHARE, PIVOT_MS = 0.5, 24 * HOUR_MS
CAPABILITIES: tuple[Capability, ...] = ("coding", "tool_use")
WEIGHTS = (60, 40)
REPLACED_AFTER_MS = (6 * HOUR_MS, 24 * HOUR_MS)


def release_pivot(stage: Stage) -> Script:
    """Two thousand accounts extract code and tool use; half of it moves to a new model within a day of its release.

    After the disclosure about MiniMax (February 2026): more than 13 million exchanges over thousands of accounts,
    agentic coding, tool orchestration, tasks of several steps, and nearly half of the traffic on a new model within 24
    hours of its release. Our own figures: 2,000 accounts, 650 requests an account a day (ten days make 13 million),
    tasks of four to twelve steps, ten accounts on a payment instrument, up to three months old, words exchanged in the
    templates, a limited account replaced within a day. The release is in the middle of the time that is simulated.
    """
    random = stage.random("play")
    accounts = stage.size(ACCOUNTS)
    pool = Pool(stage, accounts, replaced_after_ms=REPLACED_AFTER_MS)

    @cache
    def member(number: int, adopts_ms: int) -> Person:
        own = stage.random("member", number)
        opened_ms = pool.opened_ms.get(number) or stage.start_ms - int((2 + own.random() * 88) * DAY_MS)
        person = recruit(stage, number, opened_ms=opened_ms, payer=number // ACCOUNTS_A_PAYMENT, plans=("max", "api"))
        return replace(person, model=MODELS[0], adopts_ms=adopts_ms)

    def begin(worker: int, at_ms: int) -> Conversation | None:
        account = pool.account_for(worker, at_ms, sum(STEPS) / 2)
        if account is None:
            return None
        moved = PIVOT_SHARE * min(1.0, (at_ms - stage.release_ms) / PIVOT_MS)
        person = member(account, stage.release_ms if random.random() < moved else stage.end_ms)
        capability = random.choices(CAPABILITIES, WEIGHTS)[0]
        template = random.choice(TEMPLATES[capability])
        return extraction(stage, random, person, template, "words", random.randint(*STEPS))

    tasks = steady(stage, "tasks", accounts * REQUESTS_A_DAY / (sum(STEPS) / 2))
    workers = stage.random("workers")
    return converse(random, ((at_ms, workers.randrange(accounts)) for at_ms in tasks), begin, stage.end_ms, step_ms)
