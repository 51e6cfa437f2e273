"""An account that is erased, through networks and campaigns, however far the one lags behind the other."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from streams.campaigns import Campaign, Pointer
from streams.events import LATEST_MS
from streams.findings import Findings
from streams.members import Member
from streams.networks import NetworkState
from streams.stages.campaign_states import member_key
from streams.stages.networks_shard import NetworksShard
from streams.windows import MINUTE_MS
from tests.streams.link_bench import HOUR, NOON, Act, links
from tests.streams.networks_bench import bench as networks_bench
from tests.streams.stages.test_campaigns_feedback import hear, limited, verdict
from tests.streams.stages.test_campaigns_stage import NOON_MS, Bench, bench, finding


def used(value: str, names: str, hours: range) -> list[Act]:
    """Each of the accounts in each of the hours, at its own minute of it."""
    return [
        Act(name, NOON + hour * HOUR + minute, value=value) for hour in hours for minute, name in enumerate(names, 1)
    ]


BEFORE = [Act("before", NOON - HOUR, value=value) for value in "pqr"]
ACTS = [
    [*BEFORE, *used("p", "abcd", range(2)), *used("q", "ab", range(2))],
    used("q", "bcd", range(2, 4)),
    used("r", "def", range(4, 6)),
    [*used("p", "fg", range(6, 8)), *used("q", "e", range(6, 8))],
    used("q", "fg", range(8, 10)),
]
UNTIL = HOUR + 1
"""When the last thing happened that `a` did, in minutes after noon: in the first record."""


def forgotten(campaigns: Bench) -> bool:
    """Whether nothing is held of `a`."""
    states = campaigns.states.held.values()
    pointer = campaigns.states.held.get(member_key("a"), Pointer())
    return pointer == Pointer() and not any(
        "a"
        in {*it.seen, *it.members, *it.undecided, *it.inherited}.union(*(link.strangers for link in it.links.values()))
        for it in states
        if isinstance(it, Campaign)
    )


@given(st.integers(1, len(ACTS)), st.integers(0, 20))
def test_who_is_erased_is_never_named_again_though_links_hear_of_it_later_or_earlier(
    links_hear: int, heard: int
) -> None:
    networks, campaigns = networks_bench(), bench()
    records = [links(acts, number * 100) for number, acts in enumerate(ACTS)]
    erasure = replace(links([], source=1, log="feedback-1"), erased={"a": (NOON + UNTIL) * MINUTE_MS})
    records.insert(links_hear, erasure)
    for offset, record in enumerate(records):
        networks.take(record, first_offset=offset)
    networks.take()
    found = [it.value for it in networks.left if isinstance(it.value, Findings)]
    at = min(heard, len(found))
    for offset, told in enumerate(found[:at]):
        campaigns.take(*told.findings, offset=offset)
    hear(campaigns, verdict("erased", "a", UNTIL), offset=100)
    before = len(campaigns.said("enforcement"))
    for offset, told in enumerate(found[at:], 200):
        campaigns.take(*told.findings, offset=offset)
    campaigns.take(*(finding("z", value, minutes=10 * HOUR, since=10 * HOUR) for value in "pqr"), offset=300)
    assert forgotten(campaigns)
    assert all("a" not in it.members for it in campaigns.said("enforcement")[before:])


class Unread(dict[str, int]):
    """Many accounts: to go through them all is a fault."""

    def items(self) -> Any:  # noqa: ANN401  never comes back
        raise AssertionError

    def __iter__(self) -> Any:  # noqa: ANN401
        raise AssertionError


def test_a_campaign_does_not_go_through_all_that_were_erased() -> None:
    campaigns = limited()
    (campaign,) = campaigns.campaigns().values()
    erased = Unread(dict.fromkeys(map(str, range(99)), LATEST_MS) | {"a": NOON_MS})
    assert campaign.erase(erased)
    assert set(campaign.members) == set("bcd")
    assert not campaign.erase(erased)


def test_a_link_does_not_go_through_all_that_were_erased() -> None:
    shard = NetworksShard(erased=Unread(dict.fromkeys(map(str, range(99)), 0) | {"a": NOON * MINUTE_MS}))
    state = NetworkState(members={name: Member(NOON, None, 1) for name in "abc"}, touched={"a", "b"})
    shard.forget_erased(state, NOON)
    assert set(state.members) == set("abc")
    shard.forget_erased(state, NOON + 1)
    assert (set(state.members), state.touched) == ({"b", "c"}, {"b"})
