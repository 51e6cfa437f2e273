"""Records of links as `observe` sends them, made from what accounts did, one act after the other."""

from collections.abc import Iterable
from typing import NamedTuple

from streams.distinct import hash32
from streams.links import Link, LinkKind, Links, Who, link_hash
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
    failed: int = 0

    @property
    def who(self) -> Who:
        """The account as the event names it."""
        return Who(self.account, self.org, self.created_ms, self.exempt)

    @property
    def link(self) -> Link:
        """What is used."""
        return Link(self.kind, self.value)


def links(acts: Iterable[Act], first_offset: int = 0, *, source: int = 0, log: str = "") -> Links:
    """A record of these acts, each an event of its own with 10 input and 20 output tokens."""
    done = list(acts)
    whos = list(dict.fromkeys(act.who for act in done))
    used = list(dict.fromkeys(act.link for act in done))
    return Links(
        source_partition=source,
        source_log=log,
        source_offset=first_offset + max(0, len(done) - 1),
        appended_at_ms=max((act.minute for act in done), default=NOON) * MINUTE_MS,
        accounts=whos,
        links=used,
        link_hash=[link_hash(link.kind, link.value) for link in used],
        offset=[first_offset + place for place in range(len(done))],
        minute=[act.minute for act in done],
        account=[whos.index(act.who) for act in done],
        input_tokens=[10] * len(done),
        output_tokens=[20] * len(done),
        failed=[act.failed for act in done],
        capability=[act.capability for act in done],
        network=[-1 if act.network is None else hash32(act.network) for act in done],
        use_event=list(range(len(done))),
        use_link=[used.index(act.link) for act in done],
    )
