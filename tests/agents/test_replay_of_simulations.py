"""The shipped policy in a small simulated world: it finds the relay and harms nobody who only looks guilty."""

import asyncio
from collections.abc import Mapping
from typing import NamedTuple

import msgspec
import pytest

from agents.replay import Replay
from streams.decisions import LIMITING, Decision
from streams.events import RequestEvent
from streams.fingerprint import Fingerprinter
from streams.policy import DEFAULT_POLICY
from streams.scenarios import LOOK_ALIKES, simulate_labelled

SEED = 1


class World(NamedTuple):
    """Events in order of time, and who everybody really is."""

    events: list[RequestEvent]
    labels: dict[str, str]


def world(scales: Mapping[str, float]) -> World:
    """The named scenarios beside one another, each at its own scale."""
    fingerprinter = Fingerprinter(b"a key of these tests alone")
    events, labels = [], {}
    for name, scale in scales.items():
        for record, truth in simulate_labelled([name], seed=SEED, scale=scale):
            events.append(fingerprinter.event(record))
            labels[truth.account_id] = truth.label
    return World(sorted(events, key=lambda event: event.occurred_at_ms), labels)


def limited(events: list[RequestEvent]) -> set[str]:
    """Every account that was limited, by itself, in a campaign, or for a template that it sent."""
    out = asyncio.run(Replay(DEFAULT_POLICY).run(events))
    decisions = [msgspec.json.decode(record.value, type=Decision) for record in out if record.topic == "enforcement"]
    limiting = [decision for decision in decisions if decision.action in LIMITING]
    templates = {decision.subject_id for decision in limiting if decision.subject_kind == "network"}
    return {
        *(event.account_id for event in events if f"template:{event.template_hash}" in templates),
        *(member for decision in limiting for member in decision.members),
        *(decision.subject_id for decision in limiting if decision.subject_kind == "account"),
    }


@pytest.mark.no_cover
@pytest.mark.parametrize("look_alike", LOOK_ALIKES)
def test_nobody_is_limited_who_only_looks_guilty(look_alike: str) -> None:
    crowd = world({"ordinary": 0.03, look_alike: 0.3})
    assert limited(crowd.events) == set()


@pytest.mark.no_cover
@pytest.mark.slow
def test_a_relay_among_ordinary_customers_is_caught_and_nobody_else() -> None:
    crowd = world({"ordinary": 0.06, "relay": 0.2})
    caught = limited(crowd.events)
    relay = {account for account, label in crowd.labels.items() if label == "campaign:relay"}
    assert len(relay) == 40
    assert len(caught & relay) >= 0.95 * len(relay)
    assert caught <= relay
