"""How much memory Redis needs for so many accounts, from what one of each kind was measured to take.

`python -m tests.benchmarks.size` measures the figures anew; tests/agents/test_sizing.py holds them against a Redis.
They are of Redis 7 with jemalloc, ids of 36 characters and the prefix `stillwatch`: a longer id adds its length.
"""

from itertools import pairwise
from math import log

from msgspec import Struct

MIB = 1024 * 1024

IDLE_BYTES = 0
"""An account without a request for 29 days: its key has expired."""
SELDOM_BYTES = 400
"""An account with a request now and then."""
ORDINARY_A_DAY = 30.0
ORDINARY_BYTES = 1_450
"""An account with `ORDINARY_A_DAY` requests a day for 28 days: all that Redis uses more for it."""
HOT_A_DAY = 1_440.0
HOT_BYTES = 3_470
"""An account with a request every minute for 28 days, no two from one address, of one template or conversation."""

ACCOUNT_BYTES = (
    (1 / 29, SELDOM_BYTES),
    (1 / 3, 550),
    (0.5, 640),
    (1.0, 920),
    (10.0, 1_070),
    (ORDINARY_A_DAY, ORDINARY_BYTES),
    (300.0, 1_850),
    (HOT_A_DAY, HOT_BYTES),
)
"""Requests a day, and the bytes of an account that goes on so for 28 days; between them on a logarithmic scale."""

SHARED_LINK_BYTES = 2_700
"""A link that twelve accounts share for 28 days; one of more than a thousand takes some 110 KiB."""
LINKS_BYTES_AN_ACCOUNT = 300
"""An account's part in the links that it shares. It depends on the traffic more than anything here: 130 bytes in the
benchmark's (one shared link in 7 accounts), 250 where accounts go on for weeks, 500 in a simulated ordinary day (1.3
links an account, most of them templates of few). What an account has alone costs nothing beside the holders' table."""

TABLE_BYTES = 28 * MIB
"""The table of holders of one partition of links, 16 MiB, and its journal of 8 MiB, as the allocator rounds them up."""
OUTBOX_BYTES = 6 * MIB
"""What the largest batch of one partition of requests leaves to be sent."""
COMMIT_BYTES = 40 * MIB
"""What Redis needs for the moment in which one table of holders is written anew."""
SKETCHES_BYTES = 8 * MIB
"""The sketches of 65,536 templates (`streams.sketches`), and a quarter as many lines behind them that count no more."""
SERVER_BYTES = 2 * MIB
"""A Redis that holds nothing."""


class Need(Struct, frozen=True):
    """Bytes of Redis's memory by what they are for."""

    accounts: int
    links: int
    partitions: int
    passing: int

    @property
    def total(self) -> int:
        """All of it: what `maxmemory` must not be below."""
        return self.accounts + self.links + self.partitions + self.passing


def account_bytes(requests_a_day: float) -> float:
    """What an account takes in Redis that goes on with so many requests a day; the ends hold beyond the table."""
    if requests_a_day <= 0:
        return IDLE_BYTES
    first, last = ACCOUNT_BYTES[0], ACCOUNT_BYTES[-1]
    if not first[0] < requests_a_day < last[0]:
        return first[1] if requests_a_day <= first[0] else last[1]
    (low, low_bytes), (high, high_bytes) = next(
        pair for pair in pairwise(ACCOUNT_BYTES) if pair[0][0] <= requests_a_day < pair[1][0]
    )
    share = log(requests_a_day / low) / log(high / low)
    return low_bytes + share * (high_bytes - low_bytes)


def need(accounts: int, requests_a_day: float, partitions: int) -> Need:
    """What Redis needs for `accounts` that each go on so, with so many partitions of requests and of links."""
    return Need(
        accounts=round(accounts * account_bytes(requests_a_day)),
        links=accounts * LINKS_BYTES_AN_ACCOUNT if requests_a_day > 0 else 0,
        partitions=partitions * (TABLE_BYTES + OUTBOX_BYTES),
        passing=COMMIT_BYTES + SKETCHES_BYTES + SERVER_BYTES,
    )


def spoken(size: int) -> str:
    """Bytes for a person: `1.5 GiB`, `300 MiB`."""
    return f"{size / 1024 / MIB:,.1f} GiB" if size >= 1024 * MIB else f"{size / MIB:,.0f} MiB"
