"""Templates too short to tie anybody: limited with the campaign whose members use them, and nobody is a member by it.

Whose a template is, is asked anew each time that `networks` tells who uses it: that of a limited campaign if surely
nearly all are its members. As soon as they are not it is let go.
"""

from collections import Counter

from streams.campaigns import Campaign, Pointer
from streams.decide import is_limited
from streams.evidence import ShortTemplate
from streams.findings import Users
from streams.policy import Policy
from streams.sketches import Sketches
from streams.stages.campaign_feedback import EXEMPT, Exempt
from streams.stages.campaign_saying import Cause, let_go
from streams.stages.campaign_states import SKETCHES, campaign_key, final, member_key, short_key
from streams.stages.campaign_templates import let_go_of_crowds
from streams.states import States


def needed_by(users: Users) -> set[str]:
    """The keys of where the template belongs, and of where those belong who use it."""
    name = _name(users)
    return {short_key(name), f"link:{name}", *map(member_key, users.accounts)}


def take_users(users: Users, cause: Cause, policy: Policy, states: States) -> Campaign | None:
    """Keep how many use the template, with the campaign whose it is or was; that, if it is its own now.

    If others use it by now, it is let go.
    """
    name, erased = _name(users), states.read(EXEMPT, Exempt).erased
    accounts = {account for account in users.accounts if account not in erased}
    tied = final(states.read(f"link:{name}", Pointer).campaign_id, states)
    if tied is not None:
        _note_strangers(tied, name, accounts, cause, policy, states)
        return None
    holder = final(states.read(short_key(name), Pointer).campaign_id, states)
    before = None if holder is None else holder.short[name]
    if before is not None and (before.as_of_ms, before.users) >= (users.as_of_ms, len(accounts)):
        cause.output.tally["duplicate"] += 1
        return None
    siblings = states.read(SKETCHES, Sketches).alike(users.sketch or "")

    def seen_by(campaign: Campaign) -> ShortTemplate:
        has_sibling = not siblings.isdisjoint(campaign.links)
        strangers = len(accounts - campaign.members.keys())
        return ShortTemplate(users.as_of_ms, len(accounts), strangers, has_sibling)

    candidates = [*([] if holder is None else [holder]), *_homes(accounts, states)]
    owner = next((it for it in candidates if it.is_found and seen_by(it).is_theirs), holder)
    if owner is None:
        return None
    evidence = seen_by(owner)
    if holder is not None:
        states.changed.add(campaign_key(holder.campaign_id))
        evidence.enforcement = holder.short.pop(name).enforcement
    states.changed.add(campaign_key(owner.campaign_id))
    states.change(short_key(name), Pointer).campaign_id = owner.campaign_id
    owner.short[name] = evidence
    owner.newest_ms = max(owner.newest_ms, users.as_of_ms)
    if evidence.is_theirs:
        return owner
    let_go_of_crowds(policy, owner, cause)
    return None


def tie_after_all(name: str, campaign: Campaign, cause: Cause, policy: Policy, states: States) -> None:
    """A template that was too short ties accounts: what was decided about it goes over to the campaign that has it."""
    holder = final(states.read(short_key(name), Pointer).campaign_id, states)
    if holder is None:
        return
    states.changed.add(campaign_key(holder.campaign_id))
    states.change(short_key(name), Pointer).campaign_id = None
    enforcement, at_ms = holder.short.pop(name).enforcement, max(holder.newest_ms, campaign.newest_ms)
    if holder is not campaign and is_limited(enforcement, at_ms):
        enforcement = let_go(policy, enforcement, ("network", name), at_ms, cause, holder.campaign_id)
    campaign.links[name].enforcement = enforcement


def _note_strangers(
    campaign: Campaign, name: str, accounts: set[str], cause: Cause, policy: Policy, states: States
) -> None:
    """The template has tied accounts: those who use it now and are no members count as strangers to it."""
    evidence = campaign.links[name]
    states.changed.add(campaign_key(campaign.campaign_id))
    evidence.members = max(evidence.members, len(accounts))
    evidence.strangers |= accounts - campaign.members.keys()
    let_go_of_crowds(policy, campaign, cause)


def _homes(accounts: set[str], states: States) -> list[Campaign]:
    """The campaigns of the accounts, that of the most first."""
    pointers = (states.read(member_key(account), Pointer).campaign_id for account in accounts)
    homes = [home for home in (final(pointer, states) for pointer in pointers) if home is not None]
    counts = Counter(home.campaign_id for home in homes)
    unique = {home.campaign_id: home for home in homes}
    return sorted(unique.values(), key=lambda home: (-counts[home.campaign_id], home.campaign_id))


def _name(users: Users) -> str:
    return f"template:{users.value}"
