"""Which templates are rewordings of each other."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.decisions import Wording
from streams.findings import Finding, link_name
from streams.fingerprint.keys import Keys
from streams.fingerprint.sketch import Sketcher, hashes_of
from streams.sketches import Sketches

NOON_MS = 1_791_201_600_000
SKETCHER = Sketcher(Keys(b"a key for tests!"))
SOLVE = "solve problem below write every step reasoning before final answer check once more"
RESOLVED = "answer problem below write every step reasoning before final result check once more"
WEATHER = "tell tomorrow weather three cities northern coast compare rain wind temperature"


def template(value: str, words: str | None) -> Finding:
    sketch = None if words is None else SKETCHER.sketch(words.split())
    return Finding("template", value, NOON_MS, (), (), sketch)


def test_a_template_with_most_of_its_words_in_common_is_a_rewording() -> None:
    sketches = Sketches()
    assert sketches.like(template("a", SOLVE)) == frozenset()
    assert sketches.note(template("a", SOLVE))
    assert sketches.note(template("b", WEATHER))
    assert sketches.like(template("c", RESOLVED)) == {"template:a"}


def test_the_order_of_the_words_does_not_matter_and_a_template_is_no_rewording_of_itself() -> None:
    sketches = Sketches()
    sketches.note(template("a", SOLVE))
    assert sketches.like(template("b", " ".join(reversed(SOLVE.split())))) == {"template:a"}
    assert sketches.like(template("a", SOLVE)) == frozenset()


def test_what_was_asked_before_a_template_came_is_asked_again() -> None:
    sketches = Sketches()
    assert sketches.like(template("b", RESOLVED)) == frozenset()
    sketches.note(template("a", SOLVE))
    assert sketches.like(template("b", RESOLVED)) == {"template:a"}


def test_what_has_no_sketch_is_like_nothing() -> None:
    sketches = Sketches()
    assert not sketches.note(template("a", None))
    assert sketches.like(template("b", None)) == frozenset()


def test_a_template_is_noted_once_and_those_found_longest_ago_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.sketches.KEPT", 8)
    sketches = Sketches()
    assert sketches.note(template("first", SOLVE))
    assert sketches.note(template("second", SOLVE))
    assert not sketches.note(template("first", SOLVE))
    for number in range(5):
        sketches.note(template(f"{number}", WEATHER))
    assert sketches.note(template("first", SOLVE))  # found again, it is among the last
    for number in range(5, 7):
        sketches.note(template(f"{number}", WEATHER))
    assert len(sketches.held) == 8
    assert sketches.like(template("c", RESOLVED)) == {"template:first"}


def test_what_an_older_version_stored_is_read_and_stored_anew() -> None:
    sketches = Sketches(msgspec.msgpack.encode({"template:a": template("a", SOLVE).sketch}))
    assert sketches.like(template("c", RESOLVED)) == {"template:a"}
    assert sketches.is_long
    assert Sketches(sketches.stored()) == sketches
    assert not sketches.is_long


def test_of_very_many_wordings_those_found_last_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.sketches.MOST_SIBLINGS", 3)
    sketches = Sketches()
    for number in range(5):
        sketches.note(template(f"{number}", SOLVE))
    assert sketches.like(template("c", RESOLVED)) == {"template:2", "template:3", "template:4"}


WORDS = [f"word{number}" for number in range(24)]
SENTENCES = st.sets(st.sampled_from(WORDS), min_size=3).map(lambda words: SKETCHER.sketch(sorted(words)))
STEPS = st.lists(st.tuples(st.integers(0, 12), SENTENCES, st.booleans()), max_size=60)


def are_alike(one: str, other: str) -> bool:
    both = hashes_of(one), hashes_of(other)
    return 20 * len(both[0] & both[1]) >= 9 * len(both[0] | both[1])


@given(STEPS)
def test_it_finds_what_comparing_with_each_of_the_last_finds(steps: list[tuple[int, str, bool]]) -> None:
    """Also after it was stored, whole or line by line, and loaded."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("streams.sketches.KEPT", 6)
        patch.setattr("streams.sketches.MOST_ANSWERED", 10)
        patch.setattr("streams.sketches.ANSWERS", 5)
        sketches, stored = Sketches(), b""
        for name, sketch, is_loaded in steps:
            finding = Finding("template", str(name), NOON_MS, (), (), sketch)
            line = sketches.note(finding)
            assert link_name(finding) in sketches.held
            stored = sketches.stored() if sketches.is_long else stored + line
            assert stored.count(b"\n") <= 8
            if is_loaded:
                loaded = Sketches(stored)
                assert loaded == sketches
                sketches = loaded
            assert len(sketches.held) <= 6
            for asked in {sketch, *sketches.held.values()}:
                assert sketches.alike(asked) == {it for it, other in sketches.held.items() if are_alike(asked, other)}


def test_the_wording_of_a_template_is_told_if_all_that_resembles_it_is_the_campaign_s_own() -> None:
    sketches = Sketches()
    for name, words in (("a", SOLVE), ("b", RESOLVED), ("c", WEATHER)):
        sketches.note(template(name, words))
    sketch = template("a", SOLVE).sketch
    assert sketch is not None

    def wording(*own: str) -> Wording | None:
        return sketches.wording_of("template:a", sketches.among([f"template:{it}" for it in own]), 0.5)

    assert wording("a", "b", "c") == wording("a", "b", "never seen") == Wording(sketch, 0.5)
    assert wording("a", "c") is wording("b", "c") is None


@pytest.mark.parametrize(
    "sketch", ["+a+b+c+d+e+f+g+h", "aabbccddeeffgg", "".join(f"a{it}" for it in "abcdefghijklmnopq")]
)
def test_of_a_sketch_that_cannot_be_compared_or_has_few_words_no_wording_is_told(sketch: str) -> None:
    sketches = Sketches()
    sketches.note(Finding("template", "a", NOON_MS, (), (), sketch))
    assert sketches.wording_of("template:a", sketches.among(["template:a"]), 0.5) is None
