"""Requests in other words, found by sketch: the index against counting by hand."""

from hypothesis import given
from hypothesis import strategies as st

from streams.decisions import Wording
from streams.fingerprint.sketch import hashes_of
from streams.wordings import Wordings

SKETCHES = st.lists(st.sampled_from([f"{a}{b}" for a in "abc" for b in "xyz"]), unique=True, max_size=6).map(
    lambda hashes: "".join(sorted(hashes))
)


@given(
    held=st.lists(st.tuples(st.sampled_from("pqrs"), SKETCHES, st.sampled_from([0.3, 0.5, 1.0]) | st.none())),
    asked=SKETCHES,
)
def test_similar_is_who_shares_enough_of_all_hashes_that_either_has(
    held: list[tuple[str, str, float | None]], asked: str
) -> None:
    wordings = Wordings()
    last: dict[str, tuple[str, float]] = {}
    for name, sketch, similar in held:
        wordings.put(name, None if similar is None else Wording(sketch, similar))
        last.pop(name, None)
        if similar is not None:
            last[name] = sketch, similar
    shares = {}
    for name, (sketch, similar) in last.items():
        both, either = hashes_of(sketch) & hashes_of(asked), hashes_of(sketch) | hashes_of(asked)
        if both and len(both) / len(either) >= similar:
            shares[name] = -len(both) / len(either)
    assert wordings.like(asked) == sorted(shares, key=lambda name: (shares[name], name))


def test_a_sketch_is_a_row_of_hashes_of_two_characters() -> None:
    assert hashes_of("-A0B7c") == {"-A", "0B", "7c"}
    assert hashes_of("") == frozenset()
