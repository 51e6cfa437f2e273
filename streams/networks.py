"""One shared link's state, the fold of its uses into it, and the view of it that signals judge.

A link is shared from its second account on (`streams.holders`), and its windows begin there. Every shared link has
windows and sketches. Links that can tie accounts into a campaign also list their members: an account
is a member from its first request over the link, and *ripe* once it came back to it in another hour, so that the link
says something about the account and not about one afternoon.
"""

from collections.abc import Collection, Sequence
from functools import reduce
from operator import or_
from typing import NamedTuple

from msgspec import Struct, field

from streams.capabilities import CapabilityDays, focus, note
from streams.distinct import Distinct
from streams.events import CAPABILITIES, Capability
from streams.links import LinkKind, Who
from streams.windows import DAY_MS, HOUR_MS, MINUTE_MS, Counts, Windows

MEMBERS = 1024
"""Members listed for one link. A link of more accounts than this is too common to tie anybody by itself."""

WEEK_HOURS = 168
FEWEST_MEMBERS = 3
RIPE_HOURS = 2
ROUND_THE_CLOCK_HOURS = 18
LOOK_BACK_HOURS = 6
_DAY_HOURS = 24
_KEPT_HOURS = 48
_DAY_MASK = (1 << _DAY_HOURS) - 1
_KEPT_MASK = (1 << _KEPT_HOURS) - 1


class Member(Struct, array_like=True, gc=False):
    """One account on a tying link. `hours` is a bitmap of its last 48 hours over the link, newest bit 0."""

    last_minute: int
    org_id: str | None
    hours: int
    reported: bool = False

    def is_ripe(self, hour: int) -> bool:
        """Came back: requests over this link in at least two different hours of the 24 up to `hour`."""
        return self.hours_at(hour).bit_count() >= RIPE_HOURS

    def hours_at(self, hour: int) -> int:
        """The 24 hours up to `hour`, that one in bit 0; exact for as much as a day before the member's newest."""
        behind = hour - self.last_minute // 60
        shifted = self.hours << min(behind, _DAY_HOURS) if behind >= 0 else self.hours >> -behind
        return shifted & _DAY_MASK


class NetworkState(Struct, array_like=True):
    """Everything kept about one link.

    `touched` are members that no finding named and that did something since the link was last looked at, `judge_at` is
    the count of requests at which it is looked at whatever its members did, `found_hour` the hour of the newest
    finding, `p_value` what the anomaly model said last.
    """

    windows: Windows = field(default_factory=Windows)
    accounts: Distinct = field(default_factory=Distinct)
    young_accounts: Distinct = field(default_factory=Distinct)
    networks: Distinct = field(default_factory=Distinct)
    capability_days: CapabilityDays = field(default_factory=dict)
    members: dict[str, Member] = field(default_factory=dict)
    requests: int = 0
    late: int = 0
    touched: set[str] = field(default_factory=set)
    judge_at: int = 16
    found_hour: int = 0
    p_value: float | None = None
    taught_hour: int = 0


class NetworkView(NamedTuple):
    """What signals judge: one link as of one moment. Volume is of 24 hours, distinct counts of 7 days."""

    kind: LinkKind
    as_of_ms: int
    requests: int
    tokens: int
    errors: int
    accounts: int
    young_accounts: int
    networks: int
    active_hours: int
    capability: Capability
    capability_share: float
    ripe_accounts: int
    ripe_parties: int
    synchrony: float
    everybody: int
    p_value: float | None = None


class Used(Struct, gc=False):
    """What a batch says of one link in one minute: five counts, requests by position in `CAPABILITIES`, and hashes.

    `accounts`, `young` (those younger than seven days) and `networks` are `hash32` of each that used the link, as often
    as it did; `members` are the accounts themselves where the link can tie them.
    """

    minute: int
    counts: Counts
    capabilities: Sequence[int]
    accounts: Collection[int]
    young: Collection[int] = ()
    networks: Collection[int] = ()
    members: Collection[Who] = ()


def fold_uses(state: NetworkState, used: Used) -> bool:
    """Add what one batch says of the link in one minute; True if it came late."""
    at_ms = used.minute * MINUTE_MS
    hour = at_ms // HOUR_MS
    late = state.windows.add(at_ms, used.counts)
    state.requests += used.counts.requests
    state.late += used.counts.requests if late else 0
    state.accounts.add_hashes(used.accounts, hour, window_hours=WEEK_HOURS)
    state.young_accounts.add_hashes(used.young, hour, window_hours=WEEK_HOURS)
    state.networks.add_hashes(used.networks, hour, window_hours=WEEK_HOURS)
    for position, requests in enumerate(used.capabilities):
        if requests:
            note(state.capability_days, at_ms // DAY_MS, position, requests)
    for who in used.members:
        _note_member(state, who, used.minute)
    return late


def view_of(
    state: NetworkState, kind: LinkKind, as_of_ms: int, everybody: int, settled_hour: int | None = None
) -> NetworkView:
    """The link as signals see it at `as_of_ms`, of `everybody` accounts that are known.

    `settled_hour` is the newest hour that every partition of the requests has left behind: synchrony compares accounts
    of different partitions, so it looks at hours that are complete. None: that of `as_of_ms`.
    """
    hour = as_of_ms // HOUR_MS
    day = state.windows.total("hours", as_of_ms)
    capability, share = focus(state.capability_days, as_of_ms // DAY_MS, CAPABILITIES)
    ripe = {name: member for name, member in state.members.items() if member.is_ripe(hour)}
    return NetworkView(
        kind=kind,
        as_of_ms=as_of_ms,
        requests=day.requests,
        tokens=day.tokens,
        errors=day.errors,
        accounts=state.accounts.count(hour, window_hours=WEEK_HOURS),
        young_accounts=state.young_accounts.count(hour, window_hours=WEEK_HOURS),
        networks=state.networks.count(hour, window_hours=WEEK_HOURS),
        active_hours=sum(1 for index in state.windows.hours if hour - _DAY_HOURS < index <= hour),
        capability=capability,
        capability_share=share,
        ripe_accounts=len(ripe),
        ripe_parties=len({member.org_id or name for name, member in ripe.items()}),
        synchrony=round_the_clock_synchrony(tuple(ripe.values()), hour if settled_hour is None else settled_hour),
        everybody=everybody,
    )


def is_open(state: NetworkState) -> bool:
    """True if the link is to be looked at when its minute closes.

    Members did something that no finding named, or its volume doubled, or what was found of it is an hour old.
    """
    stirred = len(state.touched) > 0 and len(state.members) >= FEWEST_MEMBERS
    return stirred or state.requests >= state.judge_at or is_stale(state)


def is_stale(state: NetworkState) -> bool:
    """True if the newest finding about the link is from an earlier hour than its newest request."""
    return 0 < state.found_hour < state.windows.newest_ms // HOUR_MS


def has_news(state: NetworkState) -> bool:
    """True if a member that no finding named has become ripe since the link was last looked at."""
    hour = state.windows.newest_ms // HOUR_MS
    return any(state.members[name].is_ripe(hour) for name in state.touched)


def report_news(state: NetworkState) -> tuple[str, ...]:
    """The ripe members that no finding has named yet, in the order they came; from now on they are named."""
    hour = state.found_hour = state.windows.newest_ms // HOUR_MS
    news = tuple(name for name, member in state.members.items() if not member.reported and member.is_ripe(hour))
    for name in news:
        state.members[name].reported = True
    return news


def round_the_clock_synchrony(members: Sequence[Member], settled_hour: int) -> float:
    """The greatest synchrony as of one of the last six settled hours with 18 active hours in the day before; else 0.

    The greatest of six, so that it does not matter in which of them somebody happened to look.
    """
    greatest = 0.0
    for hour in range(settled_hour, settled_hour - LOOK_BACK_HOURS, -1):
        hours = [member.hours_at(hour) for member in members]
        if reduce(or_, hours, 0).bit_count() >= ROUND_THE_CLOCK_HOURS:
            greatest = max(greatest, synchrony([bitmap for bitmap in hours if bitmap]))
    return greatest


def synchrony(hours: list[int]) -> float:
    """How much the members are active in the same hours, 0..1; 0 for fewer than two.

    For a random active hour of a random member: the share of the other members that are active in it too.
    Each entry is a bitmap of 24 hours.
    """
    others = len(hours) - 1
    if others < 1:
        return 0.0
    active = [sum(bitmap >> bit & 1 for bitmap in hours) for bit in range(_DAY_HOURS)]
    total = sum(active)
    return sum(count * (count - 1) for count in active) / (total * others) if total else 0.0


def _note_member(state: NetworkState, who: Who, minute: int) -> None:
    """Add the minute to its account's membership; a member that no finding named yet is to be looked at."""
    member = state.members.get(who.account_id)
    if member is None:
        if len(state.members) >= MEMBERS:
            return
        member = state.members[who.account_id] = Member(minute, who.org_id, 1)
    else:
        _note_hour(member, minute // 60)
        member.last_minute = max(member.last_minute, minute)
    if not member.reported:
        state.touched.add(who.account_id)


def _note_hour(member: Member, hour: int) -> None:
    ahead = hour - member.last_minute // 60
    if ahead >= 0:
        member.hours = ((member.hours << min(ahead, _KEPT_HOURS)) | 1) & _KEPT_MASK
    elif -ahead < _KEPT_HOURS:
        member.hours |= 1 << -ahead


TYPICAL = NetworkView(
    kind="network",
    as_of_ms=1_760_000_000_000,
    requests=120,
    tokens=150_000,
    errors=1,
    accounts=6,
    young_accounts=0,
    networks=1,
    active_hours=11,
    capability="coding",
    capability_share=0.4,
    ripe_accounts=0,
    ripe_parties=0,
    synchrony=0.0,
    everybody=5_000,
    p_value=0.5,
)
"""An ordinary link, the ground that samples of signals vary."""
