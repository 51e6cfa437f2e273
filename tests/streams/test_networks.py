"""Links: who is a member, who came back, and how much members act together."""

from itertools import combinations

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.holders import KNOWN_SHARED, Noted
from streams.links import LinkKind
from streams.members import round_the_clock_synchrony, synchrony
from streams.networks import (
    IDLE_MINUTES,
    MEMBERS,
    NetworkState,
    NetworkView,
    has_news,
    is_open,
    note_members,
    report_news,
    view_of,
)
from streams.used import FoldedLinks, Uses
from streams.windows import DAY_MS, MINUTE_MS
from tests.streams.link_bench import DAY, HOUR, NOON, Act, links


def fold(state: NetworkState, *acts: Act) -> None:
    """Add acts over one link that is shared, each in a batch of its own."""
    for act in acts:
        noted = Noted(np.array([KNOWN_SHARED]), np.array([0]), b"")
        folded = FoldedLinks(Uses([links([act])], [-1]), noted, np.array([0]), {"v": state}, {"v"})
        for moment in folded.moments:
            folded.take(moment)


def seen(state: NetworkState, kind: LinkKind = "payment", everybody: int = 9) -> NetworkView:
    """The link as signals see it as it stands."""
    return view_of(state, state.counted(), kind, everybody)


def link_of(*acts: Act) -> NetworkState:
    state = NetworkState()
    fold(state, *acts)
    return state


def members_of(state: NetworkState) -> dict[str, bool]:
    """Account -> whether it came back."""
    return {name: member.is_ripe(state.hour) for name, member in state.members.items()}


@pytest.mark.parametrize("kind", ["payment", "template"])
def test_what_can_tie_accounts_lists_them(kind: LinkKind) -> None:
    assert list(link_of(Act(kind=kind), Act("b", kind=kind)).members) == ["a", "b"]


@pytest.mark.parametrize("kind", ["network", "asn", "tls"])
def test_what_cannot_tie_accounts_counts_them_and_lists_nobody(kind: LinkKind) -> None:
    state = link_of(Act(kind=kind), Act("b", kind=kind))
    assert state.members == {}
    assert seen(state, kind).accounts == 2


def test_who_is_exempt_is_counted_and_never_a_member() -> None:
    state = link_of(Act(exempt=True), Act(minute=NOON + HOUR, exempt=True), Act("b"))
    assert members_of(state) == {"b": False}
    assert (seen(state).accounts, seen(state).requests) == (2, 3)


def test_an_account_came_back_once_it_was_active_in_two_hours_of_a_day() -> None:
    afternoon = link_of(*(Act(minute=NOON + minute) for minute in range(60)))
    assert members_of(afternoon) == {"a": False}
    assert members_of(link_of(Act(), *[Act(minute=NOON + HOUR)] * 2)) == {"a": True}
    assert members_of(link_of(*[Act()] * 2, Act(minute=NOON - HOUR))) == {"a": True}
    assert members_of(link_of(*[Act()] * 2, Act(minute=NOON + 25 * HOUR))) == {"a": False}
    assert members_of(link_of(*[Act()] * 2, Act(minute=NOON - 25 * HOUR))) == {"a": False}


@given(st.lists(st.integers(-40 * HOUR, 40 * HOUR), min_size=1, max_size=30))
def test_the_bitmap_of_a_member_holds_its_hours_whatever_the_order(minutes: list[int]) -> None:
    state = link_of(*(Act(minute=NOON + minute) for minute in minutes))
    member = state.members["a"]
    hours = {(NOON + minute) // HOUR for minute in minutes}
    newest = max(hours)
    held = {newest - bit for bit in range(24) if member.hours >> bit & 1}
    assert held == {hour for hour in hours if newest - hour < 24}
    assert member.last_minute == NOON + max(minutes)


def reference_synchrony(hours: list[set[int]]) -> float:
    """Of all (active hour of a member, other member) pairs, those in which the other is active too."""
    pairs = [
        (hour, other) for index, own in enumerate(hours) for hour in own for other in hours[:index] + hours[index + 1 :]
    ]
    return sum(1 for hour, other in pairs if hour in other) / len(pairs) if pairs else 0.0


@given(st.lists(st.sets(st.integers(0, 23)), max_size=8))
def test_synchrony_is_the_share_of_others_active_in_an_active_hour(hours: list[set[int]]) -> None:
    assert synchrony([sum(1 << hour for hour in own) for own in hours]) == pytest.approx(reference_synchrony(hours))


def test_shifts_are_out_of_step_and_a_scheduler_is_in_step() -> None:
    shifts = [0xFF << shift for shift in (0, 8, 16)]
    assert synchrony(shifts) == 0
    assert synchrony([0xFF] * 5) == 1
    assert all(synchrony([one, other]) == 0 for one, other in combinations(shifts, 2))


def test_members_are_compared_in_the_same_hours_whenever_each_was_last_active() -> None:
    together = [Act(name, NOON + hour * HOUR) for hour in range(20) for name in ("a", "b")]
    state = link_of(*together, Act("a", NOON + 20 * HOUR))
    assert seen(state).synchrony == 1
    assert view_of(state, state.counted(), "payment", 9, settled_hour=(NOON + 3 * DAY) // HOUR).synchrony == 0


def test_what_is_busy_together_by_day_alone_is_an_office() -> None:
    office = link_of(*(Act(name, NOON + hour * HOUR) for hour in range(17) for name in ("a", "b")))
    assert seen(office).synchrony == 0


@given(st.integers(0, 20))
def test_synchrony_of_a_settled_hour_does_not_change_with_what_came_later(later: int) -> None:
    settled = (NOON + 23 * HOUR) // HOUR
    members = ("a", "b", "c")
    day = [Act(name, NOON + hour * HOUR) for hour in range(24) for name in members if (hour, name) != (5, "c")]
    more = [Act("a", NOON + (24 + hour) * HOUR) for hour in range(later)]
    before, after = link_of(*day), link_of(*day, *more)

    def at_that_hour(state: NetworkState) -> float:
        return round_the_clock_synchrony(tuple(state.members.values()), settled)

    assert at_that_hour(before) == at_that_hour(after) > 0.9


def test_a_link_is_looked_at_when_three_members_did_something_or_its_volume_doubled() -> None:
    assert not is_open(link_of(Act(), Act("b")))
    assert is_open(link_of(Act(), Act("b"), Act("c")))
    assert not is_open(link_of(*[Act(kind="asn")] * 15))
    assert is_open(link_of(*[Act(kind="asn")] * 16))


def test_members_are_news_once_each_when_they_came_back() -> None:
    state = link_of(Act(), Act("b"), Act("a", NOON + HOUR), Act("b", NOON + HOUR), Act("c", NOON + HOUR))
    assert has_news(state)
    assert [tied.account_id for tied in report_news(state)] == ["a", "b"]
    state.touched.clear()
    assert report_news(state) == ()
    fold(state, Act("a", NOON + 2 * HOUR))
    assert not has_news(state)
    fold(state, Act("c", NOON + 2 * HOUR))
    assert has_news(state)
    assert [tied.account_id for tied in report_news(state)] == ["c"]


def test_a_link_lists_so_many_members_and_no_more() -> None:
    state = link_of(*(Act(str(number)) for number in range(MEMBERS + 5)))
    assert len(state.members) == MEMBERS
    fold(state, Act("7", NOON + HOUR))
    assert members_of(state)["7"]
    assert seen(state).accounts == pytest.approx(MEMBERS, rel=0.6)


def test_a_view_counts_volume_by_the_day_and_accounts_by_the_week() -> None:
    born_ms = NOON * MINUTE_MS - 2 * DAY_MS
    state = link_of(
        Act("old", NOON - 3 * DAY, network="n1"),
        *[Act("a", created_ms=born_ms, org="o", network="n2", capability=1)] * 2,
        Act("b", created_ms=born_ms - 90 * DAY_MS, org="o", network="n2", capability=1),
        Act("a", NOON + HOUR, created_ms=born_ms, org="o", capability=0),
        Act("b", NOON + HOUR, org="o", capability=1),
    )
    view = seen(state, everybody=77)
    assert (view.requests, view.tokens, view.errors, view.everybody) == (5, 150, 0, 77)
    assert (view.accounts, view.young_accounts, view.networks, view.active_hours) == (3, 1, 2, 2)
    assert (view.capability, view.capability_share) == ("coding", 0.8)
    assert (view.ripe_accounts, view.ripe_parties) == (2, 1)
    fold(state, Act("c", NOON + 8 * DAY))
    assert (seen(state).requests, seen(state).accounts) == (1, 1)


def test_an_account_is_young_for_a_week() -> None:
    for age_days, young in ((6.9, 1), (7.0, 0)):
        state = link_of(Act(created_ms=NOON * MINUTE_MS - int(age_days * DAY_MS)))
        assert seen(state).young_accounts == young


def test_late_acts_are_counted_in_their_own_minute() -> None:
    state = link_of(Act(minute=NOON), *[Act(minute=NOON - 5)] * 3)
    assert (state.requests, state.late) == (4, 3)
    assert state.newest_ms == NOON * MINUTE_MS
    assert seen(state).requests == 4
    minutes = state.laid_out().windows.minutes
    assert {minute - NOON: counts.requests for minute, counts in minutes.items()} == {0: 1, -5: 3}


def test_a_link_that_was_stored_is_the_same() -> None:
    state = link_of(Act(), Act("b", NOON + HOUR, org="o", network="n"))
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=NetworkState) == state


YOUNG_MS, OLD_MS = NOON * MINUTE_MS - 5 * DAY_MS, NOON * MINUTE_MS - 90 * DAY_MS


@pytest.fixture
def four(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.networks.MEMBERS", 4)


def filled(created_ms: int | None, *, named: bool = True) -> NetworkState:
    """A link whose list is full: four accounts in two hours, the last of them ten minutes after the others."""
    minutes = dict.fromkeys("abc", NOON + HOUR) | {"d": NOON + HOUR + 10}
    state = link_of(*(Act(name, NOON, created_ms=created_ms) for name in minutes))
    fold(state, *(Act(name, minute, created_ms=created_ms) for name, minute in minutes.items()))
    if named:
        assert [it.account_id for it in report_news(state)] == [*minutes]
    return state


@pytest.mark.usefixtures("four")
def test_in_a_full_list_new_accounts_that_were_named_and_left_make_room_one_for_one() -> None:
    state = filled(YOUNG_MS)
    fold(state, Act("e", NOON + HOUR + IDLE_MINUTES - 1))
    assert [*state.members] == [*"abcd"]
    for name, listed in (("e", "bcde"), ("f", "cdef"), ("g", "defg"), ("h", "defg")):
        fold(state, Act(name, NOON + HOUR + IDLE_MINUTES))
        assert [*state.members] == [*listed]
    assert has_news(state) is False
    fold(state, *(Act(name, NOON + 2 * HOUR + IDLE_MINUTES) for name in "efg"))
    assert [it.account_id for it in report_news(state)] == [*"efg"]


@pytest.mark.usefixtures("four")
def test_who_comes_back_in_the_same_minute_keeps_its_place_however_the_log_is_cut() -> None:
    minute = NOON + HOUR + 2 * IDLE_MINUTES
    acts = [Act(name, minute, created_ms=YOUNG_MS) for name in ("e", "b", "f")]
    together, apart = filled(YOUNG_MS), filled(YOUNG_MS)
    note_members(together, [it.who for it in acts], minute)
    for it in acts:
        note_members(apart, [it.who], minute)
    assert [*together.members] == [*apart.members] == [*"bdef"]
    assert together.touched == apart.touched


@pytest.mark.usefixtures("four")
def test_only_so_many_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.networks.MOST_LEFT", 6)
    state = filled(YOUNG_MS)
    for number in range(20):
        fold(state, *(Act(str(number), NOON + (2 + hour + 6 * number) * HOUR, created_ms=YOUNG_MS) for hour in (0, 1)))
        report_news(state)
    assert [*state.members] == [*"3456"]


@pytest.mark.usefixtures("four")
@pytest.mark.parametrize(("created_ms", "named"), [(YOUNG_MS, False), (OLD_MS, True), (None, True)])
def test_who_was_not_named_or_is_not_new_keeps_its_place(created_ms: int | None, named: bool) -> None:
    state = filled(created_ms, named=named)
    fold(state, Act("e", NOON + HOUR + 9 * IDLE_MINUTES, created_ms=YOUNG_MS))
    assert [*state.members] == [*"abcd"]
