"""Accounts against slow references, and within the space they may take."""

from collections import Counter
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.accounts import AccountState, counts_of, fold_event, gap_variation, view_of
from streams.events import CAPABILITIES, RequestEvent
from streams.windows import DAY_MS, HOUR_MS, MINUTE_MS, Counts

NOON_MS = 1_791_201_600_000
GAP_WEIGHT = 1 / 32
TEMPLATES_HELD = 8


def event(at_ms: int = NOON_MS, **fields: object) -> RequestEvent:
    given_fields = {"event_id": "e", "account_id": "a", "operation": "chat", "request_model": "m", **fields}
    return msgspec.convert({**given_fields, "occurred_at_ms": at_ms}, RequestEvent)


def account_of(events: list[RequestEvent]) -> AccountState:
    state = AccountState()
    for one in events:
        fold_event(state, one, one.occurred_at_ms, counts_of(one))
    return state


def exponential_moments(gaps: list[int]) -> tuple[float, float]:
    """Mean and variance under weights that fall by 31/32 with each gap back in time; the first gap has the rest."""
    last = len(gaps) - 1
    weights = [(1 - GAP_WEIGHT) ** (last - index) * (GAP_WEIGHT if index else 1) for index in range(len(gaps))]
    mean = sum(weight * gap for weight, gap in zip(weights, gaps, strict=True))
    return mean, sum(weight * (gap - mean) ** 2 for weight, gap in zip(weights, gaps, strict=True))


jumps = st.one_of(
    st.integers(0, MINUTE_MS), st.integers(-5 * HOUR_MS, 5 * HOUR_MS), st.integers(-10 * DAY_MS, 10 * DAY_MS)
)


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
    state = account_of([event(at_ms) for at_ms in times])
    newest = [max(times[: index + 1]) for index in range(len(times))]
    gaps = [min(abs(at_ms - before), HOUR_MS) for before, at_ms in zip(newest, times[1:], strict=False)]
    if not gaps:
        assert gap_variation(state) == 0
        return
    mean, variance = exponential_moments(gaps)
    assert state.gap_mean_ms == pytest.approx(mean, rel=1e-9, abs=1e-6)
    assert state.gap_variance == pytest.approx(variance, rel=1e-6, abs=1e-3)
    assert gap_variation(state) == pytest.approx(variance**0.5 / mean if mean else 0, rel=1e-3, abs=1e-4)


def test_a_metronome_varies_not_at_all_and_bursts_vary_much() -> None:
    metronome = account_of([event(NOON_MS + 10_000 * number) for number in range(50)])
    bursts = account_of([event(NOON_MS + burst * HOUR_MS + number) for burst in range(5) for number in range(20)])
    assert gap_variation(metronome) == 0
    assert gap_variation(bursts) > 2


@given(moments())
def test_the_bitmap_holds_the_hours_of_a_week_in_which_there_was_a_request(times: list[int]) -> None:
    state = account_of([event(at_ms) for at_ms in times])
    newest = max(times) // HOUR_MS
    active = {at_ms // HOUR_MS for at_ms in times}
    bitmap = int.from_bytes(state.active_hours)
    assert {newest - bit for bit in range(168) if bitmap >> bit & 1} == {hour for hour in active if newest - hour < 168}
    assert bitmap.bit_length() <= 168
    assert view_of(state, state.last_ms).active_hours_7d == sum(1 for hour in active if newest - hour < 168)


@given(moments())
def test_first_and_newest_time_and_the_number_of_late_events_are_exact(times: list[int]) -> None:
    state = account_of([event(at_ms) for at_ms in times])
    late = sum(at_ms // MINUTE_MS < max(times[:index]) // MINUTE_MS for index, at_ms in enumerate(times) if index)
    assert (state.first_ms, state.last_ms, state.late, state.requests) == (min(times), max(times), late, len(times))


@given(st.lists(st.integers(0, 30), max_size=1_000))
def test_a_template_is_undercounted_by_at_most_a_ninth_of_the_requests(templates: list[int]) -> None:
    """Misra and Gries with k counters: never too high, and too low by n / (k + 1) at most."""
    state = account_of([event(template_hash=str(template)) for template in templates])
    for template, count in Counter(map(str, templates)).items():
        assert count - len(templates) / (TEMPLATES_HELD + 1) <= state.top_templates.get(template, 0) <= count
    assert len(state.top_templates) <= TEMPLATES_HELD


def test_the_share_of_the_commonest_template_slides() -> None:
    before = [event(template_hash="old") for _ in range(1_500)]
    after = [event(template_hash=f"new-{number % 5}") for number in range(6_000)]
    assert view_of(account_of(before), NOON_MS).top_template_share == pytest.approx(1, abs=0.01)
    assert view_of(account_of(before + after), NOON_MS).top_template_share < 0.3


def test_an_account_with_ten_events_takes_at_most_a_kilobyte() -> None:
    """Measured: 814 bytes."""
    state = account_of([busy_event(number) for number in range(10)])
    assert len(msgspec.msgpack.encode(state)) <= 1_024


def test_a_hot_account_takes_at_most_six_kilobytes() -> None:
    """30,000 events over 28 days, everything in them new each time: measured 5,510 bytes at the most."""
    state = AccountState()
    largest = 0
    for number in range(30_000):
        one = busy_event(number, every_ms=80_640)
        fold_event(state, one, one.occurred_at_ms, counts_of(one))
        if number % 1_000 == 999:
            largest = max(largest, len(msgspec.msgpack.encode(state)))
    assert largest <= 6 * 1_024


def busy_event(number: int, every_ms: int = 10 * MINUTE_MS) -> RequestEvent:
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
        capability=CAPABILITIES[number % len(CAPABILITIES)],
        input_tokens=100_000,
        output_tokens=100_000,
    )


@given(moments(), moments())
def test_an_account_that_was_stored_goes_on_as_if_it_had_not_been(before: list[int], after: list[int]) -> None:
    state = account_of([event(at_ms, template_hash=str(at_ms % 11), address_hash=str(at_ms % 7)) for at_ms in before])
    restored = msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=AccountState)
    assert restored == state
    for at_ms in after:
        one = event(at_ms, template_hash=str(at_ms % 11), address_hash=str(at_ms % 7))
        assert fold_event(restored, one, at_ms, counts_of(one)) == fold_event(state, one, at_ms, counts_of(one))
    assert msgspec.msgpack.encode(restored) == msgspec.msgpack.encode(state)


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
    assert counts_of(event(NOON_MS, **fields)) == counts


def test_what_an_event_does_not_say_stays_as_it_was() -> None:
    said = event(account_created_at_ms=NOON_MS - DAY_MS, plan="pro", plan_daily_tokens=9, org_id="o", payment_hash="p")
    state = account_of([said, event(), event(plan="max")])
    assert (state.created_at_ms, state.plan_daily_tokens, state.org_id, state.payment_hash) == (
        NOON_MS - DAY_MS,
        9,
        "o",
        "p",
    )
    assert state.plan == "max"


def test_an_account_is_never_younger_than_nothing() -> None:
    assert view_of(account_of([event(account_created_at_ms=NOON_MS + DAY_MS)]), NOON_MS).age_ms == 0
    assert view_of(account_of([event()]), NOON_MS).age_ms is None


def test_a_view_counts_a_day_an_hour_and_what_is_different() -> None:
    times = [NOON_MS, NOON_MS + 6 * HOUR_MS, NOON_MS + 23 * HOUR_MS, NOON_MS + 23 * HOUR_MS + 59 * MINUTE_MS]
    state = account_of(
        [
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
    )
    view = view_of(state, times[-1])
    assert (view.requests, view.tokens, view.output_tokens) == (4, 44, 4)
    assert (view.requests_1h, view.tokens_1h) == (2, 22)
    assert (view.addresses, view.user_agents, view.conversations, view.templates) == (4, 1, 2, 0)
    assert (view.active_hours, view.active_hours_7d, view.lifetime_requests) == (3, 3, 4)
    assert (view.capability, view.capability_share) == ("coding", 0.75)
    assert view.top_template_share == 0
    later = view_of(state, times[-1] + DAY_MS)
    assert (later.requests, later.requests_1h, later.active_hours, later.addresses) == (0, 0, 0, 0)


def test_the_gap_reference_itself_is_a_weighted_mean() -> None:
    assert exponential_moments([5, 5, 5]) == pytest.approx((5, 0))
    assert all(later > earlier for earlier, later in pairwise(exponential_moments([0] * 9 + [n])[0] for n in (1, 2, 3)))
