"""MMD: are an account's requests drawn from the distribution of everybody's?

The maximum mean discrepancy of A. Gretton et al., "A kernel two-sample test", JMLR 13, 2012 (the unbiased estimate of
their equation 3), used against extraction as S. Pal, Y. Gupta, A. Kanade and S. Shevade do in "Stateful detection of
model extraction attacks", 2021: a window of each account's requests against a sample of ordinary ones. They compare in
the latent space of an autoencoder of images; here the kernel is Gaussian in the distance of sketches. The sample is
taken from the first six hours, before any campaign has begun, which nobody could choose so well.
"""

from collections import deque
from collections.abc import Iterator
from math import exp

from streams.events import RequestEvent
from tests.evaluation.baselines.sketches import Words, distance, words_of

WINDOW = 40
REFERENCE = 100
TAKE_EVERY = 7
BANDWIDTH = 0.5


class Discrepancy:
    """The discrepancy of the account's last forty requests."""

    def __init__(self) -> None:
        self._reference: list[Words] = []
        self._within = 0.0
        self._seen = 0
        self._windows: dict[str, deque[Words]] = {}

    def take(self, event: RequestEvent) -> Iterator[tuple[str, float]]:
        """Take one event; every full window is tested, and the next begins."""
        words = words_of(event)
        if words is None:
            return
        self._seen += 1
        if len(self._reference) < REFERENCE:
            if self._seen % TAKE_EVERY == 0:
                self._reference.append(words)
            if len(self._reference) == REFERENCE:
                self._within = _mean_kernel(self._reference)
            return
        window = self._windows.setdefault(event.account_id, deque(maxlen=WINDOW))
        window.append(words)
        if len(window) == WINDOW:
            own = list(window)
            window.clear()
            across = sum(_kernel(one, other) for one in own for other in self._reference) / (WINDOW * REFERENCE)
            yield event.account_id, _mean_kernel(own) + self._within - 2 * across


def _mean_kernel(sample: list[Words]) -> float:
    """The mean over pairs of two different ones."""
    pairs = [(one, other) for place, one in enumerate(sample) for other in sample[:place]]
    return sum(_kernel(one, other) for one, other in pairs) / len(pairs)


def _kernel(one: Words, other: Words) -> float:
    apart = distance(one, other)
    return exp(-apart * apart / (2 * BANDWIDTH * BANDWIDTH))
