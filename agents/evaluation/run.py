"""A detector among simulated campaigns that watch who is limited, under the judge's eyes."""

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec
from msgspec.structs import replace

from agents.replay import Replay, Replayed
from streams.decisions import Decision
from streams.enforcement import ask_of
from streams.evaluation import Judge
from streams.events import RequestEvent
from streams.fingerprint import Fingerprinter
from streams.policy import Policy
from streams.scenarios import SCENARIOS, Scenario, Stage, play
from streams.scenarios.stage import Cover
from streams.windows import MINUTE_MS

_decision = msgspec.json.Decoder(Decision)


class Detector(Protocol):
    """Whoever decides about accounts by looking at events in order of time."""

    async def feed(self, event: RequestEvent) -> Sequence[Decision] | None:
        """Take one event; what all events before it led to, or None while that is not known yet."""

    async def finish(self) -> Sequence[Decision]:
        """Take no more; the decisions that are left."""


class StillwatchDetector:
    """The stages of Stillwatch, in this process."""

    def __init__(self, policy: Policy) -> None:
        """Decide by `policy`."""
        # A round of more minutes would tell a campaign as late as its newest finding of the round.
        self._replay = Replay(policy, span_ms=MINUTE_MS)

    async def feed(self, event: RequestEvent) -> Sequence[Decision] | None:
        """Decisions of the rounds that are over."""
        replayed = await self._replay.feed(event)
        return None if replayed is None else _decisions(replayed)

    async def finish(self) -> Sequence[Decision]:
        """Decisions of the last round."""
        return _decisions(await self._replay.finish())


async def judged(
    stages: Sequence[Stage],
    detector: Detector,
    fingerprinter: Fingerprinter,
    scenarios: Mapping[str, Scenario] = SCENARIOS,
) -> Judge:
    """Play the stages against the detector; the judge has seen all of it.

    Their `scenarios` see who is limited, with a delay of at most one round of the replay.
    """
    judge = Judge()
    held: deque[tuple[RequestEvent, bool]] = deque()

    def settle(decisions: Sequence[Decision]) -> None:
        for decision in decisions:
            judge.decide(decision)
        while held:
            event, cover = held.popleft()
            judge.exchange(ask_of(event), event.occurred_at_ms, cover=cover)

    for record, truth in play((replace(stage, limits=judge) for stage in stages), scenarios):
        event = fingerprinter.event(record)
        judge.meet(truth)
        decisions = await detector.feed(event)
        if decisions is not None:
            settle(decisions)
        held.append((event, isinstance(truth, Cover)))
    settle(await detector.finish())
    return judge


def _decisions(replayed: Sequence[Replayed]) -> list[Decision]:
    return [_decision.decode(record.value) for record in replayed if record.topic == "enforcement"]
