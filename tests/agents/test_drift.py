"""A drift of the traffic is counted, shown and said once in the log; records are read as they would be without."""

import logging
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from agents.drift import watching
from agents.inputs import Origin, read_events
from agents.metrics import Metrics
from streams.drift import CHUNK, WARM_CHUNKS
from streams.events import RequestEvent

ORIGIN = Origin("observe", "stillwatch.requests", 0)
AT_MS = 1_791_158_400_000
MANY = 2 * CHUNK * WARM_CHUNKS


def records(count: int, payment: str | None) -> list[Any]:
    event = RequestEvent(
        event_id="e", occurred_at_ms=AT_MS, account_id="a", operation="chat", request_model="m", payment_hash=payment
    )
    value = msgspec.json.encode(event)
    return [SimpleNamespace(offset=place, timestamp=AT_MS, key=b"a", value=value, headers=()) for place in range(count)]


def test_a_payment_that_gateways_no_longer_send_is_counted_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    registry = CollectorRegistry()
    read = watching(read_events, Metrics(registry))
    share = {"measure": "payment"}
    with caplog.at_level(logging.WARNING):
        usual = read(records(MANY, "p"), ORIGIN)
        assert registry.get_sample_value("stillwatch_traffic_share_ratio", share) == 1
        read(records(MANY, None), ORIGIN)
    assert len(usual.items) == MANY
    assert registry.get_sample_value("stillwatch_drifts_total", share) == 1
    assert registry.get_sample_value("stillwatch_drifts_total", {"measure": "tls"}) == 0
    assert registry.get_sample_value("stillwatch_traffic_share_ratio", share) == 0
    assert caplog.messages == ["The traffic has drifted: 0% of the requests have payment now."]
