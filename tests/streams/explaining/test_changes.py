"""What would have to change: by hand, and against every subset there is."""

from itertools import combinations
from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from streams.decide import verdict_of
from streams.decisions import LADDER, Action, Family, Reason
from streams.explaining import Change, Way, changes_of
from streams.policy import Ladder, Rung
from tests.streams.explaining.deciding import FOUR, LADDER_OF_TESTS, reason

ACTIONS: tuple[Action | None, ...] = ("challenge", "throttle", "observe", None)

reasons = st.lists(
    st.builds(
        Reason,
        st.sampled_from("abcd"),
        st.sampled_from(get_args(Family)[:4]),
        st.just("A sentence."),
        st.just(2.0),
        st.just(1.0),
        st.sampled_from([0.0, 0.5, 1.0, 2.0, 3.5, -1.0]),  # few, so that many are equal; below 0 no policy allows
    ),
    max_size=8,
)


@st.composite
def ladders(draw: st.DrawFn) -> Ladder:
    """Any ladder: scores that rise, families as they come."""
    scores = sorted(draw(st.lists(st.floats(0.02, 0.99), min_size=4, max_size=4, unique=True)))
    rungs = [Rung(score, draw(st.integers(1, 4)), 1) for score in scores]
    return Ladder(draw(st.floats(-6, 1)), rungs[0], rungs[1], rungs[2], rungs[3])


def rank(action: Action | None) -> int:
    return 0 if action is None else LADDER.index(action)


def by_trying_all(given_reasons: list[Reason], ladder: Ladder, target: Action | None) -> dict[tuple[int, ...], Way]:
    """Every smallest set of positions without which the verdict is `target` or milder."""
    everything = range(len(given_reasons))
    for size in range(len(given_reasons) + 1):
        found = {}
        for gone in combinations(everything, size):
            verdict = verdict_of([given_reasons[it] for it in everything if it not in gone], ladder)
            if rank(verdict.action) <= rank(target):
                found[gone] = Way(gone, verdict.action, verdict.score)
        if found:
            return found
    return {}


@given(reasons, ladders())
def test_the_smallest_sets_are_those_that_trying_all_finds(given_reasons: list[Reason], ladder: Ladder) -> None:
    now = verdict_of(given_reasons, ladder).action
    milder = [target for target in ACTIONS if rank(target) < rank(now)]
    expected: list[Change] = []
    for target in milder:
        ways = tuple(way for _, way in sorted(by_trying_all(given_reasons, ladder, target).items()))
        if expected and expected[-1].ways == ways:
            expected.pop()
        expected.append(Change(target, ways))
    assert changes_of(given_reasons, ladder) == tuple(expected)


def test_a_step_whose_ways_all_lead_further_is_left_out() -> None:
    assert [(it.action, [way.without for way in it.ways]) for it in changes_of(FOUR, LADDER_OF_TESTS)] == [
        ("throttle", [(0,), (3,)]),
        (None, [(0, 3)]),
    ]


def test_of_a_family_all_that_would_still_be_enough_must_go() -> None:
    two = (reason("x", "content", 5.0), reason("y", "content", 4.5))
    assert changes_of(two, LADDER_OF_TESTS) == (Change(None, (Way((0, 1), None, 0.017986),)),)


def test_the_way_says_what_is_left() -> None:
    first = changes_of(FOUR, LADDER_OF_TESTS)[0].ways
    assert first == (Way((0,), "throttle", 0.731059), Way((3,), "throttle", 0.924142))


def test_where_nothing_is_decided_nothing_has_to_change() -> None:
    assert changes_of((), LADDER_OF_TESTS) == ()
