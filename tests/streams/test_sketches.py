"""Which templates are rewordings of each other."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.campaigns import Campaign
from streams.decisions import Wording
from streams.evidence import LinkEvidence
from streams.findings import Finding, link_name
from streams.fingerprint.keys import Keys
from streams.fingerprint.sketch import Sketcher, similarity
from streams.sketches import Sketches, wording_of

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
    assert sketches.is_due()
    assert not sketches.is_due()
    assert Sketches(sketches.stored()) == sketches


WORDS = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta"]
SENTENCES = st.sets(st.sampled_from(WORDS), min_size=3).map(lambda words: SKETCHER.sketch(sorted(words)))
STEPS = st.lists(st.tuples(st.integers(0, 12), SENTENCES, st.booleans()), max_size=60)


@given(STEPS)
def test_it_finds_what_comparing_with_each_of_the_last_finds(steps: list[tuple[int, str, bool]]) -> None:
    """Against a list that is searched through, also after it was stored, in whole or line by line, and loaded."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("streams.sketches.KEPT", 6)
        patch.setattr("streams.sketches.ANSWERS", 5)
        sketches, stored = Sketches(), b""
        for name, sketch, is_loaded in steps:
            finding = Finding("template", str(name), NOON_MS, (), (), sketch)
            line = sketches.note(finding)
            assert link_name(finding) in sketches.held
            stored = sketches.stored() if sketches.is_due() else stored + line
            assert stored.count(b"\n") <= 2 * 6 + 1
            if is_loaded:
                loaded = Sketches(stored)
                assert loaded == sketches
                sketches = loaded
            assert len(sketches.held) <= 6
            for asked in {sketch, *sketches.held.values()}:
                alike = {it for it, other in sketches.held.items() if similarity(asked, other) >= 0.45}
                assert sketches.alike(asked) == alike


def test_the_wording_of_a_template_is_told_if_all_that_resembles_it_is_the_campaign_s_and_no_crowd_s() -> None:
    sketches, campaign = Sketches(), Campaign()
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
