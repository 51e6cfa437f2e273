"""What Redis holds of a deployment, decoded by its stages and ready to be compared."""

from typing import Any

import msgspec

from agents.advance import Posted
from agents.cli.config import read_policy
from streams.accounts import account_of
from streams.anomaly import Model
from streams.campaigns import Campaign
from streams.findings import Finding, Findings, link_name
from streams.links import Links
from streams.stages import CampaignsStage, NetworksStage, ObserveStage, Stage
from streams.stages.networks_shard import NetworksShard

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
    """A state that compares by its content: of an account all of it, of a model the lessons it was grown from."""
    state = stage.decode(key, value)
    if isinstance(state, bytes):
        return account_of(state)
    return state.state if isinstance(state, Model) else state


def campaigns_of(states: States) -> dict[frozenset[str], str]:
    """The campaigns that stand, by their members, and the action last decided about each."""
    found = [state for state in states.get(("campaigns", 0), {}).values() if isinstance(state, Campaign)]
    return {frozenset(it.members): it.enforcement.action for it in found if it.members and it.merged_into is None}


def arrived(posted: Posted, states: States) -> bool:
    """Whether the next stage has taken a record that an outbox holds."""
    if posted.topic == "links":
        links = msgspec.json.decode(posted.value or b"", type=Links)
        shard = states.get(("networks", posted.partition or 0), {}).get("shard", NetworksShard())
        return bool(shard.sources.get(links.source.name, -1) >= links.source_offset)
    if posted.topic == "findings":
        found = msgspec.json.decode(posted.value or b"", type=Findings).findings
        return all(_is_taken(finding, states.get(("campaigns", 0), {})) for finding in found)
    return True


def _is_taken(finding: Finding, campaigns: dict[str, Any]) -> bool:
    """Whether a campaign has evidence of the finding's link that is no older."""
    pointer = campaigns.get(f"link:{link_name(finding)}")
    campaign = None if pointer is None else campaigns.get(f"campaign:{pointer.campaign_id}")
    while campaign is not None and campaign.merged_into is not None:
        campaign = campaigns.get(f"campaign:{campaign.merged_into}")
    evidence = None if campaign is None else campaign.links.get(link_name(finding))
    return evidence is not None and evidence.as_of_ms >= finding.as_of_ms
