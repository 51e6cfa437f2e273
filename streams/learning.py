"""What reviewers' verdicts teach: how likely a reviewer would confirm a campaign. River's logistic regression.

A verdict is a label that comes late, for the campaign as it was when it was last decided about. What guards the model:

- features are a fixed list, what the signals observe against their thresholds, finite and in -1..1;
- a campaign teaches at most once in `TEACH_EVERY_MS`, and so do the verdicts about its members, of which one counts as
  much as it is of the campaign: nobody who is wrong about one campaign, or has it in for it, moves the model far;
- nothing is said before `FEWEST_OF_EACH` verdicts of both kinds;
- each lesson is first a question: what the model would have said is measured before it learns (progressive validation:
  Gama, Sebastiao and Rodrigues, "On evaluating stream learning algorithms", Machine Learning 90, 2013);
- what is stored is the last `LESSONS` lessons, one byte a feature, and the model is made of them anew: nothing to
  unpickle, nothing that depends on river's insides, and old lessons fade.

Only campaigns that were decided about are reviewed, so it speaks of those alone.
"""

import math
from collections.abc import Iterable, Mapping

from msgspec import Struct, field
from river.linear_model import LogisticRegression
from river.optim import SGD

from streams.decisions import LADDER, Action, Reason
from streams.evidence import CampaignView
from streams.policy_signals import SignalPolicy
from streams.signals import CAMPAIGN_SIGNALS, NETWORK_SIGNALS
from streams.windows import DAY_MS

VERSION = "reviewed-logistic-1"
FEATURES = tuple(signal.name for signal in (*CAMPAIGN_SIGNALS, *NETWORK_SIGNALS))
LESSONS = 1_000
FEWEST_OF_EACH = 10
TEACH_EVERY_MS = DAY_MS

_RATE = 0.1
_REGULARISATION = 0.001
_OCTAVES = 2
"""So many doublings above or below a threshold are told apart."""

LIKELY = 0.5


class Lesson(Struct, frozen=True, array_like=True, gc=False):
    """A campaign as it was decided about, one byte a feature; what its reviewer said; and how much that counts."""

    vector: bytes
    confirmed: bool
    weight: float = 1.0


class LearnerState(Struct, array_like=True):
    """What is stored. `day` is when it was stored last, in days of event time: it must not expire unused."""

    version: str = VERSION
    lessons: list[Lesson] = field(default_factory=list)
    day: int = 0


class Learner:
    """The model made of a `LearnerState`."""

    def __init__(self, state: LearnerState) -> None:
        """Learn all lessons of `state`. A state of another version or another feature list starts afresh."""
        if state.version != VERSION or any(len(lesson.vector) != len(FEATURES) for lesson in state.lessons):
            state = LearnerState()
        self.state = state
        self._grow()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Learner) and self.state == other.state

    __hash__ = None  # type: ignore[assignment]  # it learns

    @property
    def counts(self) -> tuple[int, int]:
        """How many lessons say innocent and confirmed."""
        confirmed = sum(lesson.confirmed for lesson in self.state.lessons)
        return len(self.state.lessons) - confirmed, confirmed

    def probability(self, vector: bytes) -> float | None:
        """How likely a reviewer would confirm such a campaign; None while warming up, or for what is no vector."""
        if min(self.counts) < FEWEST_OF_EACH or len(vector) != len(FEATURES):
            return None
        return float(self._model.predict_proba_one(_named(vector))[True])

    def learn(self, lesson: Lesson) -> float | None:
        """Learn, and say how likely the right answer was held before; None while warming up."""
        probability = self.probability(lesson.vector)
        self.state.lessons.append(lesson)
        if len(self.state.lessons) > LESSONS:
            del self.state.lessons[0]
            self._grow()
        else:
            self._teach(lesson)
        return probability if probability is None or lesson.confirmed else 1 - probability

    def is_stale(self, at_ms: int) -> bool:
        """Once a day of event time: whether it must be stored again, so that the store does not forget it."""
        is_stale = bool(self.state.lessons) and at_ms // DAY_MS > self.state.day
        self.state.day = max(self.state.day, at_ms // DAY_MS)
        return is_stale

    def _grow(self) -> None:
        self._model = LogisticRegression(optimizer=SGD(_RATE), l2=_REGULARISATION, intercept_lr=_RATE)
        for lesson in self.state.lessons:
            self._teach(lesson)

    def _teach(self, lesson: Lesson) -> None:
        self._model.learn_one(_named(lesson.vector), lesson.confirmed, w=lesson.weight)


def vector_of(view: CampaignView, reasons: Iterable[Reason], signals: Mapping[str, SignalPolicy]) -> bytes:
    """A campaign as `FEATURES`: what each signal of it observes, and what is said of its links, against thresholds.

    Empty if a figure is not finite. What a signal has nothing to say about counts as far below its threshold.
    """
    observed: dict[str, float | None] = {signal.name: signal.value(view) for signal in CAMPAIGN_SIGNALS}
    observed |= {reason.signal: reason.observed for reason in reasons if reason.signal not in observed}
    values = [_against(observed.get(name), signals[name].threshold) for name in FEATURES]
    if not all(map(math.isfinite, values)):
        return b""
    return bytes(round(127.5 * (value + 1)) for value in values)


def softened(action: Action, probability: float | None) -> Action:
    """The action, or a throttle in its place if reviewers would rather not confirm it. Never harder, never let go."""
    if probability is None or probability >= LIKELY:
        return action
    return min(action, "throttle", key=LADDER.index)


def log_loss(probability: float) -> float:
    """The loss of having held the right answer for so likely, in nats; bounded, as probabilities are rounded."""
    return -math.log(max(1e-9, probability))


def _against(observed: float | None, threshold: float) -> float:
    """A figure against its threshold: 0 at it, 1 at four times as much or more, -1 at a quarter or less."""
    if observed is None:
        return -1.0
    if not math.isfinite(observed):
        return math.nan
    ratio = max(observed / threshold if threshold > 0 else 1.0, 2.0**-_OCTAVES)
    return min(1.0, math.log2(ratio) / _OCTAVES)


def _named(vector: bytes) -> dict[str, float]:
    return {name: value / 127.5 - 1 for name, value in zip(FEATURES, vector, strict=True)}
