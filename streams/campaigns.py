"""Campaigns: links that tie accounts, joined where they share accounts, become one campaign with one id.

The first finding of a link founds a campaign, or joins one that holds enough of its members. When a link and a
campaign, or two campaigns, turn out to share members, the older campaign takes the younger in and keeps its id. One
shared account never joins two campaigns: an innocent caught in one must not fuse it with another.
"""

import hashlib
from collections.abc import Mapping

from msgspec import Struct, field

from streams.accounts import Enforcement
from streams.decisions import Reason
from streams.findings import Finding

FEWEST_SHARED = 2
SHARED_SHARE = 0.1


class Pointer(Struct, array_like=True):
    """To which campaign an account, a link or a merged campaign belongs."""

    campaign_id: str | None = None


class LinkEvidence(Struct, array_like=True):
    """What one link contributes to a campaign. `shared` maps another campaign to those of its members the link named.

    By name, because a finding may be said again: who was counted is not to be counted again.
    """

    as_of_ms: int
    reasons: tuple[Reason, ...]
    members: int = 0
    shared: dict[str, set[str]] = field(default_factory=dict)


class Campaign(Struct, array_like=True):
    """One campaign: its links, its members (with the time each came), and what was decided about it.

    `undecided` are the members that no decision named yet, `inherited` those that only one about a campaign taken in
    has named.
    """

    campaign_id: str = ""
    created_ms: int = 0
    newest_ms: int = 0
    merged_into: str | None = None
    links: dict[str, LinkEvidence] = field(default_factory=dict)
    members: dict[str, int] = field(default_factory=dict)
    undecided: list[str] = field(default_factory=list)
    enforcement: Enforcement = field(default_factory=Enforcement)
    alerted_members: int = 0
    alerted_action: str = ""
    inherited: list[str] = field(default_factory=list)

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Of each signal the strongest reason of any link: the greatest observed figure."""
        best: dict[str, Reason] = {}
        for _, evidence in sorted(self.links.items()):
            for reason in evidence.reasons:
                if reason.signal not in best or reason.observed > best[reason.signal].observed:
                    best[reason.signal] = reason
        return tuple(best.values())


def link_name(finding: Finding) -> str:
    """The link of a finding as one string."""
    return f"{finding.kind}:{finding.value}"


def found(finding: Finding) -> Campaign:
    """A campaign founded on one finding; its id follows from the link and the minute."""
    text = f"{link_name(finding)}\x1f{finding.as_of_ms}"
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8, person=b"sw-campaign").hexdigest()
    return Campaign(campaign_id=f"c-{digest}", created_ms=finding.as_of_ms)


def homes_of(finding: Finding, homes: Mapping[str, str], campaigns: Mapping[str, Campaign]) -> list[str]:
    """The campaigns a finding belongs to, oldest first: the one that has its link, and those that share members.

    `homes` maps account ids to campaign ids; shared members are added up over all findings of a link.
    """
    name = link_name(finding)
    own = [campaign_id for campaign_id, campaign in campaigns.items() if name in campaign.links]
    shared = _by_home(finding, homes)
    size = len(finding.members)
    for campaign_id in own:
        evidence = campaigns[campaign_id].links[name]
        for home, members in shared.items():
            if home != campaign_id:
                evidence.shared.setdefault(home, set()).update(members)
        shared = evidence.shared
        size += evidence.members
    joined = [
        campaign_id
        for campaign_id, members in shared.items()
        if campaign_id in campaigns
        and len(members) >= max(FEWEST_SHARED, SHARED_SHARE * min(size, len(campaigns[campaign_id].members)))
    ]
    return sorted({*own, *joined}, key=lambda campaign_id: (campaigns[campaign_id].created_ms, campaign_id))


def add_finding(campaign: Campaign, finding: Finding, homes: Mapping[str, str]) -> list[str]:
    """Add a finding's evidence, and its members that belong to no campaign yet: those are returned."""
    name = link_name(finding)
    newcomers = [member for member in finding.members if member not in homes]
    campaign.newest_ms = max(campaign.newest_ms, finding.as_of_ms)
    evidence = campaign.links.get(name)
    if evidence is None:
        shared = _by_home(finding, homes)
        shared.pop(campaign.campaign_id, None)
        evidence = campaign.links[name] = LinkEvidence(finding.as_of_ms, finding.reasons, 0, shared)
    if finding.as_of_ms >= evidence.as_of_ms:
        evidence.as_of_ms, evidence.reasons = finding.as_of_ms, finding.reasons
    evidence.members += len(finding.members)
    for member in newcomers:
        campaign.members[member] = finding.as_of_ms
        campaign.undecided.append(member)
    return newcomers


def _by_home(finding: Finding, homes: Mapping[str, str]) -> dict[str, set[str]]:
    """The members of a finding that belong to a campaign, by campaign."""
    shared: dict[str, set[str]] = {}
    for member in finding.members:
        if member in homes:
            shared.setdefault(homes[member], set()).add(member)
    return shared


def take_in(older: Campaign, younger: Campaign, *, limited: bool) -> None:
    """Move all that `younger` holds to `older`; its members are decided about anew under the older's id.

    A link and an account belong to one campaign, so the two have none in common.
    `limited`: the younger is limited now, so those it was decided about must be limited on without a gap.
    """
    older.links |= younger.links
    older.members |= younger.members
    waiting = {*younger.undecided} if limited else younger.members.keys()
    older.inherited.extend(member for member in younger.members if member not in waiting)
    older.undecided.extend(member for member in younger.members if member in waiting)
    older.newest_ms = max(older.newest_ms, younger.newest_ms)
    younger.merged_into = older.campaign_id
    younger.links, younger.members, younger.undecided, younger.inherited = {}, {}, [], []
