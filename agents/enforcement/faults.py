"""What goes wrong at a gateway on our side, counted and said: it must never keep a request from being answered.

Each is counted, and told to whoever wants to meter it:

    faults = Faults(told=lambda fault: counter.labels(fault).inc())
"""

import logging
import traceback
from collections import Counter
from collections.abc import Callable
from typing import Final, Literal, get_args

logger = logging.getLogger(__name__)

Fault = Literal["late", "away", "strange", "broken", "too_large"]
"""Why a gateway had to go without.

- `late`: no answer within the deadline;
- `away`: there is no connection to who answers;
- `strange`: what was answered cannot be understood;
- `broken`: an error in Stillwatch, or in what the operator gave it to find an account with;
- `too_large`: a request too large to be read was checked by its account alone.
"""

FAULTS: Final[tuple[Fault, ...]] = get_args(Fault)


class Faults:
    """How often each happened. Of each the 1st, the 10th, the 100th and so on is in the log as well."""

    def __init__(self, told: Callable[[Fault], None] | None = None) -> None:
        """Count from zero; `told` is called at each."""
        self._told = told
        self.counts: Final[Counter[Fault]] = Counter()

    def count(self, fault: Fault, error: BaseException | None = None) -> None:
        """Count one. Of an `error` the log has the kind and the place, never the words: they may be a client's."""
        self.counts[fault] += 1
        if self._told is not None:
            self._told(fault)
        count = self.counts[fault]
        if count == 10 ** (len(str(count)) - 1):
            logger.warning("A request went without a whole check: %s, %d so far%s", fault, count, _seen(error))


def _seen(error: BaseException | None) -> str:
    """The kind of an error and where it was raised, as the end of a sentence."""
    if error is None:
        return ""
    frames = traceback.extract_tb(error.__traceback__, limit=-1)
    place = f" at {frames[0].filename}:{frames[0].lineno}" if frames else ""
    return f" ({type(error).__name__}{place})"
