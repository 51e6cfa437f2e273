"""An outage: requests fail for half an hour, and programs send them again and again until one goes through."""

from functools import lru_cache
from heapq import heappop, heappush
from random import Random

from msgspec.structs import replace

from streams.events import RequestRecord
from streams.scenarios.arrivals import Crowd, converse, crowd_arrivals
from streams.scenarios.conversations import Conversation, ordinary_conversation
from streams.scenarios.people import CLIENTS, REMEMBERED, Person, ordinary_person, with_key, zipf
from streams.scenarios.stage import HOUR_MS, MINUTE_MS, Script, Stage, Truth

ACCOUNTS = 800
CONVERSATIONS_A_DAY = 8.0
OUTAGE_AT_MS, OUTAGE_MS = 14 * HOUR_MS, 35 * MINUTE_MS
FIRST_RETRY_MS, LONGEST_RETRY_MS = 2_000, 2 * MINUTE_MS


def outage_retries(stage: Stage) -> Script:
    """Programs of eight hundred customers repeat their requests, with longer and longer pauses, through an outage.

    After "an outage followed by retries" in the brief; the eight hundred customers with programs, the 35 minutes on
    the afternoon of the first day, and pauses that double from two seconds to two minutes are our own. A request that
    failed is sent again as it was, so that many accounts are busy at once with repeats, and all recover together.
    """
    random = stage.random("play")
    crowd = Crowd(stage.random("crowd"), stage.size(ACCOUNTS), 1.0)

    @lru_cache(REMEMBERED)
    def customer(index: int) -> Person:
        own = stage.random("customer", index)
        person = ordinary_person(stage, index, crowd.places[index], crowd.volumes[index], "look_alike:outage_retries")
        return replace(
            with_key(stage, person, index),
            user_agents=(zipf(own, CLIENTS),),
        )

    def begin(index: int, _at_ms: int) -> Conversation:
        return ordinary_conversation(stage, random, customer(index))

    arrivals = crowd_arrivals(stage, crowd, CONVERSATIONS_A_DAY * stage.days, stage.window)
    return _with_outage(stage, converse(random, arrivals, begin, stage.end_ms))


def _with_outage(stage: Stage, script: Script) -> Script:
    """The script, but that nothing succeeds during the outage and what failed is tried again."""
    random = stage.random("retries")
    from_ms = stage.start_ms + OUTAGE_AT_MS
    until_ms = from_ms + OUTAGE_MS
    waiting: list[tuple[int, int, int, RequestRecord, Truth]] = []
    for order, (record, truth) in enumerate(script):
        yield from _retries(random, waiting, record.occurred_at_ms, until_ms)
        if not from_ms <= record.occurred_at_ms < until_ms:
            yield record, truth
            continue
        failed = _failed(record)
        yield failed, truth
        heappush(waiting, (record.occurred_at_ms + FIRST_RETRY_MS, order, FIRST_RETRY_MS, record, truth))
    yield from _retries(random, waiting, stage.end_ms, until_ms)


def _retries(
    random: Random, waiting: list[tuple[int, int, int, RequestRecord, Truth]], now_ms: int, until_ms: int
) -> Script:
    """Every repetition that is due before `now_ms`."""
    while waiting and waiting[0][0] <= now_ms:
        at_ms, order, pause_ms, record, truth = heappop(waiting)
        again = replace(record, event_id=f"{random.getrandbits(96):024x}", occurred_at_ms=at_ms)
        if at_ms >= until_ms:
            yield again, truth
            continue
        yield _failed(again), truth
        longer_ms = min(2 * pause_ms, LONGEST_RETRY_MS)
        heappush(waiting, (at_ms + int(longer_ms * (0.5 + random.random())), order, longer_ms, record, truth))


def _failed(record: RequestRecord) -> RequestRecord:
    return replace(record, status_code=529, finish_reason=None, output_tokens=0, reasoning_tokens=0, latency_ms=90)
