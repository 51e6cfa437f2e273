"""Has the traffic itself changed: what share of requests has a field, fails, opens a conversation, asks for what.

Each share is watched by ADWIN (Bifet and Gavaldà, "Learning from Time-Changing Data with Adaptive Windowing", SDM 2007;
river's), which keeps as long a window as shows no change. A drift is told where it sees one and the share has moved by
`MOVED` from what was usual: in millions of requests a thousandth is significant, and means nothing.

It decides nothing. It tells an operator that a gateway no longer sends a field that evidence is made of.
"""

from typing import Final, Literal, get_args

import numpy as np
from msgspec import Struct, field
from river.drift import ADWIN

from streams.batch import NO_HASH, EventBatch
from streams.compiled import Bools, Floats
from streams.kernel import ADDRESS, AGENT, CONVERSATION, CREATED, ERROR, OPENS, REFUSAL, TURNS

Measure = Literal[
    "age", "payment", "network", "template", "tls", "address", "agent", "conversation", "error", "refusal", "opens"
]
"""What is watched: the share of requests that have it, or are it; `opens` is the beginning of a conversation."""

MEASURES: Final[tuple[Measure, ...]] = get_args(Measure)

CHUNK = 512
"""Requests whose share is one value for ADWIN: it is told ten values, not five thousand."""

MOVED = 0.1
"""By how much a share must have moved for a drift to be told."""

WARM_CHUNKS = 64
"""Values that a measure needs before it is known what is usual, at the start and after a drift."""


class _Watched(Struct):
    """One measure: ADWIN's window, the usual share, None before it is warm, and whether ADWIN has cut since.

    A long window is cut while the share has hardly moved in it, and not again once it has: so a cut is remembered.
    """

    window: ADWIN = field(default_factory=ADWIN)
    usual: float | None = None
    was_cut: bool = False

    def note(self, share: float) -> bool:
        """Take one value in; True if it makes a drift. Then what is usual is found anew."""
        window = self.window
        window.update(share)
        if self.usual is None:
            if window.width >= WARM_CHUNKS:
                self.usual = window.estimation
            return False
        self.was_cut = self.was_cut or window.drift_detected
        if not self.was_cut or window.width < WARM_CHUNKS or abs(window.estimation - self.usual) < MOVED:
            return False
        self.window, self.usual, self.was_cut = ADWIN(), None, False
        self.window.update(share)
        return True


class Drifts:
    """The measures of one worker's traffic, in whatever order its partitions come. Not stored: it begins anew."""

    def __init__(self, *, chunk: int = CHUNK) -> None:
        """`chunk`: of how many requests one share is taken."""
        self._chunk = chunk
        self._watched = {measure: _Watched() for measure in MEASURES}
        self._sums: Floats = np.zeros(len(MEASURES))
        self._requests = 0

    def note(self, batch: EventBatch) -> list[Measure]:
        """Take a batch in; the measures that drifted with it."""
        if not batch:
            return []
        had = _had(batch)
        drifted: list[Measure] = []
        for start in range(0, had.shape[1], self._chunk):
            some = had[:, start : start + self._chunk]
            self._sums += some.sum(axis=1)
            self._requests += some.shape[1]
            if self._requests >= self._chunk:
                shares = (self._sums / self._requests).tolist()
                watched = zip(self._watched.items(), shares, strict=True)
                drifted += [measure for (measure, its), share in watched if its.note(share)]
                self._sums[:] = 0
                self._requests = 0
        return drifted

    def share(self, measure: Measure) -> float | None:
        """The share in ADWIN's present window, 0..1; None before anything was measured."""
        window = self._watched[measure].window
        return float(window.estimation) if window.width else None


def _had(batch: EventBatch) -> Bools:
    """Of each measure and event, whether the event has it: (measures, events)."""
    columns = batch.columns
    return np.stack(
        [
            columns[CREATED] != NO_HASH,
            batch.payment.places >= 0,
            batch.network.places >= 0,
            batch.template.places >= 0,
            batch.tls.places >= 0,
            columns[ADDRESS] != NO_HASH,
            columns[AGENT] != NO_HASH,
            columns[CONVERSATION] != NO_HASH,
            columns[ERROR] > 0,
            columns[REFUSAL] > 0,
            columns[TURNS] <= OPENS,
        ]
    )
