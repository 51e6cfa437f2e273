"""What is sent: request events of a small world, made from a seed, quick to make and rich enough to be decided about.

Ordinary accounts differ in plan, rate, addresses and errors; a campaign's accounts share one payment instrument and
two templates and come back every hour. Events stand in order of time but for a jitter of up to two minutes.
"""

from collections.abc import Iterable, Iterator
from random import Random

from msgspec.structs import replace

from streams.events import Capability, RequestEvent

MONDAY_MS = 1_791_158_400_000
"""2026-10-05T00:00:00Z: the traffic lies in the past, so its times stand as they are."""

MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000
JITTER_MS = 2 * MINUTE_MS
CAMPAIGN_ACCOUNTS = 24
HOURS = 26
"""More than the minutes and the hours that are kept: buckets expire on the way."""

PLANS = ((None, None), ("free", 20_000), ("pro", 200_000), ("max", 2_000_000))
ORDINARY: tuple[Capability, ...] = ("other", "other", "coding", "data_analysis", "tool_use")
EXTRACTED: tuple[Capability, ...] = ("reasoning", "coding")


def world(
    seed: int, *, accounts: int, events: int, start_ms: int = MONDAY_MS, hours: int = HOURS
) -> list[RequestEvent]:
    """About `events` events: a third of one campaign's, the rest of `accounts` ordinary accounts.

    Two worlds of different seeds share no account and nothing that ties accounts.
    """
    random = Random(seed)
    found = [
        *_campaign(random, seed, events // 3, start_ms, hours),
        *_ordinary(random, seed, accounts, events - events // 3, start_ms, hours),
    ]
    keyed = sorted((event.occurred_at_ms + random.randrange(JITTER_MS), event.event_id, event) for event in found)
    return [event for _, _, event in keyed]


def hot_account(seed: int, count: int, *, start_ms: int = MONDAY_MS, hours: int = HOURS) -> list[RequestEvent]:
    """`count` events of one account that never rests."""
    random = Random(seed)
    times = sorted(start_ms + random.randrange(hours * HOUR_MS) for _ in range(count))
    return [_event(random, f"hot-{seed}", number, at_ms, addresses=40) for number, at_ms in enumerate(times)]


def newcomers(count: int, *, start_ms: int = MONDAY_MS) -> Iterator[RequestEvent]:
    """One small event each of `count` accounts that nobody saw before, a thousand a second of event time."""
    for number in range(count):
        yield RequestEvent(
            event_id=f"n-{number}",
            occurred_at_ms=start_ms + number,
            account_id=f"new-{number}",
            operation="chat",
            request_model="small",
            tls_fingerprint=f"tls-{number % 50}",
            input_tokens=1 + number % 7,
            output_tokens=number % 11,
        )


def late(events: Iterable[RequestEvent], by_ms: int, *, every: int) -> list[RequestEvent]:
    """The same arrivals, but each `every`th request was made `by_ms` before its neighbours."""
    return [
        replace(event, occurred_at_ms=event.occurred_at_ms - by_ms) if number % every == 0 else event
        for number, event in enumerate(events)
    ]


def moved(events: Iterable[RequestEvent], start_ms: int) -> list[RequestEvent]:
    """The same requests, the first of them made at `start_ms`."""
    found = list(events)
    shift = start_ms - min(event.occurred_at_ms for event in found)
    return [replace(event, occurred_at_ms=event.occurred_at_ms + shift) for event in found]


def _campaign(random: Random, seed: int, events: int, start_ms: int, hours: int) -> Iterator[RequestEvent]:
    """Every account comes back in every hour, for as long as the events last."""
    for number in range(events):
        member, hour = number % CAMPAIGN_ACCOUNTS, number // CAMPAIGN_ACCOUNTS % hours
        event = _event(
            random, f"c{seed}-{member}", number, start_ms + hour * HOUR_MS + random.randrange(HOUR_MS), addresses=2
        )
        yield replace(
            event,
            payment_hash=f"payment-{seed}",
            template_hash=f"template-{seed}-{number % 2}",
            capability=EXTRACTED[number % 2],
            capability_strength=0.9,
            account_created_at_ms=start_ms - DAY_MS,
        )


def _ordinary(
    random: Random, seed: int, accounts: int, events: int, start_ms: int, hours: int
) -> Iterator[RequestEvent]:
    """Few accounts make most of the requests, as everywhere."""
    weights = [1 / (1 + rank) for rank in range(accounts)]
    for number, rank in enumerate(random.choices(range(accounts), weights, k=events)):
        begin = rank % 12 * HOUR_MS if rank else 0
        at_ms = start_ms + begin + random.randrange(hours * HOUR_MS - begin)
        yield _event(random, f"o{seed}-{rank}", number, at_ms, addresses=1 + rank % 12)


def _event(random: Random, account: str, number: int, at_ms: int, *, addresses: int) -> RequestEvent:
    """One request of `account`; what stays the same of an account follows from its name."""
    own = Random(account)
    plan, daily_tokens = PLANS[own.randrange(len(PLANS))]
    return RequestEvent(
        event_id=f"{account}-{number}",
        occurred_at_ms=at_ms,
        account_id=account,
        operation="chat",
        request_model="large",
        org_id=f"org-{account}" if own.random() < 0.3 else None,
        account_created_at_ms=MONDAY_MS - own.randrange(300) * DAY_MS,
        plan=plan,
        plan_daily_tokens=daily_tokens,
        payment_hash=f"p-{account}" if plan else None,
        address_hash=f"a-{account}-{random.randrange(addresses)}",
        network_hash=f"net-{own.randrange(60)}",
        asn=64_500 + own.randrange(12),
        user_agent_hash=f"ua-{own.randrange(9)}",
        tls_fingerprint=f"tls-{own.randrange(6)}",
        conversation_id=f"conv-{account}-{number // 4}",
        template_hash=f"t-{account}-{random.randrange(3)}",
        capability=random.choice(ORDINARY),
        capability_strength=0.5,
        character_count=random.randrange(4_000),
        turn_count=1 + random.randrange(6),
        input_tokens=random.randrange(2_000),
        output_tokens=random.randrange(3_000),
        status_code=random.choice((200, 200, 200, 200, 200, 200, 429, 500)),
        finish_reason=random.choice(("stop", "stop", "stop", "refusal")),
    )
