"""The compiled fold against the sequential reference and against the plain list of events: equal, not only close."""

from collections import Counter
from collections.abc import Iterable, Sequence
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams import kernel as machine_code
from streams.accounts import account_of, current_view
from streams.distinct import CAPACITY, hash32
from streams.events import CAPABILITIES, EARLIEST_MS, LATEST_MS, RequestEvent
from streams.windows import DAY_MS, HOUR_MS, MINUTE_MS, SPANS, Counts
from tests.streams.account_bench import (
    INTERPRETED,
    NOON_MS,
    RULE,
    Accounts,
    Seen,
    event,
    folded,
    histories,
    traffic,
)
from tests.streams.reference_accounts import ReferenceAccount, fold_event, is_due, view_of

few = settings(max_examples=max(10, settings().max_examples // 5))
"""For the interpreted twin, which takes a millisecond an event."""

cuts = st.lists(st.integers(1, 20), max_size=12)


class Reference:
    """What the sequential fold makes of a log: accounts, the views that were due, and how many events came late."""

    def __init__(self, events: Sequence[RequestEvent]) -> None:
        self.accounts: dict[str, ReferenceAccount] = {}
        self.views: list[Seen] = []
        self.late = 0
        for offset, one in enumerate(events):
            account = self.accounts.setdefault(one.account_id, ReferenceAccount())
            self.late += fold_event(account, one, one.occurred_at_ms)
            if is_due(account, RULE):
                self.views.append(Seen(offset, one.account_id, view_of(account), account.profile))


def assert_equals_the_reference(accounts: Accounts, events: Sequence[RequestEvent]) -> None:
    reference = Reference(events)
    stored = accounts.stored()
    assert stored.keys() == reference.accounts.keys()
    for name, expected in reference.accounts.items():
        assert account_of(stored[name]) == expected.laid_out()
        assert current_view(stored[name]) == view_of(expected)
    assert accounts.views() == reference.views
    assert accounts.late == reference.late


@given(histories(), cuts)
def test_in_any_batches_the_fold_equals_the_reference(events: list[RequestEvent], sizes: list[int]) -> None:
    assert_equals_the_reference(folded(events, sizes), events)


@few
@given(histories(most=25), cuts)
def test_the_same_lines_interpreted_equal_the_reference(events: list[RequestEvent], sizes: list[int]) -> None:
    assert_equals_the_reference(folded(events, sizes, kernel=INTERPRETED), events)


@given(histories(), cuts)
def test_the_bytes_are_the_same_whatever_the_cut(events: list[RequestEvent], sizes: list[int]) -> None:
    whole = folded(events)
    for cut in (folded(events, sizes), folded(events, [1] * len(events))):
        assert cut.stored() == whole.stored()
        assert cut.views() == whole.views()
        assert cut.late == whole.late


@given(histories(), cuts)
def test_the_bytes_of_an_account_are_the_same_whoever_else_is_in_its_batches(
    events: list[RequestEvent], sizes: list[int]
) -> None:
    together = folded(events, sizes).stored()
    for name, stored in together.items():
        assert folded([one for one in events if one.account_id == name]).stored()[name] == stored


@pytest.mark.parametrize("seed", range(8))
def test_thousands_of_events_equal_the_reference_in_small_and_large_batches(seed: int) -> None:
    events = traffic(seed, 3_000, accounts=(1, 5, 200)[seed % 3], wild=seed % 2 == 1)
    small = folded(events, [7] * 500)
    assert_equals_the_reference(small, events)
    assert folded(events, [997, 997]).stored() == small.stored()


@pytest.mark.parametrize("wild", [False, True])
def test_machine_code_and_python_make_the_same_bytes_of_a_busy_log(wild: bool) -> None:
    events = traffic(11, 2_500, accounts=2, wild=wild)
    machine, python = folded(events, [400, 900]), folded(events, [400, 900], kernel=INTERPRETED)
    assert machine.stored() == python.stored()
    assert machine.views() == python.views()


def counted(events: Iterable[RequestEvent]) -> dict[str, dict[int, Counts]]:
    """Every window from the plain list of events: of each bucket that lies inside it, as of the newest, the counts."""
    happened = list(events)
    newest = max(one.occurred_at_ms for one in happened)
    windows: dict[str, dict[int, Counts]] = {}
    for resolution, (width, kept) in SPANS.items():
        inside = {
            one.occurred_at_ms // width for one in happened if one.occurred_at_ms // width > newest // width - kept
        }
        windows[resolution] = {
            bucket: Counts(
                requests=sum(1 for one in happened if one.occurred_at_ms // width == bucket),
                input_tokens=sum(one.input_tokens for one in happened if one.occurred_at_ms // width == bucket),
                output_tokens=sum(one.output_tokens for one in happened if one.occurred_at_ms // width == bucket),
                errors=sum(one.status_code >= 400 for one in happened if one.occurred_at_ms // width == bucket),
                refusals=sum(
                    one.finish_reason == "refusal" for one in happened if one.occurred_at_ms // width == bucket
                ),
            )
            for bucket in inside
        }
    return windows


@given(histories(), cuts)
def test_every_window_is_the_sum_over_what_happened_in_it(events: list[RequestEvent], sizes: list[int]) -> None:
    """Straight from the list of events, without the reference: late ones and silences included."""
    accounts = folded(events, sizes)
    for name in accounts.stored():
        mine = [one for one in events if one.account_id == name]
        windows = accounts.state(name).windows
        assert {"minutes": windows.minutes, "hours": windows.hours, "days": windows.days} == counted(mine)


@given(histories(), cuts)
def test_the_counts_of_a_view_are_those_of_the_list_of_events(events: list[RequestEvent], sizes: list[int]) -> None:
    accounts = folded(events, sizes)
    for name, stored in accounts.stored().items():
        mine = [one for one in events if one.account_id == name]
        newest = max(one.occurred_at_ms for one in mine)
        day = [one for one in mine if one.occurred_at_ms // HOUR_MS > newest // HOUR_MS - 24]
        hour = [one for one in mine if one.occurred_at_ms // MINUTE_MS > newest // MINUTE_MS - 60]
        view = current_view(stored)
        assert (view.requests, view.requests_1h) == (len(day), len(hour))
        assert view.tokens == sum(one.input_tokens + one.output_tokens for one in day)
        assert view.active_hours == len({one.occurred_at_ms // HOUR_MS for one in day})
        for kind, seen in (
            ("address_hash", view.addresses),
            ("user_agent_hash", view.user_agents),
            ("template_hash", view.templates),
            ("conversation_id", view.conversations),
        ):
            if len({getattr(one, kind) for one in mine} - {None}) <= CAPACITY:
                assert seen == len({getattr(one, kind) for one in day} - {None})
        assert view.capability_share == favourite(mine)


def favourite(events: Sequence[RequestEvent]) -> float:
    """The share of all that was asked today and yesterday of what was asked for most, "other" left out."""
    today = max(one.occurred_at_ms for one in events) // DAY_MS
    asked = Counter(one.capability for one in events if today - 1 <= one.occurred_at_ms // DAY_MS <= today)
    return max(asked[name] for name in CAPABILITIES if name != "other") / asked.total()


@given(st.integers(1, 20), st.integers(0, 100), st.lists(st.integers(1, 30), max_size=20))
def test_an_account_is_due_at_its_first_events_at_each_doubling_and_then_regularly(
    first_at: int, more: int, sizes: list[int]
) -> None:
    rule = type(RULE)(first_at=first_at, every=first_at + more)
    accounts = Accounts(rule=rule)
    for size in sizes:
        accounts.take(event() for _ in range(size))
    due, expected = first_at, []
    while due <= sum(sizes):
        expected.append(due)
        due += min(due, rule.every)
    assert [seen.offset + 1 for seen in accounts.views()] == expected


def test_more_views_than_there_is_room_for_at_first_are_all_told() -> None:
    names = [f"account-{number}" for number in range(150)]
    for kernel in (machine_code, INTERPRETED):
        accounts = folded([event(NOON_MS, name) for _ in range(4) for name in names], kernel=kernel)
        assert [seen.account for seen in accounts.views()] == names


def filled(every_ms: int, *, days: int = 28, tokens: int = 1) -> list[RequestEvent]:
    """A history that fills every sketch (64 values of each kind) and, with 28 days, every window."""
    times = [NOON_MS - day * DAY_MS for day in range(days, 0, -1)]
    times += [NOON_MS - hour * HOUR_MS for hour in range(23, 0, -1) if days]
    times += [NOON_MS + number * every_ms for number in range(64)]
    return [
        event(
            at_ms,
            input_tokens=tokens,
            output_tokens=tokens,
            status_code=500,
            finish_reason="refusal",
            address_hash=f"address-{number % 64}",
            user_agent_hash=f"agent-{number % 64}",
            template_hash=f"template-{number % 64}",
            conversation_id=f"conversation-{number % 64}",
            capability=CAPABILITIES[number % 8],
        )
        for number, at_ms in enumerate(times)
    ]


def grown(before: list[RequestEvent], batch: list[RequestEvent]) -> int:
    """By how many bytes an account grows in one batch; interpreted, so that writing past the end is an error."""
    accounts = folded(before, kernel=INTERPRETED)
    size = len(accounts.stored().get("a", b""))
    accounts.take(batch)
    return len(accounts.stored()["a"]) - size


BIGGEST = {"input_tokens": 2**40, "output_tokens": 2**40, "status_code": 500, "finish_reason": "refusal"}
ADVERSARIAL = {
    "a new account with all there can be": ([], filled(MINUTE_MS, tokens=2**40)),
    "one event of a new account": ([], [event(LATEST_MS, template_hash="t", address_hash="a", **BIGGEST)]),
    "years of silence behind full sketches": (filled(MINUTE_MS), [event(LATEST_MS, address_hash="address-7")]),
    "years of silence behind full sketches and few windows": (
        filled(0, days=0),
        [event(LATEST_MS, address_hash="address-7", template_hash="template-9", **BIGGEST)],
    ),
    "years of silence, then a new value of each kind": (
        filled(MINUTE_MS),
        [event(LATEST_MS, address_hash="x", user_agent_hash="x", template_hash="x", conversation_id="x", **BIGGEST)],
    ),
    "the biggest counts in every bucket that there is": (
        filled(MINUTE_MS),
        [event(one.occurred_at_ms, **BIGGEST) for one in filled(MINUTE_MS)],
    ),
    "as late as can be": (filled(MINUTE_MS), [event(EARLIEST_MS, address_hash=str(n), **BIGGEST) for n in range(30)]),
    "first the newest, then the oldest": ([event(LATEST_MS)], [event(EARLIEST_MS, conversation_id="c", **BIGGEST)]),
    "sketches that overflow": (
        filled(MINUTE_MS),
        [event(NOON_MS + 2 * HOUR_MS, address_hash=f"{n}", conversation_id=f"{n}", **BIGGEST) for n in range(200)],
    ),
    "a week of hours in one batch": (
        [event(NOON_MS)],
        [event(NOON_MS + hour * HOUR_MS, template_hash=f"{hour}", **BIGGEST) for hour in range(168)],
    ),
}


@pytest.mark.parametrize(("before", "batch"), ADVERSARIAL.values(), ids=ADVERSARIAL.keys())
def test_the_room_for_what_comes_out_is_enough(before: list[RequestEvent], batch: list[RequestEvent]) -> None:
    """Half of what is set aside for the events and three quarters of what is for the account."""
    assert grown(before, batch) <= len(batch) * 320 // 2 + 700 * 3 // 4


@few
@given(histories(most=12), st.sampled_from([0, HOUR_MS, 30 * DAY_MS, 3_000 * DAY_MS]), st.integers(1, 5))
def test_the_room_is_enough_for_whatever_comes_to_a_full_account(
    events: list[RequestEvent], silence_ms: int, copies: int
) -> None:
    """Many accounts at once, each as large as can be: what one needs more must not come out of another's room."""
    accounts = Accounts(INTERPRETED)
    full = folded(filled(MINUTE_MS)).stored()["a"]
    for number in range(copies):
        accounts.states.held[f"account:{number}"] = full
    later = [
        event(min(one.occurred_at_ms + silence_ms, LATEST_MS), str(number), address_hash=one.address_hash, **BIGGEST)
        for one in events
        for number in range(copies)
    ]
    accounts.take(later)
    for number in range(copies):
        mine = [one for one in later if one.account_id == str(number)]
        assert len(accounts.stored()[str(number)]) - len(full) <= len(mine) * 320 // 2 + 700 * 3 // 4


def test_a_template_is_known_by_its_hash() -> None:
    state = folded([event(template_hash="t")] * 3 + [event(template_hash="u")]).state()
    assert state.top_templates == {hash32("t"): 3, hash32("u"): 1}


def test_shuffling_events_of_one_moment_changes_no_window_and_no_sketch() -> None:
    events = traffic(5, 300)
    shuffled = [event(NOON_MS, one.account_id, address_hash=one.address_hash) for one in events]
    straight = folded(shuffled).state("a0")
    Random(1).shuffle(shuffled)
    mixed = folded(shuffled).state("a0")
    assert (mixed.windows, mixed.addresses.seen) == (straight.windows, straight.addresses.seen)
    assert mixed.addresses.ceiling == straight.addresses.ceiling
