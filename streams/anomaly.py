"""How strange is this window, against others of its cohort: river's half-space trees, calibrated and guarded.

Half-space trees (Tan, Ting and Liu, "Fast Anomaly Detection for Streaming Data", IJCAI 2011) score a vector;
split-conformal calibration (Laxhammar and Falkman, "Conformal prediction for distribution-independent anomaly
detection in streaming vessel data", 2010) turns the score into a p-value: the share of ordinary windows of the
same cohort that look at least as strange. With n of them none is below 1/(n + 1): a cohort with too few for the
signal's threshold is judged with the wider one around it, and at last with everybody.

The guards, and what each is against:

- the trees that score are frozen for an epoch: anomalies that cluster in time cannot teach them to look away;
- a subject teaches at most once in `TEACH_EVERY_HOURS`, never while it is limited, never when it scores as
  strange: one account cannot move the reference far;
- of accounts that share a payment instrument come at most `MOST_ALIKE` lessons of an epoch: a campaign that pays with
  one cannot move it far either (and where twenty pay for nearly everybody, hardly anything is learnt);
- features are a fixed list, finite and in 0..1, so schema drift cannot blind or poison the trees;
- while far more windows than 5 % score below p = .05 the world has changed, not the accounts: the model
  abstains and learns, until the next epoch is frozen;
- the stored state is the vectors it learnt from, one byte a feature, and the trees are grown again from them:
  nothing to unpickle, nothing that depends on river's insides.

Not prevented: a campaign whose accounts are not limited themselves, with payments of their own or several, teaches as
so many ordinary accounts would, as long as no window is strange; and so does one of a tenth of all accounts with one
payment, which counts as a placeholder (`streams.payers`). A template is no bound: to leave out those who send what many
do would make these look strange. Nothing is asked of links but that none of their members was reported: each of a
campaign's teaches for itself until then.
"""

import math
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Literal

from msgspec import Struct, field
from river.anomaly import HalfSpaceTrees

MODEL_VERSION = "hst-conformal-1"
EPOCH = 1024
"""Vectors in an epoch: every fourth grows the trees (256, about the window of Tan, Ting and Liu), the rest calibrate.

Twice as many would let a cohort of an eighth of the traffic be judged by itself, not of a quarter, and warm up half as
fast: 5,000 accounts on 8 partitions take three days for an epoch as it is.
"""

_GROWS_EVERY = 4
CALIBRATION = EPOCH - EPOCH // _GROWS_EVERY
"""Vectors of an epoch that calibrate."""

TEACH_EVERY_HOURS = 6
MINIMUM_COHORT = 100
"""Below this many calibration scores no cohort is judged by itself, whatever the threshold."""

MOST_ALIKE = EPOCH // 20
"""Lessons of an epoch by accounts with one payment instrument."""

_EVERYBODY = ""
_STRANGE = 0.01
_DRIFT_P = 0.05
_DRIFT_SHARE = 0.25
_DRIFT_WEIGHT = 1 / 128

Gate = Literal["learned", "gate_not_finite", "gate_taught_recently", "gate_limited", "gate_strange", "gate_shared"]
"""What became of a window as a lesson: learnt, or why not. The names that folds tally."""


class Lesson(Struct, frozen=True, array_like=True, gc=False):
    """One window that teaches: the cohort it belongs to and its features, one byte each.

    A cohort is named from the widest to the narrowest, with slashes between.
    """

    cohort: str
    vector: bytes


class Drift(Struct, array_like=True):
    """The share of windows that looked strange of late. Kept beside the model, because it changes with every look."""

    strange_share: float = _DRIFT_P

    @property
    def drifting(self) -> bool:
        """True while so many windows look strange that it is the world that changed."""
        return self.strange_share > _DRIFT_SHARE

    def note(self, p_value: float) -> None:
        """Take in the p-value of one window."""
        self.strange_share += _DRIFT_WEIGHT * ((p_value < _DRIFT_P) - self.strange_share)


class ModelState(Struct, array_like=True):
    """What is stored: the epoch that scores, the epoch being gathered, and as of when it learnt last (event time).

    `paid` are the lessons of the epoch being gathered by payment instrument (32 bits).
    """

    version: str = MODEL_VERSION
    reference: list[Lesson] = field(default_factory=list)
    gathering: list[Lesson] = field(default_factory=list)
    learned_ms: int = 0
    paid: dict[int, int] = field(default_factory=dict)


class Model:
    """The trees grown from a `ModelState`, and the calibration scores of each cohort."""

    def __init__(self, state: ModelState, features: Sequence[str], threshold: float) -> None:
        """Grow the trees for `state`. A state of another version or another feature list starts afresh.

        `threshold` is what the policy holds 1/p against: who is judged by too few to reach it could never be strange.
        An epoch of another length, as versions before had it, is the beginning of the next.
        """
        self.features = tuple(features)
        lessons = (*state.reference, *state.gathering)
        if state.version != MODEL_VERSION or any(len(lesson.vector) != len(features) for lesson in lessons):
            state = ModelState()
        if state.reference and len(state.reference) != EPOCH:
            state.reference, state.gathering = [], [*lessons]
        self.state = state
        self._fewest = max(MINIMUM_COHORT, math.ceil(threshold))  # one more than it takes, should 1 / p be rounded down
        # Where trees split follows from the seed alone: those of an epoch are those of the one before, taught anew.
        self._trees = HalfSpaceTrees(n_trees=10, height=8, window_size=EPOCH - CALIBRATION, seed=20261123)
        self._grow()

    @property
    def warm(self) -> bool:
        """True once a first epoch is complete; until then nothing is judged."""
        return bool(self.state.reference)

    def vector(self, values: Sequence[float]) -> bytes | None:
        """One byte a feature from values in 0..1 (clipped); None if a value is missing or not finite."""
        if len(values) != len(self.features) or not all(math.isfinite(value) for value in values):
            return None
        return bytes(round(255 * min(1.0, max(0.0, value))) for value in values)

    def p_value(self, cohort: str, vector: bytes) -> float | None:
        """The share of ordinary windows at least as strange, in 1/(n + 1)..1; None while warming up."""
        if not self.warm:
            return None
        measures = (self._scores.get(name, []) for name in _from_narrowest(cohort))
        scores = next((scores for scores in measures if len(scores) >= self._fewest), self._scores[_EVERYBODY])
        at_least = len(scores) - bisect_left(scores, self._score(vector))
        return (1 + at_least) / (len(scores) + 1)

    def look(
        self,
        cohort: str,
        values: Sequence[float],
        drift: Drift,
        *,
        as_of_ms: int,
        taught_recently: bool,
        limited: bool,
        payment: int | None = None,
    ) -> tuple[float | None, Gate]:
        """Judge a window and, if the gate lets it, learn from it.

        The p-value is None while warming up, while the world is changing, and for values that are no window; what is
        new in a changed world can be learnt, because nothing is strange then. `payment` are 32 bits of the subject's
        payment instrument, which others may have too.
        """
        vector = self.vector(values)
        if vector is None:
            return None, "gate_not_finite"
        p_value = self.p_value(cohort, vector)
        if p_value is not None:
            drift.note(p_value)
        if drift.drifting:
            p_value = None
        if taught_recently:
            return p_value, "gate_taught_recently"
        if limited:
            return p_value, "gate_limited"
        if p_value is not None and p_value < _STRANGE:
            return p_value, "gate_strange"
        if payment is not None and self.state.paid.get(payment, 0) >= MOST_ALIKE:
            return p_value, "gate_shared"
        self._learn(Lesson(cohort, vector), payment, drift)
        self.state.learned_ms = max(self.state.learned_ms, as_of_ms)
        return p_value, "learned"

    def _learn(self, lesson: Lesson, payment: int | None, drift: Drift) -> None:
        """Gather a lesson; at the end of an epoch grow and freeze new trees."""
        state = self.state
        state.gathering.append(lesson)
        if payment is not None:
            state.paid[payment] = state.paid.get(payment, 0) + 1
        if len(state.gathering) >= EPOCH:
            state.reference, state.gathering, state.paid = state.gathering, [], {}
            drift.strange_share = _DRIFT_P
            self._grow()

    def _grow(self) -> None:
        for lesson in self.state.reference[::_GROWS_EVERY]:
            self._trees.learn_one(self._named(lesson.vector))
        scores: dict[str, list[float]] = {}
        for number, lesson in enumerate(self.state.reference):
            if number % _GROWS_EVERY:
                score = self._score(lesson.vector)
                for cohort in _from_narrowest(lesson.cohort):
                    scores.setdefault(cohort, []).append(score)
        self._scores = {cohort: sorted(values) for cohort, values in scores.items()}

    def _score(self, vector: bytes) -> float:
        return float(self._trees.score_one(self._named(vector)))

    def _named(self, vector: bytes) -> dict[str, float]:
        return {name: value / 255 for name, value in zip(self.features, vector, strict=True)}


def _from_narrowest(cohort: str) -> Iterator[str]:
    """The cohort, those around it, and everybody."""
    while cohort:
        yield cohort
        cohort = cohort.rpartition("/")[0]
    yield _EVERYBODY


def log_scale(value: float, ceiling: float) -> float:
    """Map 0..ceiling to 0..1 on a logarithmic scale."""
    return math.log1p(max(0.0, value)) / math.log1p(ceiling)
