"""Traffic for benchmarks: request events of many accounts, heavy-tailed, with a relay among them, from a seed.

What costs something is there in a realistic share: conversations, templates that are mostly unique, payments and
networks that are mostly an account's own, ASNs and TLS fingerprints that many share, and 1 account in 100 of the first
20,000 in a relay whose accounts share templates and, by eights, a payment instrument.
"""

import bisect
import itertools
import random
from collections.abc import Iterator

from streams.events import CAPABILITIES, RequestEvent

START_MS = 1_791_201_600_000
DAY_MS = 86_400_000
RELAY_ACCOUNTS = 20_000


def events(count: int, accounts: int, *, minutes: float = 100.0, start_ms: int = START_MS) -> Iterator[RequestEvent]:
    """`count` events of up to `accounts` accounts over `minutes` of event time, in order of time."""
    draw = random.Random(count * 31 + accounts)
    cumulated = list(itertools.accumulate(1 / (rank + 10) ** 0.8 for rank in range(accounts)))
    conversations: dict[int, str] = {}
    for number in range(count):
        account = bisect.bisect(cumulated, draw.random() * cumulated[-1])
        conversation = conversations.get(account)
        if conversation is None or draw.random() < 0.25:
            conversation = conversations[account] = f"conv-{draw.getrandbits(48):012x}"
        yield _event(number, account, conversation, draw, start_ms + int(number * minutes * 60_000 / count), start_ms)


def _event(
    number: int, account: int, conversation: str, draw: random.Random, at_ms: int, start_ms: int
) -> RequestEvent:
    in_relay = account % 100 == 7 and account < RELAY_ACCOUNTS
    if in_relay:
        template = account // 100 % 40 * 7 + draw.randrange(3)
    elif draw.random() < 0.15:
        template = draw.randrange(2_000) * 99_991
    else:
        template = draw.getrandbits(64)
    network = account % 400 if account % 10 == 0 else 1_000 + account
    return RequestEvent(
        event_id=f"evt-{number:012d}",
        occurred_at_ms=at_ms,
        account_id=f"acct-{account:08d}",
        operation="chat",
        request_model="example-large-4",
        plan="pro" if account % 3 else "max",
        plan_daily_tokens=2_000_000,
        account_created_at_ms=start_ms - account * 7_919 % (400 * DAY_MS),
        payment_hash=_hex((account // 8 if in_relay else account) * 2_654_435_761),
        address_hash=_hex(account * 11_400_714_819_323_198_485),
        network_hash=_hex(network * 40_503),
        asn=64_500 + account % 300,
        network_type="residential",
        user_agent_hash=_hex(account % 300 * 2_246_822_519),
        tls_fingerprint=f"t13d{account % 40:04d}",
        conversation_id=conversation,
        template_hash=_hex(template),
        capability=CAPABILITIES[0 if in_relay else (account + number) % 8],
        capability_strength=0.75,
        character_count=600 + number % 900,
        turn_count=1 + number % 5,
        input_tokens=150 + number % 700,
        output_tokens=300 + number % 1_500,
        latency_ms=800 + number % 4_000,
    )


def _hex(value: int) -> str:
    return f"{value % 2**64:016x}"
