"""`stillwatch run` with a bug: the stage `observe` cannot take the event whose id is in FAULTY_EVENT_ID."""

import os
import sys
from collections.abc import Sequence

from agents import worker
from agents.cli import main
from streams.batch import Incoming
from streams.stages import ObserveStage, Output, Source
from streams.states import States


class FaultyStage(ObserveStage):
    """Divides by zero where the one event is."""

    def fold(self, source: Source, items: Sequence[Incoming], states: States) -> Output:
        """Fold as ever, but for the bug."""
        output = super().fold(source, items, states)
        if any(item.event.event_id == os.environ["FAULTY_EVENT_ID"] for item in items):
            raise ZeroDivisionError
        return output


if __name__ == "__main__":
    vars(worker)["ObserveStage"] = FaultyStage
    sys.argv[1:1] = ["run"]
    main()
