"""One judgement taken apart."""

from math import log

import pytest

from streams.explaining import judge
from tests.streams.explaining.deciding import FOUR, LADDER_OF_TESTS, reason


def test_prior_and_the_strongest_of_each_family_make_the_score() -> None:
    found = judge(FOUR, LADDER_OF_TESTS)
    assert (found.prior, found.points, found.score, found.families, found.action) == (-4.0, 4.5, 0.989013, 3, "suspend")
    assert [(it.signal, it.counts) for it in found.reasons] == [
        ("accounts_per_payment", True),
        ("rewordings", True),
        ("accounts_per_template", False),
        ("recent_accounts", True),
    ]


def test_reasons_stand_family_by_family_whatever_their_order() -> None:
    assert judge(tuple(reversed(FOUR)), LADDER_OF_TESTS) == judge(FOUR, LADDER_OF_TESTS)


def test_a_step_says_what_is_lacking_and_what_is_to_spare() -> None:
    steps = {it.action: it for it in judge(FOUR[:2], LADDER_OF_TESTS).steps}
    points = -4 + 3.5 + 3
    assert {action: it.reached for action, it in steps.items()} == {
        "observe": True,
        "throttle": True,
        "challenge": False,
        "suspend": False,
    }
    assert {action: it.spare_families for action, it in steps.items()} == {
        "observe": 1,
        "throttle": 0,
        "challenge": -1,
        "suspend": -1,
    }
    assert steps["throttle"].spare == pytest.approx(points - log(0.6 / 0.4), abs=1e-6)
    assert steps["suspend"].spare == pytest.approx(points - log(0.97 / 0.03), abs=1e-6)


@pytest.mark.parametrize(
    ("signal", "observed", "baseline", "words"),
    [
        ("rewordings", 119.0, 8.0, ("119", "8", 14.875)),
        ("recent_accounts", 0.945559, 0.8, ("94.6%", "80%", 1.182)),
        ("volume_against_plan", 2.24, 2.0, ("2.2", "2", 1.12)),
        ("of_another_version", 0.5, 0.25, ("0.5", "0.25", 2.0)),
        ("of_another_version", 3.0, 0.0, ("3", "0", None)),
    ],
)
def test_figures_are_written_as_the_sentence_of_their_signal_writes_them_with_a_decimal_where_there_is_one(
    signal: str, observed: float, baseline: float, words: tuple[str, str, float | None]
) -> None:
    (found,) = judge((reason(signal, "content", 1.0, observed, baseline),), LADDER_OF_TESTS).reasons
    assert (found.observed_text, found.baseline_text, found.times) == words
