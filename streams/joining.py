"""Which campaigns belong together: by the wording of what they send, and by the accounts and payments they share.

The first finding of a link founds a campaign, or joins one with a template of which its own is a rewording, or one that
shares enough accounts with it. When two campaigns turn out to belong together, the older takes the younger in and keeps
its id; but one that is limited comes before one that is not, so that nobody is named anew whose limit had ended, and
then one that had to forget more of its members, for only decisions under its id name these. One shared account never
joins two campaigns: an innocent caught in one must not fuse it with another.

Accounts say little of campaigns that were not limited. Those that a reseller lends out ask what its ordinary customers
ask, whom they must not be mistaken for; so templates that a crowd comes upon stay apart from those of the campaign,
though the same accounts use both, and what a payment says of some is not said of the crowd.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping

from streams.campaigns import Campaign
from streams.decide import is_limited
from streams.evidence import FEWEST_REPEATING, MOST, RETURNING_SHARE, LinkEvidence, Seen, bit_of, surely
from streams.findings import Finding, Tied, link_name
from streams.members import RECENT_MS, REPEATS

FEWEST_SHARED = 2
SHARED_SHARE = 0.1
PAID_SHARE = 0.25
HELD_SHARE = 0.9


def found(finding: Finding) -> Campaign:
    """A campaign founded on one finding; its id follows from the link and the minute."""
    return Campaign(campaign_id=id_of(link_name(finding), finding.as_of_ms), created_ms=finding.as_of_ms)


def id_of(*parts: str | int) -> str:
    """The id of a campaign: it follows from what makes it one."""
    text = "\x1f".join(map(str, parts)).encode("utf-8", "surrogatepass")
    return "c-" + hashlib.blake2b(text, digest_size=8, person=b"sw-campaign").hexdigest()


def homes_of(
    finding: Finding, homes: Mapping[str, str], campaigns: Mapping[str, Campaign], siblings: Collection[str] = ()
) -> list[str]:
    """The campaigns a finding belongs to, by its link, a sibling of it or its members: first who takes in the others.

    `homes` maps account ids to campaign ids, `siblings` are the links of which it is a rewording: those count that
    still tie.
    """
    name, at_ms = link_name(finding), finding.as_of_ms
    own = [
        campaign_id
        for campaign_id, it in campaigns.items()
        if name in it.links or any(at_ms <= it.links[one].ties_until_ms for one in siblings if one in it.links)
    ]
    own = _tied_by_more_than_words(own, campaigns, finding)
    others = [campaign_id for campaign_id in dict.fromkeys(homes.values()) if campaign_id not in own]
    joined = _joined(finding, homes, [campaigns[it] for it in own], [campaigns[it] for it in others if it in campaigns])

    def rank(campaign_id: str) -> tuple[bool, int, int, str]:
        it = campaigns[campaign_id]
        return not is_limited(it.enforcement, finding.as_of_ms), -it.gone, it.created_ms, campaign_id

    return sorted({*own, *joined}, key=rank)


def _tied_by_more_than_words(own: list[str], campaigns: Mapping[str, Campaign], finding: Finding) -> list[str]:
    """Of campaigns that a wording likens to each other those that belong together.

    One that is limited, or was, takes a crowd in only if accounts of it were seen there: else three accounts with two
    wordings, each between those of the campaign and those of the crowd, would have the crowd limited, or the campaign
    let go. A link that is a crowd's stays there, and a new one that mostly old accounts of a crowd send is its next.
    """
    found = [it for it in own if _counts_as_found(campaigns[it], finding.as_of_ms)]
    others = [it for it in own if it not in found and _users(campaigns[it]) > FEWEST_REPEATING]
    crowds = [it for it in others if found and not any(_lends(campaigns[one], campaigns[it]) for one in found)]
    if not crowds:
        return own
    owners = [it for it in own if link_name(finding) in campaigns[it].links]
    old = {it.account_id for it in finding.members if not _is_recent(it, finding.as_of_ms)}
    old = old.difference(*(campaigns[it].members for it in found))
    sent = max(len(old & campaigns[it].seen.keys()) for it in crowds)
    is_crowds = not {*owners}.isdisjoint(crowds) if owners else sent > MOST * len(finding.members)
    return crowds if is_crowds else [it for it in own if it not in crowds]


def _counts_as_found(campaign: Campaign, at_ms: int) -> bool:
    """Whether it is limited; or was, and is no crowd, most of whom came upon it by chance."""
    if is_limited(campaign.enforcement, at_ms):
        return True
    return campaign.is_found and campaign.size >= RETURNING_SHARE * _users(campaign)


def _is_recent(tied: Tied, at_ms: int) -> bool:
    return tied.created_at_ms is not None and at_ms - tied.created_at_ms < RECENT_MS


def _users(campaign: Campaign) -> int:
    """How many use a link of the campaign, also of those that it has forgotten; who came back anew may count again."""
    evidence = campaign.links.values()
    return max(len(campaign.seen), max((max(it.members, len(it.strangers)) for it in evidence), default=0))


def _lends(campaign: Campaign, other: Campaign) -> bool:
    """Whether so many of those seen with the `other` are members of the campaign that both belong together.

    With fewer most of those seen with both would have come by chance, and nothing would follow for anybody.
    """
    common = len(campaign.members.keys() & other.seen.keys())
    return common >= max(FEWEST_SHARED, RETURNING_SHARE * _users(other))


def _joined(finding: Finding, homes: Mapping[str, str], own: list[Campaign], others: list[Campaign]) -> list[str]:
    """Those of `others` that share enough accounts with the link of the finding and its `own` campaigns.

    A payment that belongs nowhere else belongs to the campaign of most of its accounts, whatever that is.
    """
    if not others:
        return []
    named = {tied.account_id for tied in finding.members}.union(*(_named_before(campaign, finding) for campaign in own))
    if finding.kind == "template" and not any(campaign.ties for campaign in own):
        return [it.campaign_id for it in others if it.is_found and _holds(it, named, homes)]
    shares = _pays_for if finding.kind == "payment" else _shares
    sharing = [campaign for campaign in others if shares(campaign, named, homes)]
    tying = [campaign.campaign_id for campaign in sharing if campaign.ties]
    if tying or own or not sharing:
        return tying
    return [min(sharing, key=lambda it: (-_common(it, named, homes), it.campaign_id)).campaign_id]


def _named_before(campaign: Campaign, finding: Finding) -> Iterable[str]:
    """Who was seen with an own campaign; of a payment, who may pay so as far as is known."""
    if finding.kind != "payment":
        return campaign.seen
    return {
        name
        for name, it in campaign.seen.items()
        if it.payment_hash == finding.value or (it.payment_hash is None and it.paid)
    }


def _common(campaign: Campaign, named: set[str], homes: Mapping[str, str]) -> int:
    """How many of those `named` are the campaign's, as far as `homes` tell of those that it had to forget."""
    return len(campaign.members.keys() & named) + sum(campaign.has_forgotten(*it) for it in homes.items())


def _shares(campaign: Campaign, named: set[str], homes: Mapping[str, str]) -> bool:
    """Whether so many of those `named` are the campaign's that both belong together."""
    common = _common(campaign, named, homes)
    return common >= max(FEWEST_SHARED, SHARED_SHARE * min(len(named), len(campaign.members)))


def _pays_for(campaign: Campaign, named: set[str], homes: Mapping[str, str]) -> bool:
    """Whether so many of those `named` on a payment are the campaign's that it pays for its accounts, not for a crowd.

    Who pays so is a member then.
    """
    return _common(campaign, named, homes) >= max(FEWEST_SHARED, PAID_SHARE * len(named))


def _holds(campaign: Campaign, named: set[str], homes: Mapping[str, str]) -> bool:
    """Whether surely nearly all of those `named` are the campaign's: more than it could have lent to a crowd."""
    return surely(_common(campaign, named, homes), len(named)) >= HELD_SHARE


def add_finding(
    campaign: Campaign, finding: Finding, homes: Mapping[str, str], spared: Iterable[str] = ()
) -> list[str]:
    """Add a finding's evidence, and those who are members by it and belong to no campaign yet: those are returned.

    `spared` use the link too, and are no members, because a reviewer called them innocent.
    """
    name = link_name(finding)
    newcomers = []
    named = repeating = recent = 0
    strangers = set(spared)
    repeatable = campaign.repeatable
    for tied in finding.members:
        seen = campaign.seen.setdefault(tied.account_id, Seen(finding.as_of_ms, used_ms=tied.since_ms))
        is_first = not seen.templates & bit_of(name)
        if not seen.knows(finding, tied):
            named += is_first
            repeating += tied.uses >= REPEATS
            recent += is_first and tied.created_at_ms is not None and finding.as_of_ms - tied.created_at_ms < RECENT_MS
        seen.note(finding, tied, is_member=tied.account_id in campaign.members)
        belongs = campaign.belongs(seen, repeatable)
        if not belongs:
            strangers.add(tied.account_id)
        if seen.came_back and tied.payment_hash is not None:
            campaign.payments.add(tied.payment_hash)
        if belongs and tied.account_id not in homes:
            newcomers.append(tied.account_id)
    campaign.newest_ms = max(campaign.newest_ms, finding.as_of_ms)
    evidence = campaign.links.setdefault(name, LinkEvidence(finding.as_of_ms, finding.reasons))
    if finding.as_of_ms >= evidence.as_of_ms:
        evidence.as_of_ms, evidence.reasons = finding.as_of_ms, finding.reasons
        evidence.capability, evidence.sketch = finding.capability, finding.sketch or ""
    evidence.members += named
    evidence.repeating += repeating
    evidence.recent += recent
    evidence.strangers |= strangers
    campaign.add_members(newcomers, finding.as_of_ms)
    return newcomers


def take_in(older: Campaign, younger: Campaign, *, limited: bool) -> None:
    """Move all that `younger` holds to `older`; its members are decided about anew under the older's id.

    But for those that it had to forget: these are once they are found again.

    `limited`: the younger is limited now, so those it was decided about must be limited on without a gap.
    """
    decided = younger.members.keys() - younger.undecided if limited else set[str]()
    unnamed = {*older.undecided, *(younger.members.keys() - older.members.keys())}
    older.inherited.extend(member for member in younger.members if member in unnamed and member in decided)
    candidates = dict.fromkeys((*older.undecided, *younger.members))
    older.undecided = [member for member in candidates if member in unnamed and member not in decided]
    older.members |= younger.members
    older.links |= younger.links
    older.short |= younger.short
    older.payments |= younger.payments
    older.gone += younger.gone
    older.organised |= younger.organised
    for name, seen in younger.seen.items():
        if name in older.seen:
            older.seen[name].absorb(seen)
        else:
            older.seen[name] = seen
    older.newest_ms = max(older.newest_ms, younger.newest_ms)
    older.found_ms = min(older.found_ms, younger.found_ms)
    younger.merged_into = older.campaign_id
    younger.links, younger.members, younger.undecided, younger.inherited, younger.seen = {}, {}, [], [], {}
    younger.short, younger.told, younger.told_as, younger.organised, younger.gone = {}, set(), {}, set(), 0
