"""`stillwatch run` with a bug: the stage `observe` cannot take the account in FAULTY_ACCOUNT_ID."""

import os
import sys

from agents import worker
from agents.cli import main
from streams.batch import EventBatch
from streams.stages import ObserveStage, Output, Source
from streams.states import States


class FaultyStage(ObserveStage):
    """Divides by zero where the one account is."""

    def fold(self, source: Source, items: EventBatch, states: States) -> Output:
        """Fold as ever, but for the bug."""
        output = super().fold(source, items, states)
        if os.environ["FAULTY_ACCOUNT_ID"] in items.accounts:
            raise ZeroDivisionError
        return output


if __name__ == "__main__":
    vars(worker)["ObserveStage"] = FaultyStage
    sys.argv[1:1] = ["run"]
    main()
