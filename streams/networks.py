"""One shared link's state, what is kept of its members, and the view of it that signals judge.

A link is shared from its second account on (`streams.holders`), and its windows begin there. Every shared link has
windows and sketches, as numbers that `streams.kernel` folds uses into. Links that can tie accounts into a campaign also
list their members: an account is a member from its first request over the link, and *ripe* once that says something:
of a payment once it was used in another hour too, of a template at once: `streams.campaigns` says if one use counts.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
from msgspec import Struct, field

from streams import kernel
from streams.capabilities import CapabilityDays
from streams.compiled import Ints
from streams.distinct import Distinct
from streams.events import CAPABILITIES, SKETCH_HASH_CHARACTERS, Capability
from streams.findings import Tied, Users
from streams.links import LinkKind, Who
from streams.members import REPEATS, RIPE_HOURS, Member, round_the_clock_synchrony
from streams.room import buckets_of, days_of, sketch_of
from streams.windows import DAY_MS, HOUR_MS, MINUTE_MS, Windows

MEMBERS = 1024
"""Members listed for one link at a time."""

IDLE_MINUTES, MOST_LEFT = 4 * 60, 8 * MEMBERS
"""So long after its last use a new account that a finding named makes room in a full list, so that accounts that are
replaced are named on and on; and so many do in all, for a campaign holds whom links name, a new tool's users too."""

FEWEST_MEMBERS = 3
GROWN, TOLD_HOURS = 1.5, 6
CROWD = 8
"""Accounts within a week from which on they are told of a payment that they pay with."""


class Counted(NamedTuple):
    """What is counted of a link, as of its newest use. Volume is of 24 hours, distinct counts of 7 days.

    `capability` is the position of the one asked for most on that day and the day before, with its share of them all.
    """

    as_of_ms: int
    requests: int
    tokens: int
    errors: int
    accounts: int
    young_accounts: int
    networks: int
    active_hours: int
    capability: int
    capability_share: float


class LinkNumbers(Struct):
    """The numbers of a link, laid out; `capability_days` as of an account."""

    windows: Windows
    accounts: Distinct
    young_accounts: Distinct
    networks: Distinct
    capability_days: CapabilityDays


class NetworkState(Struct, array_like=True):
    """Everything kept about one link.

    `numbers` are its windows and sketches as `streams.kernel` stores them, `newest_ms` the newest minute it was used
    in, `touched` are members that a finding may have to name and that did something since the link was last looked at,
    `judge_at` is the count of requests at which it is looked at whatever its members did, `found_hour` the hour of the
    newest finding, `p_value` what the anomaly model said last, `sketch` that of a template. `told` is how many members
    a template too short to tie anybody had when they were told of last, or how many accounts paid with a payment when
    that was told last; `told_hour` is the hour of that. `left` is how many members made room for others.
    """

    numbers: bytes = b""
    requests: int = 0
    late: int = 0
    newest_ms: int = 0
    members: dict[str, Member] = field(default_factory=dict)
    touched: set[str] = field(default_factory=set)
    judge_at: int = 16
    found_hour: int = 0
    p_value: float | None = None
    taught_hour: int = 0
    sketch: str | None = None
    told: int = 0
    told_hour: int = 0
    left: int = 0

    @property
    def ripe_hours(self) -> int:
        """In how many hours of a day a member must have used it to be ripe."""
        return RIPE_HOURS if self.sketch is None else 1

    @property
    def hour(self) -> int:
        """The hour of its newest use."""
        return self.newest_ms // HOUR_MS

    def facts(self) -> Ints:
        """What `read_link` must be told beside the numbers."""
        return np.array((self.requests, self.late, self.newest_ms), np.int64)

    def counted(self) -> Counted:
        """What is counted of the link as it stands."""
        moment = np.zeros(kernel.MOMENT_COLUMNS, np.int64)
        share = kernel.view_link(np.frombuffer(self.numbers, np.uint8), self.facts(), moment)
        return Counted._make((*moment[kernel.COUNTED :].tolist(), share))

    def laid_out(self) -> LinkNumbers:
        """The numbers, for a person, a command or a test."""
        room = kernel.make_room()
        stored = np.frombuffer(self.numbers, np.uint8)
        kernel.read_link(stored, 0, len(stored), self.facts(), room)
        windows = Windows(self.newest_ms, *(buckets_of(room, plane) for plane in range(3)))
        return LinkNumbers(windows, sketch_of(room, 0), sketch_of(room, 1), sketch_of(room, 2), days_of(room))


class NetworkView(NamedTuple):
    """What signals judge: one link as of its newest use. Volume is of 24 hours, distinct counts of 7 days."""

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
    words: int = 0
    """Of a template: its different words with a subject, as far as its sketch tells them apart."""


def view_of(
    state: NetworkState, counted: Counted, kind: LinkKind, everybody: int, settled_hour: int | None = None
) -> NetworkView:
    """The link as signals see it, of which so much was counted, of `everybody` accounts that are known.

    `settled_hour` is the newest hour that every partition of the requests has left behind: synchrony compares accounts
    of different partitions, so it looks at hours that are complete. None: that of its newest use.
    """
    hour = counted.as_of_ms // HOUR_MS
    ripe = {name: member for name, member in state.members.items() if member.is_ripe(hour, state.ripe_hours)}
    return NetworkView(
        kind=kind,
        as_of_ms=counted.as_of_ms,
        requests=counted.requests,
        tokens=counted.tokens,
        errors=counted.errors,
        accounts=counted.accounts,
        young_accounts=counted.young_accounts,
        networks=counted.networks,
        active_hours=counted.active_hours,
        capability=CAPABILITIES[counted.capability],
        capability_share=counted.capability_share,
        ripe_accounts=len(ripe),
        ripe_parties=len({member.org_id or name for name, member in ripe.items()}),
        synchrony=round_the_clock_synchrony(tuple(ripe.values()), hour if settled_hour is None else settled_hour),
        everybody=everybody,
        words=0 if state.sketch is None else len(state.sketch) // SKETCH_HASH_CHARACTERS,
    )


def is_open(state: NetworkState) -> bool:
    """True if the link is to be looked at when its minute closes.

    Members did something that no finding named, or its volume doubled, or what was found of it is an hour old.
    """
    stirred = len(state.touched) > 0 and len(state.members) >= FEWEST_MEMBERS
    return stirred or state.requests >= state.judge_at or is_stale(state)


def is_stale(state: NetworkState) -> bool:
    """True if the newest finding about the link is from an earlier hour than its newest request."""
    return 0 < state.found_hour < state.hour


def has_news(state: NetworkState) -> bool:
    """True if there is a member to name among those that did something since the link was last looked at."""
    return any(_is_news(state, state.members[name]) for name in state.touched)


def report_news(state: NetworkState) -> tuple[Tied, ...]:
    """The ripe members to name, in the order they came: from now on they are named."""
    state.found_hour = state.hour
    news = [(name, member) for name, member in state.members.items() if _is_news(state, member)]
    for _, member in news:
        member.reported = member.uses
    return tuple(_tied(name, member) for name, member in news)


def is_to_be_told(state: NetworkState) -> bool:
    """True if the link has half as many members again as when they were told of last, or that is some hours ago.

    Never once no more are listed: of many more it may be said no longer who they are.
    """
    is_old = 0 < state.told_hour <= state.hour - TOLD_HOURS
    has_grown = len(state.members) >= max(FEWEST_MEMBERS, GROWN * state.told)
    return (is_old or has_grown) and len(state.members) < MEMBERS


def report_users(value: str, as_of_ms: int, state: NetworkState) -> Users:
    """All members listed, in the order they came."""
    state.told, state.told_hour = len(state.members), state.hour
    fresh = tuple(it for name, member in state.members.items() if (it := _tied(name, member)).is_fresh)
    return Users(value, as_of_ms, tuple(state.members), state.sketch, fresh)


def is_crowd_to_be_told(state: NetworkState, accounts: int) -> bool:
    """True if so many `accounts` pay with it, and half as many again as were told of last, or that is a day ago."""
    is_old = (state.hour - state.told_hour) * HOUR_MS >= DAY_MS
    return accounts >= CROWD and (is_old or accounts >= GROWN * state.told)


def _tied(name: str, it: Member) -> Tied:
    return Tied(name, it.uses, it.org_id, it.payment_hash, it.created_at_ms, it.since_minute * MINUTE_MS)


def _is_news(state: NetworkState, member: Member) -> bool:
    """Whether it is to be named now: ripe for the first time, or used often enough for the second."""
    if not member.reported:
        return member.is_ripe(state.hour, state.ripe_hours)
    return _may_be_named(state, member) and member.uses >= REPEATS


def _may_be_named(state: NetworkState, member: Member) -> bool:
    """Not named yet; or, of a template, named when it had used that only once or twice."""
    return not member.reported or (state.sketch is not None and member.reported < REPEATS)


def note_members(state: NetworkState, whos: Iterable[Who], minute: int) -> None:
    """Add the minute to the membership of each account; one that no finding named yet is to be looked at."""
    members, touched = state.members, state.touched
    leaving: Iterator[str] | None = None
    for who in whos:
        member = members.get(who.account_id)
        if member is None:
            if len(members) >= MEMBERS:
                if state.left >= MOST_LEFT:
                    continue
                leaving = leaving or _leaving(members, minute)
                if (left := next((it for it in leaving if _is_idle(members[it], minute)), None)) is None:
                    continue
                del members[left]
                touched.discard(left)
                state.left += 1
            paid, opened_ms = who.payment_hash, who.created_at_ms
            member = members[who.account_id] = Member(
                minute, who.org_id, hours=1, payment_hash=paid, created_at_ms=opened_ms, since_minute=minute
            )
        else:
            member.note_hour(minute // 60)
            member.last_minute = max(member.last_minute, minute)
            member.uses += 1
        if _may_be_named(state, member):
            touched.add(who.account_id)


def _leaving(members: Mapping[str, Member], minute: int) -> Iterator[str]:
    """The new accounts that were named and are idle, those first that came first."""
    return iter([name for name, it in members.items() if it.reported and it.is_new and _is_idle(it, minute)])


def _is_idle(member: Member, minute: int) -> bool:
    return minute - member.last_minute >= IDLE_MINUTES


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
