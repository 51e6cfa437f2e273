"""How old a decision is, and that what is not fresh is never enforced."""

from hypothesis import given
from hypothesis import strategies as st

from streams.decisions import Decision
from streams.enforcement import InForce, age
from streams.enforcement.freshness import EARLY_MS
from tests.streams.evaluation.deciding import decision

NOW = 10 * EARLY_MS


def told(sequence: int, at_ms: int, lasts_ms: int) -> Decision:
    return decision("suspend", "a", at_ms, sequence, expires_at_ms=at_ms + lasts_ms)


@given(
    sequence=st.integers(1, 4),
    latest=st.integers(0, 4),
    ahead=st.sampled_from([-EARLY_MS, -100, -1, 0, 1, EARLY_MS, EARLY_MS + 1]),
    lasts=st.sampled_from([1, 50, 100, 2 * EARLY_MS]),
)
def test_each_age_is_what_its_name_says(sequence: int, latest: int, ahead: int, lasts: int) -> None:
    found = age(told(sequence, NOW + ahead, lasts), latest, NOW)
    is_older, is_replayed = sequence < latest, sequence == latest
    is_early, is_expired = ahead > EARLY_MS, ahead + lasts <= 0
    assert [found == it for it in ("older", "replayed", "early", "expired", "fresh")] == [
        is_older,
        is_replayed,
        not is_older and not is_replayed and is_early,
        not is_older and not is_replayed and is_expired,
        not (is_older or is_replayed or is_early or is_expired),
    ]


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(-3, 3), st.integers(1, 6)), max_size=8))
def test_only_a_fresh_decision_changes_what_is_enforced_now(rows: list[tuple[int, int, int]]) -> None:
    gateway = InForce()
    for sequence, ahead, lasts in rows:
        one = told(sequence, NOW + ahead, lasts)
        found = age(one, gateway.latest("account", "a"), NOW)
        before = gateway.of("account", "a", NOW)
        assert gateway.take(one) is (found in {"fresh", "expired"})
        after = gateway.of("account", "a", NOW)
        if found == "fresh":
            assert after is not None
            assert after.sequence == sequence
        elif found == "expired":
            assert after is None
        else:
            assert after == before


def test_of_what_nothing_is_known_the_latest_is_0() -> None:
    gateway = InForce()
    assert gateway.latest("account", "a") == 0
    gateway.take(decision("observe", "a", 1, 7, expires_at_ms=2))
    assert gateway.latest("account", "a") == 7
