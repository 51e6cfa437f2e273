"""Windows of shared links against the plain list of uses: exact, whatever the cuts, repeats, sources and lateness."""

from collections.abc import Iterable, Sequence
from random import Random
from typing import NamedTuple

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from streams.batch import EventBatch, Incoming
from streams.capabilities import POSITION
from streams.distinct import hash32
from streams.events import CAPABILITIES, RequestEvent
from streams.linking import links_of_batch
from streams.links import TYING_KINDS, Link, Links, Source
from streams.networks import NetworkState
from streams.stages.networks import link_key
from streams.windows import DAY_MS, HOUR_MS, MINUTE_MS, SPANS, Counts
from tests.streams.account_bench import NOON_MS, event
from tests.streams.networks_bench import NetworksBench, bench
from tests.streams.reference_links import links_of

SOURCES = (Source(0, "k1"), Source(1, "k1"), Source(0, "k2"))
"""Two partitions of the requests, and the first of them again after its topic was made anew."""


class Sent(NamedTuple):
    """A record of one source: the events of these offsets. Its first may have been in a record before."""

    source: Source
    start: int
    end: int


class Traffic(NamedTuple):
    """The log of each source, the records made of them in the order they arrive, and how many each step takes."""

    logs: dict[Source, list[RequestEvent]]
    sent: list[Sent]
    steps: list[int]


@st.composite
def traffics(draw: st.DrawFn) -> Traffic:
    random = Random(draw(st.integers(0, 2**32)))
    logs = {source: log_drawn(random, draw(st.integers(0, 25))) for source in SOURCES}
    waiting = {source: cuts_drawn(random, source, len(log)) for source, log in logs.items()}
    sent = []
    while left := [source for source in SOURCES if waiting[source]]:
        sent.append(waiting[random.choice(left)].pop(0))
    return Traffic(logs, sent, draw(st.lists(st.integers(1, 5), max_size=8)))


def log_drawn(random: Random, size: int) -> list[RequestEvent]:
    """Events of a few accounts over a few links, some of them late by minutes, hours and days, or after weeks."""
    at_ms = NOON_MS
    log = []
    for _ in range(size):
        at_ms += random.choice(
            (0, 0, 1_000, MINUTE_MS, -3 * MINUTE_MS, HOUR_MS, -2 * HOUR_MS, DAY_MS, -DAY_MS, 30 * DAY_MS)
        )
        log.append(
            event(
                at_ms,
                random.choice("abcd"),
                network_hash=random.choice((None, "n1", "n2")),
                asn=random.choice((None, 1)),
                payment_hash=random.choice((None, "p1", "p2")),
                template_hash=random.choice((None, "t1", "t2", "t3")),
                org_id=random.choice((None, "o")),
                account_created_at_ms=random.choice((None, NOON_MS - DAY_MS, NOON_MS - 90 * DAY_MS)),
                capability=random.choice(CAPABILITIES),
                input_tokens=random.randrange(100),
                output_tokens=random.randrange(100),
                status_code=random.choice((200, 200, 500)),
                finish_reason=random.choice((None, "refusal")),
            )
        )
    return log


def cuts_drawn(random: Random, source: Source, size: int) -> list[Sent]:
    """Records that cover a log in order. Some are sent twice, and some begin again at what was sent before."""
    sent, start = [], 0
    while start < size:
        end = min(size, start + random.randrange(1, 8))
        sent.append(Sent(source, max(0, start - random.choice((0, 0, 0, 1, 4, 25))), end))
        if random.random() < 0.2:
            sent.append(random.choice(sent))
        start = end
    return sent


def record_of(log: Sequence[RequestEvent], sent: Sent) -> Links | None:
    """The record as `observe` makes it for one partition that owns every link; None if nothing was shared in it."""
    items = [Incoming(offset, NOON_MS * 2, log[offset]) for offset in range(sent.start, sent.end)]
    exempt = [item.event.account_id == "d" for item in items]
    return dict(links_of_batch(EventBatch(items), exempt, np.zeros(len(items), np.bool_), sent.source, 1)).get(0)


def taken(traffic: Traffic, *, forgetful: bool) -> NetworksBench:
    """The stage after all records, step by step."""
    networks = bench(forgetful=forgetful)
    records = [record for sent in traffic.sent if (record := record_of(traffic.logs[sent.source], sent)) is not None]
    start = 0
    for size in [*traffic.steps, len(records)]:
        if records[start : start + size]:
            networks.take(*records[start : start + size], first_offset=start)
        start += size
    return networks


def once_each(traffic: Traffic) -> list[RequestEvent]:
    """Every event in the order in which it first arrived."""
    marks: dict[Source, int] = {}
    arrived = []
    for sent in traffic.sent:
        mark = marks.get(sent.source, 0)
        arrived += traffic.logs[sent.source][mark : sent.end]
        marks[sent.source] = max(mark, sent.end)
    return arrived


def users_of(events: Iterable[RequestEvent]) -> dict[Link, list[RequestEvent]]:
    """Of each link that is shared the events that used it, in order, those before its second account too."""
    users: dict[Link, list[RequestEvent]] = {}
    for one in events:
        for kind, value in links_of(one):
            users.setdefault(Link(kind, value), []).append(one)
    return {link: used for link, used in users.items() if len({one.account_id for one in used}) > 1}


def since_shared(users: Sequence[RequestEvent]) -> Sequence[RequestEvent]:
    """The events from the first of the second account on."""
    return users[next(place for place, one in enumerate(users) if one.account_id != users[0].account_id) :]


def buckets_of(events: Sequence[RequestEvent], width: int, kept: int) -> dict[int, Counts]:
    """The counts of every bucket inside a window as of the newest event."""
    newest = max(one.occurred_at_ms for one in events) // width
    buckets: dict[int, Counts] = {}
    for one in events:
        bucket = one.occurred_at_ms // width
        if bucket > newest - kept:
            buckets.setdefault(bucket, Counts()).add(
                Counts(
                    1,
                    one.input_tokens,
                    one.output_tokens,
                    int(one.status_code >= 400),
                    int(one.finish_reason == "refusal"),
                )
            )
    return buckets


def last_hours(named: Iterable[tuple[str | None, int]]) -> dict[int, int]:
    """The hash of each name with the newest hour it was seen in."""
    seen: dict[int, int] = {}
    for name, at_ms in named:
        if name is not None:
            seen[hash32(name)] = max(at_ms // HOUR_MS, seen.get(hash32(name), 0))
    return seen


def assert_exact(state: NetworkState, link: Link, users: Sequence[RequestEvent]) -> None:
    """The state of a link says what the plain list of events says."""
    counted = since_shared(users)
    numbers = state.laid_out()
    assert state.requests == len(counted)
    assert state.newest_ms == max(one.occurred_at_ms for one in counted) // MINUTE_MS * MINUTE_MS
    for resolution, (width, kept) in SPANS.items():
        assert numbers.windows.buckets(resolution) == buckets_of(counted, width, kept)
    assert numbers.accounts.seen == last_hours((one.account_id, one.occurred_at_ms) for one in users)
    assert numbers.young_accounts.seen == last_hours(
        (one.account_id, one.occurred_at_ms) for one in counted if is_young(one)
    )
    networks = () if link.kind == "network" else counted
    assert numbers.networks.seen == last_hours((one.network_hash, one.occurred_at_ms) for one in networks)
    newest_day = max(one.occurred_at_ms for one in counted) // DAY_MS
    asked: dict[int, dict[int, int]] = {}
    for one in counted:
        day, position = one.occurred_at_ms // DAY_MS, POSITION[one.capability]
        if day > newest_day - 28:
            of_day = asked.setdefault(day, {})
            of_day[position] = of_day.get(position, 0) + 1
    assert numbers.capability_days == asked
    members = {one.account_id for one in counted if one.account_id != "d"} if link.kind in TYING_KINDS else set()
    assert state.members.keys() == members
    for name, member in state.members.items():
        minutes = [one.occurred_at_ms // MINUTE_MS for one in counted if one.account_id == name]
        newest = max(minutes)
        assert member.last_minute == newest
        hours = {minute // 60 for minute in minutes if minute // 60 > newest // 60 - 48}
        assert {newest // 60 - bit for bit in range(48) if member.hours >> bit & 1} == hours


def is_young(one: RequestEvent) -> bool:
    """Younger than seven days at the event."""
    created = one.account_created_at_ms
    return created is not None and one.occurred_at_ms - created < 7 * DAY_MS


@given(traffics(), st.booleans())
def test_every_window_of_a_shared_link_is_exact_from_its_second_account_on(traffic: Traffic, forgetful: bool) -> None:
    networks = taken(traffic, forgetful=forgetful)
    users = users_of(once_each(traffic))
    states = networks.network_states()
    assert states.keys() == {link_key(link.kind, link.value) for link in users}
    for link, used in users.items():
        state = states[link_key(link.kind, link.value)]
        assert isinstance(state, NetworkState)
        assert_exact(state, link, used)
