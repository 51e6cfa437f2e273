"""The sketch: what it ignores, what it estimates, and that it needs the key."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.fingerprint.keys import Keys
from streams.fingerprint.sketch import Sketcher, similarity

SKETCHER = Sketcher(Keys(b"0123456789abcdef"))
WORDS = [f"{a}{b}{c}q" for a in "bcdfgh" for b in "aeiou" for c in "klmnp"]


def sketch(words: list[str]) -> str:
    """Return the sketch of `words`, which must be enough."""
    made = SKETCHER.sketch(words)
    assert made is not None
    return made


def test_the_order_of_the_words_and_courtesies_do_not_matter() -> None:
    assert sketch(["write", "poem", "river"]) == sketch(["please", "river", "a", "write", "poem", "write", "thanks"])


@pytest.mark.parametrize("words", [[], ["0"], ["the", "of", "and", "please"], ["poem", "river", "poem"]])
def test_fewer_than_three_words_of_content_have_no_sketch(words: list[str]) -> None:
    assert SKETCHER.sketch(words) is None


def test_another_key_gives_another_sketch() -> None:
    other = Sketcher(Keys(b"fedcba9876543210"))
    assert other.sketch(WORDS) != sketch(WORDS)


@given(st.sets(st.sampled_from(WORDS), min_size=6), st.sets(st.sampled_from(WORDS), min_size=6))
def test_similarity_is_symmetric_within_bounds_and_one_for_equal_sets(one: set[str], other: set[str]) -> None:
    a, b = sketch(sorted(one)), sketch(sorted(other))
    assert len(a) <= 32
    assert similarity(a, a) == 1.0
    assert 0.0 <= similarity(a, b) <= 1.0
    assert similarity(a, b) == similarity(b, a)


@given(
    st.sets(st.sampled_from(WORDS), min_size=6, max_size=12), st.sets(st.sampled_from(WORDS), min_size=6, max_size=12)
)
def test_the_similarity_of_small_sets_is_their_jaccard_but_for_hashes_that_collide(
    one: set[str], other: set[str]
) -> None:
    exact = len(one & other) / len(one | other)
    assert abs(similarity(sketch(sorted(one)), sketch(sorted(other))) - exact) <= 1 / 3


def test_the_similarity_of_large_sets_is_estimated_without_bias() -> None:
    errors = []
    for start in range(60):
        window = [WORDS[(start + place) % len(WORDS)] for place in range(90)]
        errors.append(similarity(sketch(window[:60]), sketch(window[30:])) - 30 / 90)
    assert abs(sum(errors) / len(errors)) < 0.12


def test_nothing_resembles_an_empty_sketch() -> None:
    assert similarity("", "") == 0.0
