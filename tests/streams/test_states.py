"""The states at hand: what was changed is known, and nothing is taken for something else."""

import pytest

from streams.decide import Budget
from streams.states import States
from streams.windows import Counts


@pytest.fixture
def states() -> States:
    states = States()
    states.held["budget"] = Budget(hour=7)
    return states


def test_what_is_only_read_is_not_written_back(states: States) -> None:
    assert states.read("budget", Budget).hour == 7
    assert states.changed == set()


def test_what_is_handed_out_for_change_is_written_back(states: States) -> None:
    states.change("budget", Budget).used += 1
    assert states.changed == {"budget"}
    assert states.read("budget", Budget).used == 1


def test_a_state_that_is_not_at_hand_is_an_error(states: States) -> None:
    with pytest.raises(KeyError):
        states.change("account:a", Budget)
    assert states.changed == set()


def test_a_state_of_another_kind_is_an_error(states: States) -> None:
    with pytest.raises(TypeError, match="budget holds a Budget, not a Counts"):
        states.change("budget", Counts)
    assert states.changed == set()


def test_when_many_states_were_used_the_older_are_let_go_but_not_what_every_step_needs(states: States) -> None:
    for number in range(12):
        states.held[f"account:{number}"] = number
    states.let_go(3)
    assert sorted(states.held) == ["budget"]
    assert len(states) == 1 + 6
    assert states.missing(["account:5", "account:6", "account:11"]) == ["account:5"]
    assert (states.read("account:6", int), states.read("account:11", int)) == (6, 11)
    for number in range(20, 23):
        states.held[f"account:{number}"] = number
    states.let_go(3)
    assert states.missing(["account:7"]) == ["account:7"]
    assert states.missing(["account:6", "account:22"]) == []


def test_as_long_as_few_states_were_used_none_is_let_go(states: States) -> None:
    states.held["account:1"] = 1
    states.let_go(2)
    assert states.missing(["budget", "account:1"]) == []


def test_missing_keys_are_named_once_in_their_order(states: States) -> None:
    assert states.missing(["b", "budget", "a", "b"]) == ["b", "a"]
    assert "budget" in states
    assert "a" not in states
