"""An enforcer whose log of decisions never answers: that is to be seen on its page."""

import time

from prometheus_client import CollectorRegistry

from agents.enforcement.limiting import LocalLimiter
from agents.enforcement.reading import Log
from agents.enforcement.service import Enforcer
from agents.topics import LogOfDecisions, TopicError
from streams.policy import DEFAULT_POLICY


def away() -> LogOfDecisions:
    raise TopicError("Kafka does not answer.")


async def test_a_log_that_was_never_heard_is_shown_as_heard_when_it_began_to_be_followed() -> None:
    registry = CollectorRegistry()
    enforcer = Enforcer(DEFAULT_POLICY, LocalLimiter(), registry, log=Log(away, {}), mirror=None, verify_keys=None)
    before = time.time()
    enforcer.follow()
    try:
        heard = registry.get_sample_value("stillwatch_enforcer_heard_timestamp_seconds", {"source": "log"})
        assert heard is not None
        assert before - 1 <= heard <= time.time()
        assert registry.get_sample_value("stillwatch_enforcer_heard_timestamp_seconds", {"source": "mirror"}) is None
    finally:
        await enforcer.close()
