"""What Redis holds of a deployment, decoded by its stages and ready to be compared."""

from collections.abc import Mapping
from typing import Any

import msgspec

from agents.advance import Posted
from agents.cli.config import read_policy
from streams.anomaly import Model
from streams.campaigns import Campaign
from streams.findings import Findings
from streams.links import Links
from streams.stages import CampaignsStage, NetworksStage, ObserveStage, Stage
from streams.stages.campaigns import CampaignsShard
from streams.stages.networks import NetworksShard

Place = tuple[str, int]
States = dict[Place, dict[str, Any]]
"""Decoded states by place and key."""


def stages_of(partitions: int) -> dict[str, Stage[Any]]:
    """The stages as a worker has them."""
    _, policy = read_policy(None)
    return {
        "observe": ObserveStage(policy, partitions, partitions),
        "networks": NetworksStage(policy),
        "campaigns": CampaignsStage(policy),
    }


def decoded(stage: Stage[Any], key: str, value: bytes) -> object:
    """A state that compares by its content: of a model, the lessons it was grown from."""
    state = stage.decode(key, value)
    return state.state if isinstance(state, Model) else state


def campaigns_of(states: States) -> dict[frozenset[str], str]:
    """The campaigns that stand, by their members, and the action last decided about each."""
    found = [state for state in states.get(("campaigns", 0), {}).values() if isinstance(state, Campaign)]
    return {frozenset(it.members): it.enforcement.action for it in found if it.members and it.merged_into is None}


def arrived(posted: Posted, shards: Mapping[Place, Any]) -> bool:
    """Whether the next stage has taken a record that an outbox holds."""
    if posted.topic == "links":
        links = msgspec.json.decode(posted.value or b"", type=Links)
        networks = shards.get(("networks", posted.partition or 0), NetworksShard())
        return bool(networks.sources.get(links.source_partition, -1) >= links.source_offset)
    if posted.topic == "findings":
        findings = msgspec.json.decode(posted.value or b"", type=Findings)
        campaigns = shards.get(("campaigns", 0), CampaignsShard())
        place = (findings.source_offset, findings.part)
        return bool(campaigns.sources.get(findings.source_partition, (-1, 0)) >= place)
    return True
