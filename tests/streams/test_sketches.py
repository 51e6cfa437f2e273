"""Which templates are rewordings of each other."""

import pytest

from streams.campaigns import Campaign
from streams.decisions import Wording
from streams.evidence import LinkEvidence
from streams.findings import Finding
from streams.fingerprint.keys import Keys
from streams.fingerprint.sketch import Sketcher
from streams.sketches import KEPT, Sketches, wording_of

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


def test_the_wording_of_a_template_is_told_if_all_that_resembles_it_is_the_campaign_s_and_no_crowd_s() -> None:
    sketches, campaign = Sketches({}), Campaign()
    for name, words in (("a", SOLVE), ("b", RESOLVED), ("c", WEATHER)):
        sketches.note(template(name, words))
        campaign.links[f"template:{name}"] = LinkEvidence(NOON_MS, ())
    sketch = template("a", SOLVE).sketch
    assert sketch is not None
    assert wording_of("template:a", campaign, set(), sketches, 0.5) == Wording(sketch, 0.5)
    assert wording_of("template:a", campaign, {"template:c"}, sketches, 0.5) == Wording(sketch, 0.5)
    assert wording_of("template:a", campaign, {"template:b"}, sketches, 0.5) is None
    assert wording_of("template:a", campaign, {"template:a"}, sketches, 0.5) is None
    del campaign.links["template:b"]
    assert wording_of("template:a", campaign, set(), sketches, 0.5) is None
