"""Whether accounts take turns: against the plain odds of each return, and what people and schedulers come to."""

from itertools import pairwise
from math import log10
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.members import Member
from streams.turns import LONGEST_MINUTES, MOST_EVIDENCE, PAUSE_MINUTES, turns_after

MINUTE = 29_000_000


def evidence(uses: list[tuple[int, str]]) -> list[float]:
    """What there is after each of the uses (minutes after the first, account), by the function."""
    members: dict[str, Member] = {}
    turns, found = 0.0, []
    for at, name in uses:
        minute = MINUTE + at
        if name in members:
            turns = turns_after(turns, name, members, minute)
            members[name].last_minute = max(members[name].last_minute, minute)
        else:
            members[name] = Member(minute, None, hours=1)
        found.append(turns)
    return found


def by_hand(uses: list[tuple[int, str]]) -> list[float]:
    """The same from the list of uses alone."""
    turns, found = 0.0, []
    for place, (at, name) in enumerate(uses):
        last = {it: max(then for then, who in uses[:place] if who == it) for it in {who for _, who in uses[:place]}}
        waits = [at - then for then in last.values() if at - then <= LONGEST_MINUTES]
        waited = at - last.get(name, at)
        if PAUSE_MINUTES <= waited <= LONGEST_MINUTES and len(waits) >= 3 and min(waits) > 0:
            longest = sum(it == max(waits) for it in waits)
            is_next = all(it <= waited for it in waits)
            odds = 0.9 * len(waits) / longest if is_next else 0.1 * len(waits) / (len(waits) - longest)
            turns = min(MOST_EVIDENCE, max(0.0, turns + log10(odds)))
        found.append(turns)
    return found


@given(st.lists(st.tuples(st.integers(-3, 200), st.sampled_from("abcd")), max_size=40))
def test_each_return_after_a_pause_counts_for_or_against(steps: list[tuple[int, str]]) -> None:
    uses, at = [], 0
    for step, name in steps:
        at += step
        uses.append((at, name))
    assert evidence(uses) == pytest.approx(by_hand(uses))


def test_five_accounts_in_turn_are_told_in_their_second_round_and_three_in_their_fourth() -> None:
    def first(names: str) -> int:
        found = evidence([(10 * number, names[number % len(names)]) for number in range(60)])
        return next(place for place, it in enumerate(found) if it >= 3) // len(names) + 1

    assert [first("abcde"), first("abc"), first("abcdefgh")] == [2, 4, 2]


def test_who_starts_at_random_comes_to_a_thousand_to_one_less_than_once_in_a_thousand_starts() -> None:
    random, alarms, starts = Random("turns"), 0, 0
    for _ in range(200):
        found = evidence([(20 * number, random.choice("abcde")) for number in range(500)])
        alarms += sum(before < 3 <= after for before, after in pairwise(found))
        starts += len(found)
    assert alarms < starts / 1000


def test_a_scheduler_that_goes_on_is_told_still_and_one_that_stops_is_not() -> None:
    uses = [(10 * number, "abcde"[number % 5]) for number in range(200)]
    assert evidence(uses)[-1] == MOST_EVIDENCE
    # From then on two of them alone, one after the other: nobody waits for those that stay away for half a day.
    uses += [(2000 + 10 * number, "ab"[number % 2]) for number in range(20)]
    assert evidence(uses)[-1] == 0


@pytest.mark.parametrize(
    "uses",
    [
        [(number, "abcd"[number % 4]) for number in range(100)],  # without a pause
        [(12 * 60 * 7 * number, "abcde"[number % 5]) for number in range(100)],  # longer than half a day each
        [(60 * hour, name) for hour in range(50) for name in "abcdefghijkl"],  # jobs that start with the hour
        [(1440 * day + 30 * number, "abcde"[number]) for day in range(20) for number in range(5)],  # jobs of each night
        [(10 * number, "ab"[number % 2]) for number in range(100)],  # two of a household
        [(10 * number, f"account {number % 65}") for number in range(1000)],  # more than are listed
    ],
)
def test_what_is_no_turn(uses: list[tuple[int, str]]) -> None:
    assert max(evidence(uses)) == 0


def test_what_comes_late_says_nothing_of_the_order() -> None:
    members = {name: Member(MINUTE + at, None, hours=1) for name, at in (("a", 0), ("b", 20), ("c", 90))}
    assert turns_after(1.0, "a", members, MINUTE + 60) == 1.0
    assert turns_after(1.0, "a", members, MINUTE + 91) > 1.0
