"""Which templates are rewordings of each other."""

import pytest

from streams.findings import Finding
from streams.fingerprint.keys import Keys
from streams.fingerprint.sketch import Sketcher
from streams.sketches import KEPT, Sketches

NOON_MS = 1_791_201_600_000
SKETCHER = Sketcher(Keys(b"a key for tests!"))
SOLVE = "solve problem below write every step reasoning before final answer check once more"
RESOLVED = "answer problem below write every step reasoning before final result check once more"
WEATHER = "tell tomorrow weather three cities northern coast compare rain wind temperature"


def template(value: str, words: str | None) -> Finding:
    sketch = None if words is None else SKETCHER.sketch(words.split())
    return Finding("template", value, NOON_MS, (), (), sketch)


def test_a_template_with_most_of_its_words_in_common_is_a_rewording() -> None:
    sketches = Sketches({})
    assert sketches.like(template("a", SOLVE)) == frozenset()
    assert sketches.note(template("a", SOLVE))
    assert sketches.note(template("b", WEATHER))
    assert sketches.like(template("c", RESOLVED)) == {"template:a"}


def test_the_order_of_the_words_does_not_matter_and_a_template_is_no_rewording_of_itself() -> None:
    sketches = Sketches({})
    sketches.note(template("a", SOLVE))
    assert sketches.like(template("b", " ".join(reversed(SOLVE.split())))) == {"template:a"}
    assert sketches.like(template("a", SOLVE)) == frozenset()


def test_what_was_asked_before_a_template_came_is_asked_again() -> None:
    sketches = Sketches({})
    assert sketches.like(template("b", RESOLVED)) == frozenset()
    sketches.note(template("a", SOLVE))
    assert sketches.like(template("b", RESOLVED)) == {"template:a"}


def test_what_has_no_sketch_is_like_nothing() -> None:
    sketches = Sketches({})
    assert not sketches.note(template("a", None))
    assert sketches.like(template("b", None)) == frozenset()


def test_a_template_is_noted_once_and_the_oldest_make_room() -> None:
    sketches = Sketches({})
    assert sketches.note(template("first", SOLVE))
    assert not sketches.note(template("first", SOLVE))
    for number in range(KEPT):
        sketches.note(template(f"{number}", WEATHER))
    assert len(sketches.held) == KEPT
    assert sketches.like(template("c", RESOLVED)) == frozenset()


@pytest.mark.parametrize("words", [SOLVE, WEATHER])
def test_stored_and_loaded_it_says_the_same(words: str) -> None:
    sketches = Sketches({})
    sketches.note(template("a", SOLVE))
    assert Sketches(dict(sketches.held)) == sketches
    assert Sketches(dict(sketches.held)).like(template("c", words)) == sketches.like(template("c", words))
