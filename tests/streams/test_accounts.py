"""Accounts against slow references, and within the space they may take."""

from collections import Counter
from collections.abc import Sequence
from itertools import islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.accounts import (
    AccountState,
    AccountView,
    Enforcement,
    Head,
    Profile,
    account_of,
    current_view,
    head_of,
    profile_of,
    with_head,
    with_profile,
)
from streams.decisions import LADDER, Action
from streams.distinct import hash32
from streams.events import CAPABILITIES, SKETCH_ALPHABET, RequestEvent
from streams.windows import DAY_MS, HOUR_MS, MINUTE_MS, Counts
from tests.streams.account_bench import NOON_MS, Accounts, event, folded, jumps

GAP_WEIGHT = 1 / 32
TEMPLATES_HELD = 8


def stored_of(events: Sequence[RequestEvent]) -> bytes:
    return folded(events).stored()["a"]


def state_of(events: Sequence[RequestEvent]) -> AccountState:
    return account_of(stored_of(events))


def view_of(events: Sequence[RequestEvent]) -> AccountView:
    return current_view(stored_of(events))


def exponential_moments(gaps: list[int]) -> tuple[float, float]:
    """Mean and variance under weights that fall by 31/32 with each gap back in time; the first gap has the rest."""
    last = len(gaps) - 1
    weights = [(1 - GAP_WEIGHT) ** (last - index) * (GAP_WEIGHT if index else 1) for index in range(len(gaps))]
    mean = sum(weight * gap for weight, gap in zip(weights, gaps, strict=True))
    return mean, sum(weight * (gap - mean) ** 2 for weight, gap in zip(weights, gaps, strict=True))


@st.composite
def moments(draw: st.DrawFn) -> list[int]:
    """Times in the order of arrival, some of them late."""
    at_ms = NOON_MS
    times = [at_ms]
    for jump in draw(st.lists(jumps, max_size=60)):
        at_ms += jump
        times.append(at_ms)
    return times


@given(moments())
def test_the_regularity_is_that_of_exponentially_weighted_gaps(times: list[int]) -> None:
    """A gap is the distance from the newest request before, and counts as an hour at most."""
    state = state_of([event(at_ms) for at_ms in times])
    newest = [max(times[: index + 1]) for index in range(len(times))]
    gaps = [min(abs(at_ms - before), HOUR_MS) for before, at_ms in zip(newest, times[1:], strict=False)]
    variation = view_of([event(at_ms) for at_ms in times]).gap_variation
    if not gaps:
        assert variation == 0
        return
    mean, variance = exponential_moments(gaps)
    assert state.gap_mean_ms == pytest.approx(mean, rel=1e-9, abs=1e-6)
    assert state.gap_variance == pytest.approx(variance, rel=1e-6, abs=1e-3)
    assert variation == pytest.approx(variance**0.5 / mean if mean else 0, rel=1e-3, abs=1e-4)


def test_a_metronome_varies_not_at_all_and_bursts_vary_much() -> None:
    metronome = view_of([event(NOON_MS + 10_000 * number) for number in range(50)])
    bursts = view_of([event(NOON_MS + burst * HOUR_MS + number) for burst in range(5) for number in range(20)])
    assert metronome.gap_variation == 0
    assert bursts.gap_variation > 2


@given(moments())
def test_the_bitmap_holds_the_hours_of_a_week_in_which_there_was_a_request(times: list[int]) -> None:
    state = state_of([event(at_ms) for at_ms in times])
    newest = max(times) // HOUR_MS
    active = {at_ms // HOUR_MS for at_ms in times}
    bitmap = state.active_hours
    assert {newest - bit for bit in range(168) if bitmap >> bit & 1} == {hour for hour in active if newest - hour < 168}
    assert bitmap.bit_length() <= 168
    seen = view_of([event(at_ms) for at_ms in times]).active_hours_7d
    assert seen == sum(1 for hour in active if newest - hour < 168)


@given(moments())
def test_first_and_newest_time_and_the_number_of_late_events_are_exact(times: list[int]) -> None:
    state = state_of([event(at_ms) for at_ms in times])
    late = sum(at_ms // MINUTE_MS < max(times[:index]) // MINUTE_MS for index, at_ms in enumerate(times) if index)
    assert (state.first_ms, state.last_ms, state.late, state.requests) == (min(times), max(times), late, len(times))


@given(st.lists(st.integers(0, 30), min_size=1, max_size=1_000))
def test_a_template_is_undercounted_by_at_most_a_ninth_of_the_requests(templates: list[int]) -> None:
    """Misra and Gries with k counters: never too high, and too low by n / (k + 1) at most."""
    state = state_of([event(template_hash=str(template)) for template in templates])
    for template, count in Counter(map(str, templates)).items():
        assert count - len(templates) / (TEMPLATES_HELD + 1) <= state.top_templates.get(hash32(template), 0) <= count
    assert len(state.top_templates) <= TEMPLATES_HELD


def test_the_share_of_the_commonest_template_slides() -> None:
    before = [event(template_hash="old") for _ in range(1_500)]
    after = [event(template_hash=f"new-{number % 5}") for number in range(6_000)]
    assert view_of(before).top_template_share == pytest.approx(1, abs=0.01)
    assert view_of(before + after).top_template_share < 0.3


@pytest.mark.parametrize("every_ms", [0, MINUTE_MS, 10 * MINUTE_MS, HOUR_MS + MINUTE_MS, 27 * HOUR_MS, 3 * DAY_MS])
def test_an_account_with_ten_events_takes_at_most_a_kilobyte(every_ms: int) -> None:
    """However the ten are spread, and everything in them new each time: measured 739 bytes at the most."""
    assert len(stored_of([busy_event(number, every_ms) for number in range(10)])) <= 800


def test_a_hot_account_takes_at_most_three_and_a_half_kilobytes() -> None:
    """30,000 events over 28 days, everything in them new each time: measured 3,222 bytes at the most."""
    accounts = Accounts()
    events = (busy_event(number, 80_640) for number in range(30_000))
    largest = 0
    while batch := list(islice(events, 500)):
        accounts.take(batch)
        largest = max(largest, len(accounts.stored()["a"]))
    assert largest <= 3.5 * 1_024


def busy_event(number: int, every_ms: int) -> RequestEvent:
    return event(
        NOON_MS + number * every_ms,
        org_id="0123456789abcdef",
        account_created_at_ms=NOON_MS - DAY_MS,
        plan="enterprise",
        plan_daily_tokens=10_000_000,
        payment_hash="0123456789abcdef",
        address_hash=f"{number:016x}",
        user_agent_hash=f"{number:016x}",
        conversation_id=f"conversation-{number}",
        template_hash=f"{number:016x}",
        sketch="".join(f"{chr(97 + place)}{SKETCH_ALPHABET[number * 7 % 64]}" for place in range(16)),
        turn_count=1,
        capability=CAPABILITIES[number % len(CAPABILITIES)],
        input_tokens=100_000,
        output_tokens=100_000,
        status_code=500 if number % 2 else 200,
    )


@given(moments(), moments())
def test_an_account_that_was_stored_goes_on_as_if_it_had_not_been(before: list[int], after: list[int]) -> None:
    events = [event(at_ms, template_hash=str(at_ms % 11), address_hash=str(at_ms % 7)) for at_ms in before + after]
    assert folded(events, [len(before)]).stored() == folded(events).stored()


@pytest.mark.parametrize(
    ("fields", "counts"),
    [
        ({}, Counts(1)),
        ({"input_tokens": 3, "output_tokens": 4, "reasoning_tokens": 9}, Counts(1, 3, 4)),
        ({"status_code": 399}, Counts(1)),
        ({"status_code": 400}, Counts(1, 0, 0, 1)),
        ({"status_code": 503, "finish_reason": "refusal"}, Counts(1, 0, 0, 1, 1)),
        ({"finish_reason": "stop"}, Counts(1)),
    ],
)
def test_an_error_is_a_status_and_a_refusal_a_finish_reason(fields: dict[str, object], counts: Counts) -> None:
    assert state_of([event(NOON_MS, **fields)]).windows.minutes == {NOON_MS // MINUTE_MS: counts}


def test_what_an_event_does_not_say_stays_as_it_was() -> None:
    said = event(account_created_at_ms=NOON_MS - DAY_MS, plan="pro", plan_daily_tokens=9, org_id="o", payment_hash="p")
    assert profile_of(stored_of([said, event(), event(plan="max")])) == Profile(NOON_MS - DAY_MS, "max", 9, "o", "p")


def test_an_account_that_never_said_anything_of_itself_has_an_empty_profile() -> None:
    assert profile_of(stored_of([event(), event()])) == Profile()


def test_an_account_is_never_younger_than_nothing() -> None:
    assert view_of([event(account_created_at_ms=NOON_MS + DAY_MS)]).age_ms == 0
    assert view_of([event()]).age_ms is None


def test_a_view_counts_a_day_an_hour_and_what_is_different() -> None:
    times = [NOON_MS, NOON_MS + 6 * HOUR_MS, NOON_MS + 23 * HOUR_MS, NOON_MS + 23 * HOUR_MS + 59 * MINUTE_MS]
    events = [
        event(
            at_ms,
            input_tokens=10,
            output_tokens=1,
            address_hash=f"address-{number}",
            user_agent_hash="agent",
            conversation_id=f"conversation-{number // 2}",
            capability="coding" if number else "other",
        )
        for number, at_ms in enumerate(times)
    ]
    view = view_of(events)
    assert (view.requests, view.tokens, view.requests_1h) == (4, 44, 2)
    assert (view.addresses, view.user_agents, view.conversations, view.templates) == (4, 1, 2, 0)
    assert (view.active_hours, view.active_hours_7d, view.capability_share) == (3, 3, 0.75)
    assert view.top_template_share == 0
    later = view_of([*events, event(times[-1] + DAY_MS)])
    assert (later.requests, later.requests_1h, later.active_hours, later.addresses) == (1, 1, 1, 0)
    assert later.active_hours_7d == 4


def test_the_gap_reference_itself_is_a_weighted_mean() -> None:
    assert exponential_moments([5, 5, 5]) == pytest.approx((5, 0))
    assert all(later > earlier for earlier, later in pairwise(exponential_moments([0] * 9 + [n])[0] for n in (1, 2, 3)))


heads = st.builds(
    Head,
    st.builds(Enforcement, st.sampled_from(LADDER), st.integers(0, 2**53), st.integers(0, 2**31), st.booleans()),
    st.integers(0, 10**6),
    st.none() | st.floats(0, 1),
)
profiles = st.builds(
    Profile,
    st.none() | st.integers(0, 2**43),
    st.none() | st.text(max_size=128),
    st.none() | st.integers(0, 2**40),
    st.none() | st.text(max_size=128),
    st.none() | st.text(max_size=128),
)


@given(st.lists(st.one_of(heads, profiles), max_size=4))
def test_what_is_put_into_a_stored_account_is_found_in_it_and_changes_nothing_else(
    changes: list[Head | Profile],
) -> None:
    before = [event(NOON_MS + number * HOUR_MS, address_hash=str(number)) for number in range(3)]
    plain = stored = stored_of(before)
    head, profile = Head(), Profile()
    for change in changes:
        if isinstance(change, Head):
            head, stored = change, with_head(stored, change)
        else:
            profile, stored = change, with_profile(stored, change)
    assert (head_of(stored), profile_of(stored)) == (head, profile)
    state = account_of(stored)
    assert (state.head, state.profile, state.enforcement) == (head, profile, head.enforcement)
    assert with_profile(with_head(stored, Head()), Profile()) == with_profile(plain, Profile())
    accounts, others = Accounts(), Accounts()
    accounts.states.held["account:a"], others.states.held["account:a"] = stored, plain
    accounts.take([event(NOON_MS + DAY_MS)])
    others.take([event(NOON_MS + DAY_MS)])
    went_on = accounts.stored()["a"]
    assert (head_of(went_on), profile_of(went_on)) == (head, profile)
    assert with_profile(with_head(went_on, Head()), Profile()) == with_profile(others.stored()["a"], Profile())


def test_what_the_anomaly_model_said_last_is_in_the_current_view() -> None:
    stored = stored_of([event()])
    assert current_view(stored).p_value is None
    assert current_view(with_head(stored, Head(p_value=0.125))).p_value == 0.125


@pytest.mark.parametrize("action", LADDER)
def test_every_rung_can_be_in_force(action: Action) -> None:
    force = Enforcement(action, NOON_MS, 3, shadow=True)
    assert account_of(with_head(stored_of([event()]), Head(force))).enforcement == force


def test_what_another_version_stored_is_refused_in_a_sentence() -> None:
    stored = b"\x63" + stored_of([event()])[1:]
    with pytest.raises(ValueError, match="an account is stored in version 99, not 2"):
        head_of(stored)
    accounts = Accounts()
    accounts.states.held["account:a"] = stored
    with pytest.raises(ValueError, match="an account is stored by another version of Stillwatch"):
        accounts.take([event()])
