"""Records of links as `observe` sends them, made from what accounts did, one act after the other."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from streams.columns import block_of
from streams.compiled import Ints
from streams.distinct import hash32
from streams.links import (
    CAPABILITY_BIT,
    MARK_ERROR,
    MARK_REFUSAL,
    MARK_YOUNG,
    TYING_KINDS,
    YOUNG_MS,
    Link,
    LinkKind,
    Links,
    Who,
    link_hash,
)
from streams.windows import MINUTE_MS

NOON = 1_791_201_600_000 // MINUTE_MS
"""Minutes since the epoch: the start of an hour, not of a day."""

HOUR = 60
DAY = 24 * HOUR


class Act(NamedTuple):
    """One account uses one link once; as many facts as an event has of it."""

    account: str = "a"
    minute: int = NOON
    kind: LinkKind = "payment"
    value: str = "v"
    capability: int = 0
    created_ms: int | None = None
    org: str | None = None
    network: str | None = None
    exempt: bool = False
    error: bool = False
    refusal: bool = False
    words: int = 12
    payment: str | None = None

    @property
    def who(self) -> Who:
        """The account as the event names it."""
        return Who(self.account, self.org, self.created_ms, self.exempt, self.payment)

    @property
    def is_young(self) -> bool:
        """Whether the account is younger than seven days."""
        return self.created_ms is not None and self.minute * MINUTE_MS - self.created_ms < YOUNG_MS

    @property
    def marks(self) -> int:
        """As `Links` has them."""
        failed = self.error * MARK_ERROR | self.refusal * MARK_REFUSAL
        return failed | self.is_young * MARK_YOUNG | self.capability << CAPABILITY_BIT

    @property
    def link(self) -> Link:
        """What is used."""
        return Link(self.kind, self.value, "ab" * self.words if self.kind == "template" else None)


def links(acts: Iterable[Act], first_offset: int = 0, *, source: int = 0, log: str = "") -> Links:
    """A record of these acts, each an event of its own with 10 input and 20 output tokens."""
    done = list(acts)
    whos = list(dict.fromkeys(act.who for act in done if act.kind in TYING_KINDS))
    used = list(dict.fromkeys(act.link for act in done))
    return Links(
        source_partition=source,
        source_log=log,
        source_offset=first_offset + max(0, len(done) - 1),
        appended_at_ms=max((act.minute for act in done), default=NOON) * MINUTE_MS,
        accounts=whos,
        links=used,
        link_hashes=block_of([numbers(link_hash(link.kind, link.value) for link in used)]),
        events=block_of(
            [
                numbers(first_offset + place for place in range(len(done))),
                numbers(act.minute for act in done),
                numbers(hash32(act.account) for act in done),
                numbers(10 for _ in done),
                numbers(20 for _ in done),
                numbers(act.marks for act in done),
                numbers(-1 if act.network is None else hash32(act.network) for act in done),
                numbers(whos.index(act.who) if act.kind in TYING_KINDS else -1 for act in done),
            ]
        ),
        uses=block_of([numbers(range(len(done))), numbers(used.index(act.link) for act in done)]),
    )


def numbers(values: Iterable[int]) -> Ints:
    """A column of these."""
    return np.array(list(values), np.int64)
