"""What an operator is told of: a field that a gateway no longer sends, a wave of errors; and not that it is night."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.batch import EventBatch, Incoming
from streams.drift import MEASURES, MOVED, WARM_CHUNKS, Drifts, Measure
from streams.events import RequestEvent

CHUNK = 32
WARM = CHUNK * (WARM_CHUNKS + 1)
LONG = 2 * WARM


def events(count: int, seed: int = 1, share: float = 1.0, **fields: object) -> list[Incoming]:
    """Requests, of which `share` have these fields, drawn by chance."""
    chance = Random(seed)
    base = {"occurred_at_ms": 1_000, "account_id": "a", "operation": "chat", "request_model": "m", "turn_count": 9}
    both = [RequestEvent(event_id="e", **(base | some)) for some in ({}, fields)]  # type: ignore[arg-type]
    return [Incoming(place, 1_000, both[chance.random() < share]) for place in range(count)]


def told(drifts: Drifts, *parts: list[Incoming], at_once: int = 3_000) -> list[Measure]:
    """What drifted while these came in."""
    found: list[Measure] = []
    for part in parts:
        for start in range(0, len(part), at_once):
            found += drifts.note(EventBatch(part[start : start + at_once]))
    return found


FIELDS: dict[Measure, dict[str, object]] = {
    "age": {"account_created_at_ms": 5},
    "payment": {"payment_hash": "p"},
    "network": {"network_hash": "n"},
    "template": {"template_hash": "t"},
    "tls": {"tls_fingerprint": "t"},
    "address": {"address_hash": "a"},
    "agent": {"user_agent_hash": "u"},
    "conversation": {"conversation_id": "c"},
    "error": {"status_code": 529},
    "refusal": {"finish_reason": "refusal"},
    "opens": {"turn_count": 1},
}


@pytest.mark.parametrize("measure", MEASURES)
def test_what_is_no_longer_sent_is_told_once_and_so_is_its_coming_back(measure: Measure) -> None:
    drifts = Drifts(chunk=CHUNK)
    has = events(WARM, 1, 0.9, **FIELDS[measure])
    assert told(drifts, has) == []
    assert drifts.share(measure) == pytest.approx(0.9, abs=0.01)
    assert told(drifts, events(LONG)) == [measure]
    assert drifts.share(measure) == 0
    assert told(drifts, has) == [measure]
    assert {other: drifts.share(other) for other in MEASURES if other != measure} == dict.fromkeys(
        [other for other in MEASURES if other != measure], 0.0
    )


@pytest.mark.parametrize(
    ("before", "after"), [(0.3, 0.0), (0.15, 0.0), (0.0, 0.3), (0.5, 0.8), (0.95, 0.8), (0.9, 0.0)]
)
def test_a_drift_is_told_once_also_after_a_long_time_in_which_nothing_moved(before: float, after: float) -> None:
    drifts = Drifts(chunk=CHUNK)
    for seed in range(20):
        assert told(drifts, events(150 * CHUNK, seed, before, payment_hash="p"), at_once=150 * CHUNK) == []
    assert told(drifts, events(10 * WARM, 99, after, payment_hash="p")) == ["payment"]
    assert drifts.share("payment") == pytest.approx(after, abs=0.05)


def test_nothing_is_told_before_it_is_known_what_is_usual() -> None:
    assert told(Drifts(chunk=CHUNK), events(WARM // 2, payment_hash="p"), events(WARM // 2 - CHUNK)) == []


def test_a_share_that_moves_by_less_than_a_tenth_is_the_day_going_by() -> None:
    usual, night = events(WARM, 1, 0.5, payment_hash="p"), events(WARM, 2, 0.5 + 0.8 * MOVED, payment_hash="p")
    assert told(Drifts(chunk=CHUNK), usual, night, usual, night) == []


@settings(max_examples=20)
@given(share=st.floats(0, 1), seed=st.integers(0, 1_000), at_once=st.integers(1, 700))
def test_a_share_that_stays_is_never_told_and_is_measured_however_batches_are_cut(
    share: float, seed: int, at_once: int
) -> None:
    drifts = Drifts(chunk=CHUNK)
    part = events(20 * CHUNK, seed, share, payment_hash="p")
    assert told(drifts, part, at_once=at_once) == []
    whole = Drifts(chunk=CHUNK)
    assert told(whole, part, at_once=len(part)) == []
    measured = drifts.share("payment")
    assert measured == pytest.approx(whole.share("payment"), abs=0.1)


def test_nothing_is_measured_before_there_are_requests_enough() -> None:
    drifts = Drifts(chunk=CHUNK)
    assert drifts.note(EventBatch()) == []
    assert told(drifts, events(CHUNK - 1)) == []
    assert drifts.share("payment") is None
