"""A campaign splits once what tied its parts has expired: each goes on under an id of its own, and by its own evidence.

The old one is released with the largest part as its heir, as if that had taken it in (rule 7 of decisions): whom a
decision named, every later one of that campaign is about. What stands against the whole stands against a part on which
a limit is found to rest; another is free, as if it had never been limited.
"""

import hashlib

from streams.accounts import Enforcement
from streams.campaigns import Campaign, Pointer
from streams.decide import is_limited, verdict_of
from streams.decisions import LIMITING
from streams.events import LATEST_MS
from streams.joining import take_in
from streams.membership import judged, of_everybody
from streams.policy import Policy
from streams.sketches import Sketches
from streams.splitting import has_lost_a_tie, parts_of, split_off
from streams.stages.campaign_states import SKETCHES, campaign_key, link_key, member_key
from streams.states import States


def split(campaign: Campaign, since_ms: int, stands: Enforcement, policy: Policy, states: States) -> list[Campaign]:
    """The campaigns that this one splits into, which is over then: none if it was looked at since, or hangs together.

    `stands` is what is in force against all of it.
    """
    if campaign.swept_ms == since_ms or not has_lost_a_tie(campaign, since_ms):
        return []
    sketches, at_ms = states.read(SKETCHES, Sketches), campaign.newest_ms
    parts = parts_of(campaign, sketches, policy.campaign.minimum_accounts)
    if not parts:
        return []
    rest = Campaign(_id(campaign, 0), campaign.created_ms, swept_ms=campaign.swept_ms)
    take_in(rest, campaign, limited=is_limited(stands, at_ms))
    split = [rest]
    for number, part in enumerate(parts, 1):
        new = split_off(rest, part, _id(campaign, number), sketches)
        for key in (*map(link_key, part.links), *map(member_key, new.members)):
            states.held[key] = Pointer(new.campaign_id)
            states.changed.add(key)
        split.append(new)
    for it in split:
        states.held[campaign_key(it.campaign_id)] = it
        states.changed.add(campaign_key(it.campaign_id))
        if not _is_guilty(it, policy):
            it.found_ms, it.undecided, it.inherited = LATEST_MS, [*it.inherited, *it.undecided], []
    return split


def _is_guilty(campaign: Campaign, policy: Policy) -> bool:
    """Whether it deserves to be limited by its own evidence."""
    found = judged(campaign, campaign.belonging(), policy)
    verdict = verdict_of(found.reasons, policy.campaign)
    return (of_everybody(verdict) if found.is_small else verdict).action in LIMITING


def _id(campaign: Campaign, number: int) -> str:
    text = f"{campaign.campaign_id}\x1f{campaign.newest_ms}\x1f{number}"
    return "c-" + hashlib.blake2b(text.encode(), digest_size=8, person=b"sw-campaign").hexdigest()
