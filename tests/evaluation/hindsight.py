"""The best threshold in hindsight for a detector that only gives scores, and the judge's word on it."""

from array import array
from collections.abc import Iterable, Iterator, Mapping
from math import floor, inf, nextafter

from streams.decisions import Decision
from streams.enforcement import Ask
from streams.evaluation import Evaluation, Judge
from streams.events import RequestEvent
from streams.scenarios import Truth
from tests.evaluation.baselines import Scorer

FOREVER_MS = 4 * 10**12


class Hindsight:
    """One scorer over a whole recording. Of each account it keeps when its score reached a new maximum."""

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer
        self._maxima: dict[str, tuple[array[float], array[int]]] = {}

    def take(self, event: RequestEvent) -> None:
        """Let the scorer look at one event."""
        for account_id, score in self._scorer.take(event):
            scores, times = self._maxima.setdefault(account_id, (array("d"), array("q")))
            if not scores or score > scores[-1]:
                scores.append(score)
                times.append(event.occurred_at_ms)

    def threshold(self, truths: Mapping[str, Truth], harmed_per_million: float) -> float:
        """The lowest threshold that harms no more innocents than the bar allows."""
        innocents = [name for name, truth in truths.items() if truth.campaign_id is None]
        allowed = floor(harmed_per_million * len(innocents) / 1e6)
        highest = sorted((self._highest(name) for name in innocents), reverse=True)
        return nextafter(highest[allowed], inf) if allowed < len(highest) else -inf

    def judged(
        self,
        exchanges: Iterable[tuple[Ask, int]],
        truths: Mapping[str, Truth],
        threshold: float,
    ) -> Evaluation:
        """What suspending at the threshold would have come to."""
        judge = Judge()
        for truth in truths.values():
            judge.meet(truth)
        for decision in self._decisions(threshold):
            judge.decide(decision)
        for exchange in exchanges:
            judge.exchange(*exchange)
        return judge.result()

    def _highest(self, account_id: str) -> float:
        found = self._maxima.get(account_id)
        return found[0][-1] if found else -inf

    def _decisions(self, threshold: float) -> Iterator[Decision]:
        """Each account's highest score as an observation, and a suspension from the moment it passed the threshold."""
        top = max((self._highest(name) for name in self._maxima), default=1.0) or 1.0
        for account_id, (scores, times) in self._maxima.items():
            score = min(1.0, max(0.0, scores[-1] / top))
            yield _decision(account_id, "observe", score, times[-1], 1)
            passed = next((at for at, it in zip(times, scores, strict=True) if it >= threshold), None)
            if passed is not None:
                yield _decision(account_id, "suspend", score, passed, 2)


def _decision(account_id: str, action: str, score: float, at_ms: int, sequence: int) -> Decision:
    return Decision(
        decision_id=f"{account_id} {sequence}",
        subject_kind="account",
        subject_id=account_id,
        action=action,  # type: ignore[arg-type]
        reasons=(),
        score=score,
        decided_at_ms=at_ms,
        expires_at_ms=FOREVER_MS,
        policy_version="hindsight",
        model_version="hindsight",
        shadow=False,
        sequence=sequence,
    )
