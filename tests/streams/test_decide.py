"""The ladder: what follows from reasons, and what may never follow."""

from collections.abc import Sequence
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from streams.accounts import Enforcement
from streams.decide import (
    Budget,
    Subject,
    Verdict,
    decide,
    decision_id,
    harder,
    is_due,
    is_limited,
    limits_of,
    rung_of,
    verdict_of,
)
from streams.decisions import LADDER, LIMITING, Action, Decision, Family, Limits, Reason
from streams.policy import DEFAULT_POLICY, Ladder, Rung
from streams.windows import HOUR_MS

NOON_MS = 1_791_201_600_000
STEPS = Ladder(
    prior=-6.0,
    observe=Rung(score=0.30, families=1, expires_hours=24),
    throttle=Rung(score=0.60, families=2, expires_hours=6, requests=30, tokens=60_000, window_minutes=60),
    challenge=Rung(score=0.85, families=3, expires_hours=12),
    suspend=Rung(score=0.97, families=4, expires_hours=72),
)
"""A ladder of this test's own: the shipped one is tuned, what a ladder means is not."""

FAMILIES: tuple[Family, ...] = get_args(Family)

actions = st.sampled_from(LADDER)
moments = st.integers(NOON_MS - 100 * HOUR_MS, NOON_MS + 100 * HOUR_MS)
in_force = st.builds(Enforcement, actions, moments, st.integers(0, 9))
reasons = st.lists(
    st.builds(
        Reason,
        st.sampled_from([f"signal_{number}" for number in range(9)]),
        st.sampled_from(FAMILIES),
        st.just("A sentence."),
        st.floats(0, 100),
        st.just(1.0),
        st.floats(0, 5),
    ),
    max_size=8,
)


def reason(family: Family, weight: float, signal: str = "signal") -> Reason:
    return Reason(signal, family, "A sentence.", 2.0, 1.0, weight)


def evidence(*weights: float) -> list[Reason]:
    """One reason a weight, each of another family."""
    return [reason(FAMILIES[number], weight, f"signal_{number}") for number, weight in enumerate(weights)]


@pytest.mark.parametrize(
    ("weights", "action"),
    [
        ([], None),
        ([5.0], None),  # -1: .27
        ([5.2], "observe"),  # -.8: .31
        ([20.0], "observe"),  # certain, but of one family
        ([3.2, 3.3], "throttle"),  # .5: .62
        ([10.0, 10.0], "throttle"),
        ([3.0, 3.0, 2.0], "challenge"),  # 2: .88
        ([9.0, 9.0, 9.0], "challenge"),
        ([2.0, 2.0, 2.0, 2.0], "challenge"),  # 2: .88
        ([2.5, 2.5, 2.5, 2.5], "suspend"),  # 4: .98
        ([1.6, 1.6, 1.6, 1.0], "observe"),  # four families, and too little: -.2, .45
    ],
)
def test_a_ladder_asks_for_a_score_and_for_families(weights: list[float], action: Action | None) -> None:
    assert verdict_of(evidence(*weights), STEPS).action == action


@given(reasons)
def test_no_rung_is_taken_with_fewer_families_than_it_asks_for(given_reasons: list[Reason]) -> None:
    action = verdict_of(given_reasons, STEPS).action
    if action is not None:
        assert len({one.family for one in given_reasons}) >= rung_of(STEPS, action).families


@given(reasons, reasons)
def test_more_reasons_never_lower_the_score_nor_soften_the_action(few: list[Reason], more: list[Reason]) -> None:
    less, all_of_them = verdict_of(few, STEPS), verdict_of(few + more, STEPS)
    assert all_of_them.score >= less.score
    assert rank(all_of_them.action) >= rank(less.action)


def rank(action: Action | None) -> int:
    return 0 if action is None else LADDER.index(action)


@given(reasons)
def test_the_order_of_reasons_changes_nothing_that_is_decided(given_reasons: list[Reason]) -> None:
    forwards = verdict_of(given_reasons, STEPS)
    backwards = verdict_of(given_reasons[::-1], STEPS)
    assert (forwards.action, forwards.score) == (backwards.action, backwards.score)


@given(reasons)
def test_a_family_counts_once_with_its_strongest_reason(given_reasons: list[Reason]) -> None:
    strongest = [
        max((one for one in given_reasons if one.family == family), key=lambda one: one.weight)
        for family in {one.family for one in given_reasons}
    ]
    assert verdict_of(given_reasons, STEPS).score == verdict_of(strongest, STEPS).score
    assert verdict_of(given_reasons, STEPS).action == verdict_of(strongest, STEPS).action


def test_reasons_are_told_with_the_weightiest_first() -> None:
    told = verdict_of([reason("rhythm", 1, "b"), reason("volume", 2, "c"), reason("content", 1, "a")], STEPS)
    assert [one.signal for one in told.reasons] == ["c", "a", "b"]


@given(in_force, actions, moments)
def test_news_never_softens_what_stands(current: Enforcement, action: Action, at_ms: int) -> None:
    taken = harder(current, action, at_ms)
    assert LADDER.index(taken) >= LADDER.index(action)
    if at_ms < current.expires_at_ms:
        standing = next(one for one in LADDER if one == current.action)
        assert LADDER.index(taken) >= LADDER.index(standing)
    assert taken in (action, current.action)


@given(in_force, actions, moments)
def test_a_decision_that_is_due_is_never_softer_than_what_is_in_force(
    current: Enforcement, action: Action, at_ms: int
) -> None:
    if at_ms < current.expires_at_ms and is_due(current, action, at_ms, STEPS, shadow=current.shadow):
        assert LADDER.index(action) >= LADDER.index(next(one for one in LADDER if one == current.action))


@pytest.mark.parametrize(
    ("current", "action", "after_hours", "due"),
    [
        (Enforcement(), "observe", 0, True),
        (Enforcement("throttle", NOON_MS + 6 * HOUR_MS, 1), "throttle", 0, False),
        (Enforcement("throttle", NOON_MS + 6 * HOUR_MS, 1), "throttle", 2, False),
        (Enforcement("throttle", NOON_MS + 6 * HOUR_MS, 1), "throttle", 3, True),
        (Enforcement("throttle", NOON_MS + 6 * HOUR_MS, 1), "challenge", 0, True),
        (Enforcement("throttle", NOON_MS + 6 * HOUR_MS, 1), "observe", 5, False),
        (Enforcement("throttle", NOON_MS + 6 * HOUR_MS, 1), "observe", 6, True),
    ],
)
def test_a_decision_is_due_when_it_is_harder_or_half_its_time_is_over(
    current: Enforcement, action: Action, after_hours: int, due: bool
) -> None:
    assert is_due(current, action, NOON_MS + after_hours * HOUR_MS, STEPS, shadow=False) is due


@given(in_force, moments)
def test_a_subject_is_limited_while_a_limiting_action_is_in_force(current: Enforcement, at_ms: int) -> None:
    assert is_limited(current, at_ms) == (current.action in LIMITING and at_ms < current.expires_at_ms)


def made(current: Enforcement, action: Action, at_ms: int = NOON_MS) -> tuple[Enforcement, Decision]:
    return decide(
        current,
        Subject("account", "account-1"),
        action=action,
        verdict=Verdict(action, 0.9, tuple(evidence(1.0))),
        at_ms=at_ms,
        source="requests/3/41",
        policy=replace(DEFAULT_POLICY, account=STEPS),
        model_version="model-1",
    )


@given(in_force, actions, moments)
def test_every_decision_expires_and_its_sequence_is_the_next(current: Enforcement, action: Action, at_ms: int) -> None:
    after, decision = made(current, action, at_ms)
    assert decision.sequence == after.sequence == current.sequence + 1
    assert decision.decided_at_ms == at_ms < decision.expires_at_ms == after.expires_at_ms
    assert (after.action, after.shadow) == (decision.action, decision.shadow) == (action, False)


@pytest.mark.parametrize("action", LADDER)
def test_only_a_throttle_has_limits(action: Action) -> None:
    _, decision = made(Enforcement(), action)
    assert decision.limits == (Limits(30, 60_000, HOUR_MS) if action == "throttle" else None)


@pytest.mark.parametrize(("action", "hours"), [("release", 24), ("observe", 24), ("throttle", 6), ("suspend", 72)])
def test_a_decision_expires_when_its_rung_says(action: Action, hours: int) -> None:
    _, decision = made(Enforcement(), action)
    assert decision.expires_at_ms - decision.decided_at_ms == hours * HOUR_MS


def test_a_rung_without_limits_has_none() -> None:
    assert limits_of(rung_of(STEPS, "suspend")) is None
    assert limits_of(replace(STEPS.throttle, tokens=None)) is None


def test_what_a_throttle_leaves_is_shared_out_and_never_nothing() -> None:
    whole = limits_of(STEPS.throttle)
    assert whole is not None
    for among in (1, 2, 7, 10**6):
        shared = limits_of(STEPS.throttle, among)
        assert shared is not None
        assert (shared.requests - 1) * among < whole.requests <= shared.requests * among
        assert (shared.tokens - 1) * among < whole.tokens <= shared.tokens * among
        assert shared.window_ms == whole.window_ms


def test_a_decision_keeps_to_its_published_form() -> None:
    _, decision = made(Enforcement(), "throttle")
    assert msgspec.json.decode(msgspec.json.encode(decision), type=Decision) == decision
    assert decision.campaign_id is None


def test_in_shadow_mode_every_decision_says_so() -> None:
    after, decision = decide(
        Enforcement(),
        Subject("campaign", "c-1"),
        action="suspend",
        verdict=Verdict("suspend", 0.99, ()),
        at_ms=NOON_MS,
        source="findings/7/0",
        policy=replace(DEFAULT_POLICY, campaign=STEPS, shadow=True),
        model_version="model-1",
        members=("a", "b"),
    )
    assert decision.shadow
    assert after.shadow
    assert (decision.campaign_id, decision.members) == ("c-1", ("a", "b"))


def test_the_same_input_has_the_same_id_and_any_other_input_another() -> None:
    facts: Sequence[str | int] = ("account", "account-1", "2026-11-23", "requests/3/41", 1)
    assert decision_id(*facts) == "ad9a1068d53427e621bc8b7812a5fe50"
    others = [decision_id(*facts[:place], "other", *facts[place + 1 :]) for place in range(len(facts))]
    assert len({decision_id(*facts), *others}) == 6
    assert made(Enforcement(), "observe")[1].decision_id == decision_id(*facts[:2], DEFAULT_POLICY.version, *facts[3:])


def test_an_id_can_be_made_of_any_account_name() -> None:
    assert len(decision_id("account", "\ud800", "v", "requests/0/0", 1)) == 32


@given(st.lists(st.tuples(st.integers(-3, 30), st.integers(0, 20)), max_size=40), st.integers(0, 50))
def test_no_hour_ever_takes_more_than_the_cap(asked: list[tuple[int, int]], cap: int) -> None:
    """Hours are asked in any order: those in the past share the newest hour's budget."""
    budget = Budget()
    used: dict[int, int] = {}
    newest = 0
    for hour, wanted in asked:
        newest = max(newest, hour)
        taken = min(wanted, budget.left(hour * HOUR_MS, cap))
        budget.used += taken
        used[newest] = used.get(newest, 0) + taken
    assert all(count <= cap for count in used.values())


def test_each_hour_has_its_own_budget() -> None:
    budget = Budget()
    assert budget.left(NOON_MS, 5) == 5
    budget.used += 5
    assert budget.left(NOON_MS + HOUR_MS - 1, 5) == 0
    assert budget.left(NOON_MS + HOUR_MS, 5) == 5
    assert budget.left(NOON_MS, 5) == 5


@given(in_force, actions, moments)
def test_what_stands_in_shadow_keeps_nothing_from_being_decided_in_earnest(
    current: Enforcement, action: Action, at_ms: int
) -> None:
    current.shadow = True
    assert is_due(current, action, at_ms, STEPS, shadow=False)
