"""The anomaly model: silent until warm, calibrated, hard to poison, and the same after a restart."""

import math
from collections import Counter
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.accounts import TYPICAL as ACCOUNT
from streams.accounts import AccountView
from streams.anomaly import (
    CALIBRATION,
    EPOCH,
    MINIMUM_COHORT,
    MODEL_VERSION,
    MOST_ALIKE,
    Drift,
    Gate,
    Lesson,
    Model,
    ModelState,
    log_scale,
)
from streams.networks import TYPICAL as LINK
from streams.networks import NetworkView
from streams.policy_signals import SIGNALS, THRESHOLD_RANGES
from streams.signals import ACCOUNT_SIGNALS, NETWORK_SIGNALS, Signal

FEATURES = ("volume", "hours", "share", "gaps")
THRESHOLD = SIGNALS["anomaly"].threshold
FAR = (1.0, 1.0, 1.0, 1.0)
AS_OF_MS = 1_760_000_000_000


def ordinary(random: Random, centre: float = 0.3) -> tuple[float, ...]:
    return tuple(min(1.0, max(0.0, random.gauss(centre, 0.08))) for _ in FEATURES)


def vector_of(model: Model, values: tuple[float, ...]) -> bytes:
    vector = model.vector(values)
    assert vector is not None
    return vector


def look(
    model: Model, values: tuple[float, ...], drift: Drift, *, cohort: str = "pro", limited: bool = False
) -> tuple[float | None, Gate]:
    """One look at a window that may teach."""
    return model.look(cohort, values, drift, as_of_ms=AS_OF_MS, taught_recently=False, limited=limited)


def fresh(threshold: float = THRESHOLD) -> Model:
    return Model(ModelState(), FEATURES, threshold)


def taught(random: Random, *, cohort: str = "pro", lessons: int = EPOCH) -> Model:
    model = fresh()
    for _ in range(lessons):
        model.look(cohort, ordinary(random), Drift(), as_of_ms=AS_OF_MS, taught_recently=False, limited=False)
    return model


def test_until_the_first_epoch_is_complete_nothing_is_judged() -> None:
    random = Random(1)
    model = taught(random, lessons=EPOCH - 1)
    assert (model.warm, model.p_value("pro", vector_of(model, FAR))) == (False, None)
    assert look(model, ordinary(random), Drift()) == (None, "learned")
    assert model.warm
    assert look(model, FAR, Drift())[0] is not None


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("level", [0.05, 0.1, 0.25, 0.5, 0.9])
def test_the_p_values_of_ordinary_windows_are_about_uniform(seed: int, level: float) -> None:
    """A share `level` of ordinary windows has a p-value of at most `level`, but for chance.

    Chance comes twice: 768 calibration windows and 1,000 judged ones, both binomial; four standard errors of their sum.
    Scores of trees are few and tie, and a tie counts as strange as can be: the share may be lower, never higher.
    """
    random = Random(seed)
    model = taught(random)
    judged = 1_000
    p_values = [model.p_value("pro", vector_of(model, ordinary(random))) for _ in range(judged)]
    share = sum(1 for p_value in p_values if p_value is not None and p_value <= level) / judged
    chance = 4 * math.sqrt(level * (1 - level) * (1 / judged + 1 / CALIBRATION))
    assert level - chance - 0.1 <= share <= level + chance


@pytest.mark.parametrize("seed", range(3))
def test_a_window_far_from_all_others_gets_the_smallest_p_value(seed: int) -> None:
    model = taught(Random(seed))
    assert model.p_value("pro", vector_of(model, FAR)) == 1 / (CALIBRATION + 1)


def test_a_cohort_is_judged_by_its_own_measure_once_it_is_big_enough() -> None:
    """What is ordinary for one plan is strange for another."""
    random = Random(2)
    model = fresh()
    for number in range(EPOCH):
        big = number // 4 % 2
        look(model, ordinary(random, 0.8 if big else 0.2), Drift(), cohort="big" if big else "small")
    own = [model.p_value("big", vector_of(model, ordinary(random, 0.8))) or 0 for _ in range(50)]
    assert sum(own) / len(own) > 0.3
    assert CALIBRATION // 2 >= MINIMUM_COHORT


def test_a_small_cohort_is_judged_by_everybodys_measure() -> None:
    random = Random(3)
    model = taught(random)
    vector = vector_of(model, ordinary(random))
    assert model.p_value("nobody yet", vector) == model.p_value("pro", vector)


def mixed(random: Random, shares: dict[str, float], threshold: float = THRESHOLD) -> Model:
    """A model after an epoch of ordinary windows of several cohorts."""
    model, drift = fresh(threshold), Drift()
    names, weights = list(shares), list(shares.values())
    while not model.warm:
        look(model, ordinary(random), drift, cohort=random.choices(names, weights)[0])
    return model


ACCOUNTS_SEEN = {
    "free/old/other": 33.7,
    "pro/old/other": 26.7,
    "api/old/other": 11.3,
    "max/old/other": 6.8,
    "free/old/extraction": 6.5,
    "pro/old/extraction": 4.3,
    "enterprise/old/other": 4.2,
    "api/old/extraction": 1.8,
    "max/old/extraction": 1.3,
    "enterprise/old/extraction": 1.1,
    "free/new/other": 0.7,
    "pro/new/other": 0.7,
}
"""Of those who teach in a simulated day, in per cent."""

LINKS_SEEN = {"template": 56.9, "network": 19.1, "asn": 11.6, "tls": 9.0, "payment": 3.4}
"""The same of links."""


@pytest.mark.parametrize(
    ("signals", "typical", "shares"),
    [
        (ACCOUNT_SIGNALS, ACCOUNT._replace(requests=100), ACCOUNTS_SEEN),
        (NETWORK_SIGNALS, LINK, LINKS_SEEN),
    ],
    ids=["accounts", "links"],
)
@pytest.mark.parametrize("seed", range(2))
def test_the_strangest_window_fires_the_signal_whatever_its_cohort(
    seed: int, signals: tuple[Signal, ...], typical: AccountView | NetworkView, shares: dict[str, float]
) -> None:
    """Of each cohort there is, and of one that nobody has seen yet; the samples of the signal are such windows."""
    signal = next(it for it in signals if it.family == "anomaly")
    model = mixed(Random(seed), shares, SIGNALS[signal.name].threshold)
    for cohort in (*shares, "unseen/new/extraction"):
        view = typical._replace(p_value=model.p_value(cohort, vector_of(model, FAR)))
        assert signal.reason(view, SIGNALS[signal.name]) is not None, cohort
    reachable = {1 / (scores + 1) for scores in range(math.ceil(THRESHOLD), CALIBRATION + 1)}
    assert {view.p_value for view in signal.fires} <= reachable


@pytest.mark.parametrize("threshold", [2, 150, 200, 500, 769])
def test_a_cohort_judges_by_itself_only_if_it_can_reach_the_threshold(threshold: float) -> None:
    """Else the plan and age are asked, then the plan, then everybody."""
    model = mixed(Random(11), {"a/old/x": 0.2, "a/old/y": 0.2, "a/new/y": 0.2, "b/old/x": 0.4}, threshold)
    vector = vector_of(model, FAR)
    for cohort in ("a/old/x", "a/old/y", "a/new/y", "b/old/x", "a/new/x", "c/old/x"):
        assert 1 / (model.p_value(cohort, vector) or 1) >= threshold


def test_a_cohort_too_small_is_judged_with_the_next_wider_one() -> None:
    random = Random(12)
    model, drift = fresh(), Drift()
    for number in range(EPOCH):
        kind = number // 4 % 20
        cohort = "pro/old/extraction" if kind < 2 else "pro/old/other" if kind < 8 else "free/old/other"
        look(model, ordinary(random), drift, cohort=cohort)
    judged_with = {
        cohort: round(1 / (model.p_value(cohort, vector_of(model, FAR)) or 1)) - 1
        for cohort in ("free/old/other", "pro/old/other", "pro/old/extraction", "pro/new/other", "none/new/other")
    }
    assert judged_with == {
        "free/old/other": 456,
        "pro/old/other": 234,
        "pro/old/extraction": 312,
        "pro/new/other": 312,
        "none/new/other": CALIBRATION,
    }


def test_a_policy_may_ask_for_as_much_as_everybody_can_tell() -> None:
    assert THRESHOLD_RANGES["anomaly"] == THRESHOLD_RANGES["network_anomaly"] == (2, CALIBRATION + 1)


def test_those_who_pay_with_one_instrument_are_a_twentieth_of_an_epoch_together() -> None:
    """However many they are; when the next epoch begins they may teach as much again."""
    random = Random(13)
    model, drift = fresh(), Drift()
    for _ in range(2):
        taught_by: Counter[bool] = Counter()
        while taught_by.total() < EPOCH:
            is_campaign = random.random() < 0.4
            payment = 7 if is_campaign else random.getrandbits(32)
            _, gate = model.look(
                "pro", ordinary(random), drift, as_of_ms=AS_OF_MS, taught_recently=False, limited=False, payment=payment
            )
            taught_by[is_campaign] += gate == "learned"
        assert taught_by[True] == MOST_ALIKE <= EPOCH / 20


@pytest.mark.parametrize(("reference", "gathering"), [(512, 0), (512, 511), (0, 300)])
def test_an_epoch_of_another_length_is_the_beginning_of_the_next(reference: int, gathering: int) -> None:
    lessons = [Lesson("pro/old", bytes([number % 256] * 4)) for number in range(reference + gathering)]
    state = ModelState(reference=lessons[:reference], gathering=lessons[reference:])
    model = Model(state, FEATURES, THRESHOLD)
    assert (model.warm, model.state.gathering, model.state.reference) == (False, lessons, [])


def test_anomalies_in_a_row_never_teach_the_trees_to_look_away() -> None:
    model, drift = taught(Random(5)), Drift()
    before = msgspec.msgpack.encode(model.state)
    for _ in range(30):
        assert look(model, FAR, drift) == (1 / (CALIBRATION + 1), "gate_strange")
    assert msgspec.msgpack.encode(model.state) == before


@pytest.mark.parametrize(
    ("taught_recently", "limited", "gate"),
    [(True, False, "gate_taught_recently"), (False, True, "gate_limited"), (True, True, "gate_taught_recently")],
)
def test_who_taught_recently_or_is_limited_is_judged_and_does_not_teach(
    taught_recently: bool, limited: bool, gate: Gate
) -> None:
    random = Random(4)
    model = taught(random)
    before = msgspec.msgpack.encode(model.state)
    p_value, said = model.look(
        "pro", ordinary(random), Drift(), as_of_ms=AS_OF_MS, taught_recently=taught_recently, limited=limited
    )
    assert p_value is not None
    assert said == gate
    assert msgspec.msgpack.encode(model.state) == before


def test_it_remembers_as_of_when_it_learnt_last_and_that_never_goes_back() -> None:
    random = Random(5)
    model = fresh()
    for at_ms, limited, learned_ms in ((7, True, 0), (5, False, 5), (9, False, 9), (8, False, 9), (99, True, 9)):
        model.look("pro", ordinary(random), Drift(), as_of_ms=at_ms, taught_recently=False, limited=limited)
        assert model.state.learned_ms == learned_ms
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(("hst-conformal-1", [], [])), type=ModelState).learned_ms == 0


def test_when_the_world_has_changed_the_model_abstains_learns_and_recovers() -> None:
    random = Random(6)
    model, drift = taught(random), Drift()

    def p_value() -> float | None:
        return look(model, ordinary(random, 0.7), drift)[0]

    before = sum(1 for _ in iter(p_value, None))
    changed = drift.drifting
    assert before < EPOCH // 4
    during = next(count for count in range(1, 2 * EPOCH) if p_value() is not None)
    assert during <= EPOCH
    assert (changed, drift.drifting) == (True, False)
    p_values = [p_value() or 0 for _ in range(100)]
    assert sum(p_values) / 100 > 0.3


def test_a_handful_of_strange_windows_is_no_drift() -> None:
    random = Random(7)
    model, drift = taught(random), Drift()
    for number in range(500):
        look(model, FAR if number % 20 == 0 else ordinary(random), drift)
        assert not drift.drifting


@pytest.mark.parametrize(
    "values",
    [(), (0.1, 0.1, 0.1), (0.1,) * 5, (0.1, 0.1, 0.1, math.nan), (0.1, 0.1, math.inf, 0.1), (-math.inf, 0, 0, 0)],
)
def test_a_window_with_a_feature_missing_or_not_finite_is_refused(values: tuple[float, ...]) -> None:
    model = fresh()
    assert model.vector(values) is None
    assert look(model, values, Drift()) == (None, "gate_not_finite")
    assert model.state == ModelState()


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=4, max_size=4))
def test_a_vector_is_one_byte_a_feature_and_values_outside_are_clipped(values: list[float]) -> None:
    vector = fresh().vector(values)
    assert vector is not None
    assert list(vector) == [round(255 * min(1.0, max(0.0, value))) for value in values]


@pytest.mark.parametrize("epochs", [1, 3])
def test_a_model_grown_again_from_what_was_stored_scores_the_same(epochs: int) -> None:
    """Nothing of the epochs before is left in the trees."""
    random = Random(8)
    model, drift = taught(random, lessons=epochs * EPOCH + 77), Drift(0.2)
    again = Model(msgspec.msgpack.decode(msgspec.msgpack.encode(model.state), type=ModelState), FEATURES, THRESHOLD)
    drift_again = msgspec.msgpack.decode(msgspec.msgpack.encode(drift), type=Drift)
    for _ in range(600):
        values = ordinary(random)
        assert look(again, values, drift_again) == look(model, values, drift)
    assert msgspec.msgpack.encode(again.state) == msgspec.msgpack.encode(model.state)
    assert drift_again == drift


def test_a_stored_model_is_small() -> None:
    """Two epochs of one byte a feature and a cohort name each: there is nothing in it to unpickle."""
    model = taught(Random(9), lessons=2 * EPOCH - 1)
    assert len(msgspec.msgpack.encode(model.state)) < 2 * EPOCH * (len(FEATURES) + 8)


@pytest.mark.parametrize(
    "state",
    [
        ModelState(version="hst-0", reference=[Lesson("pro", bytes(4))] * EPOCH),
        ModelState(reference=[Lesson("pro", bytes(3))] * EPOCH),
        ModelState(gathering=[Lesson("pro", bytes(3))] * 5),
    ],
    ids=["another version", "other features", "other features, not yet an epoch"],
)
def test_a_state_of_another_version_or_of_other_features_starts_afresh(state: ModelState) -> None:
    model = Model(state, FEATURES, THRESHOLD)
    assert model.state == ModelState()
    assert model.state.version == MODEL_VERSION
    random = Random(10)
    for _ in range(EPOCH):
        look(model, ordinary(random), Drift())
    assert model.warm


def test_a_logarithmic_scale_has_its_ends_where_it_says() -> None:
    assert (log_scale(0, 100), log_scale(100, 100), log_scale(-5, 100)) == (0, 1, 0)
    assert 0 < log_scale(1, 100) < log_scale(10, 100) < 1 < log_scale(1_000, 100)
