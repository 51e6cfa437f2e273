"""Columns of integers as bytes: any that fit into 64 bits, in as few bytes as they take, and nothing that is broken."""

from itertools import pairwise
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams import columns as machine_code
from streams.columns import block_of, columns_of
from streams.compiled import Ints
from tests.streams.interpreted import interpreted

pytestmark = pytest.mark.filterwarnings("ignore:overflow")  # as Python it says so where the machine only wraps
INTERPRETED = interpreted("streams.columns")
both = pytest.mark.parametrize("code", [machine_code, INTERPRETED], ids=["compiled", "interpreted"])
spans = st.sampled_from([1, 255, 256, 65_535, 65_536, 2**32 - 1, 2**32, 2**62])
numbers = st.integers(-(2**63), 2**63 - 1)


@st.composite
def matrices(draw: st.DrawFn) -> Ints:
    """Columns, one a row, each of another span."""
    rows, count = draw(st.integers(1, 4)), draw(st.integers(0, 12))
    found = []
    for _ in range(rows):
        least, span = draw(st.integers(-(2**62), 2**62)), draw(spans)
        close = st.integers(least, min(least + span, 2**63 - 1))
        found.append(draw(st.lists(st.one_of(close, close, numbers), min_size=count, max_size=count)))
    return np.array(found, np.int64).reshape(rows, count)


@both
@given(matrices())
def test_what_was_packed_comes_back(code: ModuleType, matrix: Ints) -> None:
    assert np.array_equal(code.columns_of(code.block_of(list(matrix)), len(matrix)), matrix)


@given(matrices())
def test_machine_code_and_python_make_the_same_bytes(matrix: Ints) -> None:
    assert INTERPRETED.block_of(list(matrix)) == block_of(list(matrix))


@given(matrices(), st.lists(st.integers(0, 12), max_size=4))
def test_blocks_of_some_places_each_are_those_of_these_places_alone(matrix: Ints, cuts: list[int]) -> None:
    size = matrix.shape[1]
    bounds = np.array(sorted({0, size, *(min(cut, size) for cut in cuts)}))
    packed, at = machine_code.pack(matrix, bounds)
    for block, (start, end) in enumerate(pairwise(bounds)):
        assert packed[at[block] : at[block + 1]].tobytes() == block_of(list(matrix[:, start:end]))


@pytest.mark.parametrize(("span", "width"), [(0, 1), (255, 1), (256, 2), (65_536, 4), (2**32, 8), (2**64 - 1, 8)])
def test_a_number_takes_as_many_bytes_as_the_span_of_its_column(span: int, width: int) -> None:
    least = -(2**63) if span == 2**64 - 1 else 7
    assert len(block_of([np.array([least, least + span, least], np.int64)])) == 4 + 9 + 3 * width


def test_columns_of_nothing_take_nothing() -> None:
    assert block_of([np.zeros(0, np.int64)] * 3) == b""
    assert columns_of(b"", 3).shape == (3, 0)


@both
@given(matrices(), st.data())
def test_a_block_that_is_cut_short_or_goes_on_is_said_to_be_broken(
    code: ModuleType, matrix: Ints, data: st.DataObject
) -> None:
    block = block_of(list(matrix))
    if block:
        cut = data.draw(st.integers(1, len(block) - 1))
        with pytest.raises(ValueError, match="cut short"):
            code.columns_of(block[:cut], len(matrix))
        with pytest.raises(ValueError, match="goes on behind its end"):
            code.columns_of(block + b"?", len(matrix))


@both
@pytest.mark.parametrize("width", [0, 3, 9, 255])
def test_a_column_that_begins_as_none_does_is_said_to_be_broken(code: ModuleType, width: int) -> None:
    block = bytearray(block_of([np.array([1, 2], np.int64)]))
    block[12] = width
    with pytest.raises(ValueError, match="does not begin as columns do"):
        code.columns_of(bytes(block), 1)


@both
def test_a_block_that_claims_more_than_there_is_asks_for_no_memory(code: ModuleType) -> None:
    with pytest.raises(ValueError, match="cut short"):
        code.columns_of(b"\xff" * 100, 8)


@both
def test_numbers_are_within_bounds_if_each_is(code: ModuleType) -> None:
    values = np.array([3, 5, 4])
    assert [code.is_within(values, *bounds) for bounds in ((3, 6), (4, 6), (3, 5), (-1, 99))] == [1, 0, 0, 1]
    assert code.is_within(np.zeros(0, np.int64), 0, 0)
