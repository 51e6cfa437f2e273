"""Has everything compiled that the stages compile, before anybody waits for it."""

import asyncio

from agents.replay import Replay
from streams.events import EARLIEST_MS, RequestEvent
from streams.networks import NetworkState
from streams.policy import DEFAULT_POLICY
from streams.sketches import Sketches


def compile_all() -> None:
    """Take one event through all stages, in memory. Not where a loop runs."""
    event = RequestEvent(
        event_id="e", occurred_at_ms=EARLIEST_MS, account_id="a", operation="", request_model="", template_hash="t"
    )
    asyncio.run(Replay(DEFAULT_POLICY, partitions=1).run([event]))
    NetworkState().counted()  # no stage asks for it before a link is looked at that no batch brings
    Sketches().alike("")  # nor for this before there is a finding
