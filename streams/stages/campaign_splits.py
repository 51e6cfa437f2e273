"""A campaign splits once what tied its parts has expired: each goes on under an id of its own, and by its own evidence.

The old one is released with the largest part as its heir, as if that had taken it in (rule 7 of decisions): whom a
decision named, every later one of that campaign is about. What stands against the whole stands against a part on which
a limit is found to rest; another is free, as if it had never been limited.
"""

from msgspec.structs import replace

from streams.accounts import Enforcement
from streams.campaigns import Campaign, Pointer
from streams.decide import is_limited
from streams.decisions import LIMITING
from streams.events import LATEST_MS
from streams.joining import id_of, take_in
from streams.membership import judged, verdict_on
from streams.policy import Policy
from streams.splitting import FEWEST_PARTS, may_split, parts_of, split_off
from streams.stages.campaign_states import campaign_key, link_key, member_key, short_key
from streams.states import States


def split(
    campaign: Campaign, swept_ms: int, stands: Enforcement, policy: Policy, states: States
) -> list[tuple[Campaign, Enforcement]]:
    """The campaigns that this one splits into, which is over then, each with what stands against it; none: it does not.

    `stands` is what is in force against all of it, and `swept_ms` when it was looked at last.
    """
    parts = parts_of(campaign, policy.campaign.minimum_accounts) if may_split(campaign, swept_ms) else []
    if len(parts) < FEWEST_PARTS:
        return []
    whole = Campaign(_id(campaign, -1), campaign.created_ms, swept_ms=campaign.swept_ms)
    take_in(whole, campaign, limited=campaign.is_found or is_limited(stands, campaign.newest_ms))
    split = [split_off(whole, part, _id(campaign, number)) for number, part in enumerate(parts)]
    gone = whole.members.keys() - set[str]().union(*(it.members for it in split))
    states.held.update((member_key(name), Pointer()) for name in gone)
    states.changed.update(map(member_key, gone))
    campaign.merged_into = split[0].campaign_id
    guilty = [it for it in split if _is_guilty(it, policy)]
    (guilty or split)[0].short = whole.short
    for it in split:
        if it not in guilty:
            it.found_ms, it.undecided, it.inherited = LATEST_MS, [*it.inherited, *it.undecided], []
        for key in (*map(link_key, it.links), *map(member_key, it.members), *map(short_key, it.short)):
            states.held[key] = Pointer(it.campaign_id)
            states.changed.add(key)
        states.held[campaign_key(it.campaign_id)] = it
        states.changed.add(campaign_key(it.campaign_id))
    return [(it, stands if it in guilty else Enforcement()) for it in split]


def _is_guilty(campaign: Campaign, policy: Policy) -> bool:
    """Whether it deserves to be limited by its own evidence, and not for what was opened since another was found.

    Nor is it free for that: who belongs to it for that alone counts neither as a member nor as somebody who is none.
    """
    theirs = replace(campaign, found_ms=LATEST_MS).belonging()
    came = campaign.belonging().keys() - theirs.keys()
    seen = {name: it for name, it in campaign.seen.items() if name not in came}
    return verdict_on(judged(replace(campaign, seen=seen), theirs, policy), policy.campaign).action in LIMITING


def _id(campaign: Campaign, number: int) -> str:
    return id_of(campaign.campaign_id, campaign.newest_ms, number)
