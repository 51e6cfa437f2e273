"""The grammar gives thousands of forms of each capability, of the lengths that people write."""

from random import Random

import pytest

from streams.events import CAPABILITIES, Capability
from streams.scenarios.prompts import GRAMMAR, GRAMMARS, follow_up
from streams.scenarios.prompts.grammar import LONGEST, SHORTEST, length, phrases


def test_every_capability_has_a_grammar() -> None:
    assert set(GRAMMARS) == set(CAPABILITIES)


@pytest.mark.parametrize("capability", CAPABILITIES)
def test_three_thousand_openings_are_nearly_all_different(capability: Capability) -> None:
    random = Random(1)
    assert len({GRAMMAR.opening(random, capability) for _ in range(3_000)}) > 2_800


@pytest.mark.parametrize("capability", CAPABILITIES)
def test_no_slot_is_left_open(capability: Capability) -> None:
    random = Random(2)
    for _ in range(300):
        text = GRAMMAR.opening(random, capability) + follow_up(random, capability)
        assert "%s" not in text
        assert "{" not in text


def test_lengths_are_bounded_on_both_sides() -> None:
    assert length(-10.0) == SHORTEST
    assert length(10.0) == LONGEST


def test_an_opening_leaves_room_for_what_stands_beside_it() -> None:
    alone = sum(len(GRAMMAR.opening(Random(seed), "coding")) for seed in range(300))
    beside = sum(len(GRAMMAR.opening(Random(seed), "coding", beside=150)) for seed in range(300))
    assert beside < alone - 300 * 60


def test_an_unknown_slot_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        phrases({}, "Tell {nobody}.")


def test_a_percent_sign_in_a_phrase_stays_one() -> None:
    (phrase,) = phrases({"n": ("5",)}, "{n}% of it")
    assert phrase.say(lambda: 0.0) == "5% of it"
