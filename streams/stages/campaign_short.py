"""Templates too short to tie anybody: limited with the campaign whose members use them, and nobody is a member by it.

Whose a template is, is asked anew each time that `networks` tells who uses it: that of a limited campaign if surely
nearly all are its members, or most, of another wording of what it sends. As soon as they are not it is let go. Who is
refused for paying as its members do counts as one of them here.
"""

from collections import Counter

from streams.accounts import Enforcement
from streams.campaigns import Campaign, Pointer
from streams.decide import Subject, is_limited
from streams.evidence import ShortTemplate
from streams.findings import Users
from streams.policy import LONGEST_EXPIRY_MS
from streams.sketches import Sketches
from streams.stages.campaign_feedback import EXEMPT, Exempt, forget_erased
from streams.stages.campaign_payments import told_of_its_own
from streams.stages.campaign_saying import Cause, let_go
from streams.stages.campaign_states import SKETCHES, campaign_key, final, home_of, link_key, member_key, short_key
from streams.stages.campaign_templates import let_go_of_crowds
from streams.states import States
from streams.windows import DAY_MS


def needed_by(users: Users) -> set[str]:
    """The keys of where the template belongs, and of where those belong who use it."""
    name = _name(users)
    return {short_key(name), link_key(name), *map(member_key, users.accounts)}


def take_users(users: Users, cause: Cause, states: States) -> Campaign | None:
    """Keep how many use the template, with the campaign whose it is now: that campaign; or with whose it was last.

    If it is another's, or nobody's, it is let go, of nobody's for a day.
    """
    name, at_ms, erased = _name(users), users.as_of_ms, states.read(EXEMPT, Exempt).erased
    accounts = {account for account in users.accounts if account not in erased}
    tied = final(states.read(link_key(name), Pointer).campaign_id, states)
    if tied is not None and name in tied.links:
        _note_strangers(tied, users, accounts, cause, states)
        return None
    holder = final(states.read(short_key(name), Pointer).campaign_id, states)
    before = None if holder is None else holder.short.get(name)
    if before is not None and (before.as_of_ms, before.users) >= (at_ms, len(accounts)):
        cause.output.tally["duplicate"] += 1
        return None
    siblings = states.read(SKETCHES, Sketches).alike(users.sketch)

    def seen_by(campaign: Campaign, enforcement: Enforcement) -> ShortTemplate:
        has_sibling = not siblings.isdisjoint(campaign.links)
        strangers = len(_strangers(campaign, accounts - _refused(campaign, users, states), states))
        return ShortTemplate(at_ms, len(accounts), strangers, has_sibling, enforcement)

    enforcement = Enforcement() if before is None else before.enforcement
    candidates = [*([] if holder is None else [holder]), *_homes(accounts, states)]
    forget_erased({it.campaign_id: it for it in candidates}, states)
    limited = [it for it in candidates if it.is_found and name not in it.links]
    owner = next((it for it in limited if seen_by(it, enforcement).is_theirs), None)
    if holder is not None:
        states.changed.add(campaign_key(holder.campaign_id))
        holder.short.pop(name, None)
        if holder is not owner and is_limited(enforcement, at_ms):
            until_ms = None if owner is None else at_ms
            subject = Subject("network", name)
            enforcement = let_go(enforcement, subject, at_ms, cause, holder.campaign_id, until_ms)
    keeper = holder if owner is None and at_ms < enforcement.expires_at_ms + DAY_MS else owner
    if holder is not None or keeper is not None:
        states.change(short_key(name), Pointer).campaign_id = None if keeper is None else keeper.campaign_id
    if keeper is not None:
        states.changed.add(campaign_key(keeper.campaign_id))
        keeper.short[name] = seen_by(keeper, enforcement)
    if owner is not None:
        owner.newest_ms = max(owner.newest_ms, at_ms)
    return owner


def tie_after_all(name: str, campaign: Campaign, cause: Cause, states: States) -> None:
    """A template that was too short ties accounts: what was decided about it goes over to the campaign that has it."""
    holder = final(states.read(short_key(name), Pointer).campaign_id, states)
    if holder is None:
        return
    states.changed.add(campaign_key(holder.campaign_id))
    states.change(short_key(name), Pointer).campaign_id = None
    before, evidence = holder.short.pop(name, None), campaign.links[name]
    if before is None or before.enforcement.sequence <= evidence.enforcement.sequence:
        return
    evidence.enforcement, at_ms = before.enforcement, max(holder.newest_ms, campaign.newest_ms)
    if holder is not campaign and is_limited(before.enforcement, at_ms):
        subject = Subject("network", name)
        evidence.enforcement = let_go(before.enforcement, subject, at_ms, cause, holder.campaign_id)


def _note_strangers(campaign: Campaign, users: Users, accounts: set[str], cause: Cause, states: States) -> None:
    """The template has tied accounts, and is limited: who uses it now counts as a stranger to it or not."""
    evidence = campaign.links[_name(users)]
    if not is_limited(evidence.enforcement, users.as_of_ms):
        return
    forget_erased({campaign.campaign_id: campaign}, states)
    states.changed.add(campaign_key(campaign.campaign_id))
    campaign.newest_ms = max(campaign.newest_ms, users.as_of_ms)
    refused = _refused(campaign, users, states)
    evidence.strangers -= refused
    evidence.strangers |= _strangers(campaign, accounts - refused, states)
    let_go_of_crowds(campaign, cause)


def _strangers(campaign: Campaign, accounts: set[str], states: States) -> set[str]:
    """Those of the accounts that are no members of the campaign. Whom it had to forget is one, at home there."""
    return {it for it in accounts - campaign.members.keys() if home_of(it, states) is not campaign}


def _refused(campaign: Campaign, users: Users, states: States) -> set[str]:
    """Whom gateways limit for paying as the campaign does, while it is limited: they may never do what makes a member.

    As by rule 11 of decisions; but what was told so long ago that a reviewer's word may be forgotten counts no more.
    """
    at_ms, exempt = users.as_of_ms, states.read(EXEMPT, Exempt)
    if not is_limited(campaign.enforcement, at_ms):
        return set()
    payments = told_of_its_own(campaign, {it.payment_hash for it in users.fresh if it.payment_hash is not None}, states)
    told = {payment: campaign.told_as[payment] for payment in payments if payment in campaign.told_as}
    refused = {
        it.account_id
        for it in users.fresh
        if it.created_at_ms is not None
        and (as_told := told.get(it.payment_hash or "")) is not None
        and as_told.at_ms > max(exempt.spoken_ms(it.account_id, it.payment_hash), at_ms - LONGEST_EXPIRY_MS)
        and it.created_at_ms >= as_told.opened_from_ms
    }
    return refused - exempt.among(refused, at_ms)


def _homes(accounts: set[str], states: States) -> list[Campaign]:
    """The campaigns of the accounts, that of the most first."""
    homes = [home for home in (home_of(account, states) for account in accounts) if home is not None]
    counts = Counter(home.campaign_id for home in homes)
    unique = {home.campaign_id: home for home in homes}
    return sorted(unique.values(), key=lambda home: (-counts[home.campaign_id], home.campaign_id))


def _name(users: Users) -> str:
    return f"template:{users.value}"
