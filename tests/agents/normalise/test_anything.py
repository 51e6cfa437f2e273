"""Whatever stands in a row, it is a record, passed over or refused with a sentence; nothing is raised."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.normalise import FORMATS, genai
from agents.normalise.otlp_protobuf import MissingPackageError
from agents.records import RecordReader
from streams.fingerprint import Fingerprinter
from tests.agents.normalise import otlp
from tests.agents.normalise.reading import reader
from tests.agents.normalise.test_envoy import DOCUMENTED
from tests.agents.normalise.test_litellm import PAYLOAD

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=20)
    | st.sampled_from(["-", "2025-08-30T16:51:37.894Z", "1e999", "\ud83d", "[{", '[{"role": 1}]', 1789000000, 10**400])
)
anything = st.recursive(
    scalars, lambda of: st.lists(of, max_size=4) | st.dictionaries(st.text(max_size=8), of, max_size=4)
)
JSON_FORMATS = ["litellm", "envoy", "otlp-json"]


def counted(taking: RecordReader, row: bytes) -> int:
    """How much was found in a row; each sentence ends as one, and each record makes an event."""
    edge = Fingerprinter(b"k" * 16)
    found = sum(bool(edge.event(record)) for record in taking.take(row, 1))
    assert all(bad.sentence.endswith(".") for bad in taking.first.values())
    return found + taking.passed + taking.bad.total()


@pytest.mark.parametrize("name", FORMATS)
@given(st.binary(max_size=200))
def test_any_bytes(name: str, row: bytes) -> None:
    taking = usable(name)
    counted(taking, row)


@pytest.mark.parametrize("name", JSON_FORMATS)
@given(anything)
def test_any_json(name: str, document: object) -> None:
    counted(reader(name), json.dumps(document).encode())


@given(st.dictionaries(st.sampled_from(sorted(PAYLOAD)), anything, min_size=1, max_size=5))
def test_a_payload_of_litellm_with_anything_in_some_of_its_fields(fields: dict[str, object]) -> None:
    assert counted(reader("litellm"), json.dumps(PAYLOAD | fields).encode()) == 1


@given(st.dictionaries(st.sampled_from([*DOCUMENTED, "user.id"]), anything, min_size=1, max_size=5))
def test_an_entry_of_envoy_with_anything_in_some_of_its_fields(fields: dict[str, object]) -> None:
    assert counted(reader("envoy"), json.dumps(DOCUMENTED | {"user.id": "a"} | fields).encode()) == 1


ATTRIBUTES = sorted({name for source in genai.TABLE for name in source.attributes if name[0] != "("})


@given(st.dictionaries(st.sampled_from(ATTRIBUTES), anything, max_size=8), st.booleans())
def test_a_span_or_log_record_with_anything_in_its_attributes(attributes: dict[str, object], as_log: bool) -> None:
    export = otlp.logs(otlp.log(attributes)) if as_log else otlp.traces(otlp.span(attributes))
    assert counted(reader("otlp-json"), otlp.as_json(export)) == 1


def test_a_row_that_is_nested_too_deeply_is_refused() -> None:
    for name in JSON_FORMATS:
        taking = reader(name)
        assert counted(taking, b"[" * 100_000 + b"]" * 100_000) == 1
        assert taking.bad.total() == 1


def usable(name: str) -> RecordReader:
    try:
        return reader(name)
    except MissingPackageError as error:
        pytest.skip(str(error))
