"""What verdicts teach: features that cannot poison, a model that is made of its lessons, and what it may do."""

import math
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from river.linear_model import LogisticRegression
from river.optim import SGD

from streams.decisions import Action, Reason
from streams.evidence import TYPICAL, CampaignView, Rotation
from streams.learning import (
    FEATURES,
    FEWEST_OF_EACH,
    LESSONS,
    Learner,
    LearnerState,
    Lesson,
    log_loss,
    softened,
    vector_of,
)
from streams.policy_signals import SIGNALS
from streams.windows import DAY_MS

GUILTY, INNOCENT = bytes([200] * len(FEATURES)), bytes([50] * len(FEATURES))
FOUND = TYPICAL._replace(accounts=40, parties=40, returning=0.9)


def lessons(count: int, seed: int = 7) -> list[Lesson]:
    """Verdicts of both kinds by turns, of campaigns that differ."""
    random = Random(seed)
    return [
        Lesson(
            bytes(random.randrange(60, 255) if number % 2 else random.randrange(195) for _ in FEATURES), number % 2 == 1
        )
        for number in range(count)
    ]


def taught(count: int) -> Learner:
    learner = Learner(LearnerState())
    for lesson in lessons(count):
        learner.learn(lesson)
    return learner


def restored(learner: Learner) -> Learner:
    return Learner(msgspec.msgpack.decode(msgspec.msgpack.encode(learner.state), type=LearnerState))


def test_it_says_nothing_before_it_saw_enough_of_both_kinds() -> None:
    learner = Learner(LearnerState())
    for _ in range(5 * FEWEST_OF_EACH):
        assert learner.learn(Lesson(GUILTY, confirmed=True)) is None
    for _ in range(FEWEST_OF_EACH - 1):
        assert learner.learn(Lesson(INNOCENT, confirmed=False)) is None
    assert learner.probability(GUILTY) is None
    learner.learn(Lesson(INNOCENT, confirmed=False))
    assert learner.counts == (FEWEST_OF_EACH, 5 * FEWEST_OF_EACH)
    assert learner.probability(GUILTY) is not None


def test_it_tells_apart_what_reviewers_tell_apart() -> None:
    learner = taught(200)
    assert (learner.probability(GUILTY) or 0) > 0.9
    assert (learner.probability(INNOCENT) or 1) < 0.1


def test_it_is_rivers_logistic_regression_over_the_lessons() -> None:
    model = LogisticRegression(optimizer=SGD(0.1), l2=0.001, intercept_lr=0.1)
    learner = Learner(LearnerState())
    for number, lesson in enumerate(lessons(60)):
        x = {name: value / 127.5 - 1 for name, value in zip(FEATURES, lesson.vector, strict=True)}
        before = model.predict_proba_one(x)[lesson.confirmed]
        held = learner.learn(lesson)
        assert held == (pytest.approx(before) if number >= 2 * FEWEST_OF_EACH else None)
        model.learn_one(x, lesson.confirmed)


@pytest.mark.parametrize("count", [0, 30, LESSONS, LESSONS + 7])
def test_it_is_the_same_model_when_it_comes_back_from_the_store(count: int) -> None:
    learner = taught(count)
    assert len(learner.state.lessons) == min(count, LESSONS)
    assert restored(learner).probability(GUILTY) == learner.probability(GUILTY)


def test_lessons_of_another_version_or_other_features_are_dropped() -> None:
    state = taught(40).state
    assert Learner(replace(state, version="another")).state == LearnerState()
    assert Learner(replace(state, lessons=[*state.lessons, Lesson(b"short", confirmed=True)])).state == LearnerState()


def test_a_lesson_that_counts_less_moves_less() -> None:
    moved = []
    for weight in (0.01, 0.5, 1.0):
        learner = taught(40)
        before = learner.probability(INNOCENT) or 0
        learner.learn(Lesson(INNOCENT, confirmed=True, weight=weight))
        moved.append((learner.probability(INNOCENT) or 0) - before)
    assert 0 < moved[0] < moved[1] < moved[2]


def test_it_is_stored_once_a_day_so_that_it_does_not_expire() -> None:
    learner = taught(2)
    assert [learner.is_stale(hour * DAY_MS // 24 + 20_000 * DAY_MS) for hour in (0, 1, 23, 24, 25)] == [
        True,
        False,
        False,
        True,
        False,
    ]
    assert not Learner(LearnerState()).is_stale(20_000 * DAY_MS)


def test_a_view_is_what_signals_observe_against_their_thresholds() -> None:
    view = FOUND._replace(sharing=4 * SIGNALS["shared_payments"].threshold, capability_share=0.0, rewordings=0)
    reasons = [Reason("accounts_per_payment", "identity", "", 2 * SIGNALS["accounts_per_payment"].threshold, 0, 1)]
    figures = dict(zip(FEATURES, vector_of(view, reasons, SIGNALS), strict=True))
    assert figures["shared_payments"] == 255
    assert figures["accounts_per_payment"] == round(127.5 * 1.5)
    assert figures["extracted_capabilities"] == figures["synchrony"] == figures["rewordings"] == 0


@given(
    st.builds(
        CampaignView,
        accounts=st.integers(0, 10**6),
        parties=st.integers(0, 10**6),
        returning=st.floats(0, 1),
        templates=st.integers(0, 10**6),
        rewordings=st.integers(0, 10**6),
        sharing=st.floats(0, 1),
        recent=st.floats(0, 1),
        half_year=st.floats(0, 1),
        capability_share=st.floats(0, 1),
        rotation=st.builds(Rotation, share=st.floats(0, 1)),
    ),
    st.floats(),
)
def test_whatever_is_observed_no_lesson_poisons_the_model(view: CampaignView, observed: float) -> None:
    vector = vector_of(view, [Reason("synchrony", "rhythm", "", observed, 0.5, 1)], SIGNALS)
    assert bool(vector) == math.isfinite(observed)
    learner = taught(30)
    if vector:
        learner.learn(Lesson(vector, confirmed=True))
    assert 0 <= (learner.probability(vector or GUILTY) or 0) <= 1


@pytest.mark.parametrize("action", ["observe", "throttle", "challenge", "suspend"])
def test_it_may_soften_to_a_throttle_and_do_nothing_else(action: Action) -> None:
    mild = action if action == "observe" else "throttle"
    assert [softened(action, it) for it in (None, 1.0, 0.5, 0.49, 0.0)] == [action, action, action, mild, mild]


def test_the_loss_of_a_coin_and_of_a_wrong_certainty() -> None:
    assert log_loss(0.5) == pytest.approx(math.log(2))
    assert log_loss(1.0) == 0
    assert log_loss(0.0) == pytest.approx(9 * math.log(10))
