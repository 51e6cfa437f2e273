"""A campaign whose accounts act as one: the same work, in the same minute, in equal shares."""

from collections.abc import Iterator
from functools import cache
from itertools import cycle

from streams.events import Capability
from streams.scenarios.arrivals import EXTRACTION_STARTS_MS, Arrival, converse
from streams.scenarios.conversations import Conversation
from streams.scenarios.people import Person
from streams.scenarios.pool import extraction, recruit
from streams.scenarios.prompts.extraction import TEMPLATES, Template
from streams.scenarios.stage import DAY_MS, MINUTE_MS, Script, Stage

ACCOUNTS = 600
ACCOUNTS_A_PAYMENT = 15
WAVE_MS = 15 * MINUTE_MS
REQUESTS_A_WAVE = 3
BURST_MS = MINUTE_MS
CAPABILITIES: tuple[Capability, ...] = ("reasoning", "rubric_grading", "policy_sensitive")
FAMILIES: tuple[Template, ...] = tuple(template for capability in CAPABILITIES for template in TEMPLATES[capability])


def synchronised(stage: Stage) -> Script:
    """Six hundred accounts with shared payments send equal shares of one template in the same minute, again and again.

    After the disclosure about DeepSeek (February 2026): more than 150,000 exchanges, foundational reasoning, grading by
    rubric, rewrites of policy-sensitive requests, synchronised traffic, identical patterns, shared payment methods,
    load balanced so that no account stands out. Our own figures: 600 accounts on 40 instruments, opened over the last
    three weeks, a wave every quarter of an hour in which each account sends three requests of one template within a
    minute, so that two days make about 300,000; templates reworded word by word. The share of a limited account is
    carried by the others.
    """
    random = stage.random("play")
    accounts = stage.size(ACCOUNTS)

    @cache
    def member(number: int) -> Person:
        opened_ms = stage.start_ms - int((1 + stage.random("birth", number).random() * 20) * DAY_MS)
        return recruit(stage, number, opened_ms=opened_ms, payer=number // ACCOUNTS_A_PAYMENT)

    @cache
    def family(wave: int) -> Template:
        return stage.random("wave", wave).choice(FAMILIES)

    def begin(number: int, at_ms: int) -> Conversation:
        return extraction(stage, random, member(number), family(at_ms // WAVE_MS), "words")

    return converse(random, _waves(stage, accounts), begin, stage.end_ms)


def _waves(stage: Stage, accounts: int) -> Iterator[Arrival]:
    """Each wave's requests, over the accounts that are not limited when it begins."""
    first_ms = stage.start_ms + EXTRACTION_STARTS_MS
    for wave_ms in range(first_ms, stage.end_ms, WAVE_MS):
        random = stage.random("order", wave_ms)
        left = [number for number in range(accounts) if not stage.limits.limited(stage.account(number), wave_ms)]
        if not left:
            stage.limits.turned_away(stage.scenario, wave_ms, REQUESTS_A_WAVE * accounts)
        else:
            times = sorted(int(random.random() * BURST_MS) for _ in range(REQUESTS_A_WAVE * accounts))
            yield from zip((wave_ms + at_ms for at_ms in times), cycle(left), strict=False)
