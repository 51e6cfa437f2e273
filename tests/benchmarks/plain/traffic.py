"""The data of the plain job: a log of request events, the same for the same numbers.

One account holds a third of all events. The others are heavy-tailed (the account of rank r is drawn with a chance near
1/r), and who stands at the head changes every 25 minutes and comes round after 75, so that accounts pass the limit,
fall below it when their buckets expire, and pass it again. Event time rises with up to three seconds of disorder; three
in a thousand are late by one to ten minutes. Four in ten events come over one of 400 shared networks, the rest over
the account's own. A log spans 150 minutes, so most buckets that are ever opened expire.
"""

import math
from collections.abc import Iterator
from random import Random

import msgspec
from msgspec import Struct

from streams.events import RequestEvent
from tests.benchmarks.plain.job import MINUTE_MS

START_MS = 1_760_000_040_000
"""The first whole minute after 1,760,000,000 s: in the past, because an event far ahead of its append time is refused.
"""

SLOT_MINUTES = 25
SLOTS_ROUND = 3
HOT = "acct-00000000"
HOT_SHARE = 1 / 3
SHARED_NETWORKS = 400
SHARED_SHARE = 0.4
DISORDER_MS = 3_000
LATE_SHARE = 0.003
LATEST_MINUTES = 10
ALERTED_RANK = 40
"""The limit is what the account of this rank is expected to use in its slot: half of those around it pass it."""

_encode = msgspec.json.Encoder().encode


class Traffic(Struct, frozen=True):
    """One log: how many events of how many accounts over how many minutes of event time, and the seed of its chance."""

    events: int
    accounts: int = 10_000
    minutes: int = 150
    seed: int = 20_261_124

    @property
    def limit(self) -> int:
        """Output tokens in a window above which an account is alerted: by it some hundreds of alerts are due."""
        per_slot = self.events * (1 - HOT_SHARE) * SLOT_MINUTES / self.minutes
        return max(3_000, int(per_slot / (ALERTED_RANK * math.log(self.accounts)) * 1_050))

    def records(self) -> Iterator[tuple[str, bytes]]:
        """Each event in the order of the log: its key, which is the account, and its value."""
        random = Random(self.seed)
        span_ms = self.minutes * MINUTE_MS
        for number in range(self.events):
            at_ms = number * span_ms // self.events
            account = self._account(random, at_ms // MINUTE_MS)
            at_ms += START_MS + int(random.uniform(-DISORDER_MS, DISORDER_MS))
            if random.random() < LATE_SHARE:
                at_ms -= int(random.uniform(1, LATEST_MINUTES) * MINUTE_MS)
            yield account, _event(random, number, at_ms, account)

    def first_sight(self) -> Iterator[tuple[str, bytes]]:
        """One event of each account, ten minutes before `records`: what fills a store that is to be measured full."""
        random = Random(self.seed + 1)
        for number in range(self.accounts):
            at_ms = START_MS - LATEST_MINUTES * MINUTE_MS + number * 60_000 // self.accounts
            account = f"acct-{number:08d}"
            yield account, _event(random, 10**11 + number, at_ms, account)

    def _account(self, random: Random, minute: int) -> str:
        if random.random() < HOT_SHARE:
            return HOT
        others = self.accounts - 1
        rank = int(others ** random.random())
        shift = minute // SLOT_MINUTES % SLOTS_ROUND * others // SLOTS_ROUND
        return f"acct-{1 + (rank + shift) % others:08d}"


def _event(random: Random, number: int, at_ms: int, account: str) -> bytes:
    """One event as the edge fingerprint makes it, some 540 bytes of JSON."""
    own = int(account[5:]) * 2_654_435_761
    shared = random.random() < SHARED_SHARE
    network = int(SHARED_NETWORKS ** random.random()) * 40_503 if shared else own + 1
    return _encode(
        RequestEvent(
            event_id=f"evt-{number:012d}",
            occurred_at_ms=at_ms,
            account_id=account,
            operation="chat",
            request_model="example-large-4",
            plan="pro",
            plan_daily_tokens=2_000_000,
            payment_hash=f"{own % 2**64:016x}",
            address_hash=f"{number * 11_400_714_819_323_198_485 % 2**64:016x}",
            network_hash=f"{network % 2**64:016x}",
            asn=64_500 + number % 500,
            network_type="residential",
            user_agent_hash=f"{number % 300 * 2_246_822_519 % 2**64:016x}",
            template_hash=f"{number % 9000 * 3_266_489_917 % 2**64:016x}",
            capability="coding",
            capability_strength=0.75,
            character_count=600 + number % 900,
            turn_count=1 + number % 5,
            input_tokens=150 + number % 700,
            output_tokens=random.randrange(300, 1_800),
            latency_ms=800 + number % 4_000,
        )
    )
