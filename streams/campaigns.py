"""Campaigns: links that tie accounts, joined where they belong together, become one campaign with one id.

The first finding of a link founds a campaign, or joins one that holds enough of its members, or one with a template of
which its own is a rewording. When a link and a campaign, or two campaigns, turn out to belong together, the older
campaign takes the younger in and keeps its id. One shared account never joins two campaigns: an innocent caught in one
must not fuse it with another.

Whom a link names is *seen* with a campaign. It is a *member* once something says that it did not just come upon it: a
shared payment instrument it came back to; two templates of the campaign; one again and again where the campaign does
not reword; or one, by an account that was opened after the campaign was found, or that pays with the instrument of a
member. So who copies one prompt is no member, and an attacker who copies the prompt of a crowd drags nobody in.
"""

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping
from functools import reduce
from operator import or_

from msgspec import Struct, field

from streams.accounts import Enforcement
from streams.decisions import Reason
from streams.events import LATEST_MS
from streams.evidence import (
    ALL_LINKS,
    MOST,
    NEARLY_ALL,
    RECENT_MS,
    SEEN_FOR_MS,
    CampaignView,
    LinkEvidence,
    Seen,
    bit_of,
    sharing,
    surely,
)
from streams.findings import Finding, link_name
from streams.members import REPEATS
from streams.windows import HOUR_MS

FEWEST_SHARED = 2
SHARED_SHARE = 0.1
SHARING_SHARE = 0.3
QUARTER = 0.25
REWORDED = 8
"""Templates with a sibling, and nearly all, from which on a campaign rewords: one alone makes nobody a member then."""


class Pointer(Struct, array_like=True):
    """To which campaign an account, a link or a merged campaign belongs."""

    campaign_id: str | None = None


class Campaign(Struct, array_like=True):
    """One campaign: its links, its members (with the time each came), and what was decided about it.

    `seen` are all that its links named, `found_ms` is when it was limited first, `payments` are those of its members.
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
    seen: dict[str, Seen] = field(default_factory=dict)
    found_ms: int = LATEST_MS
    payments: set[str] = field(default_factory=set)
    swept_ms: int = 0

    @property
    def templates(self) -> dict[str, LinkEvidence]:
        """Its links that are templates."""
        return {name: link for name, link in self.links.items() if name.startswith("template:")}

    @property
    def rewordings(self) -> int:
        """Templates of which the campaign has another wording."""
        return sum(link.has_sibling for link in self.links.values())

    @property
    def repeatable(self) -> int:
        """The bitmap of templates that make a member of whoever repeats them: all if the campaign does not reword."""
        if self.rewordings < max(REWORDED, NEARLY_ALL * len(self.templates)):
            return ALL_LINKS
        return reduce(or_, (bit_of(name) for name, link in self.links.items() if link.is_repeated), 0)

    def belonging(self) -> dict[str, Seen]:
        """Those seen with the campaign who are members as things stand."""
        repeatable = self.repeatable
        return {name: it for name, it in self.seen.items() if self.belongs(it, repeatable)}

    def belongs(self, seen: Seen, repeatable: int) -> bool:
        """Whether an account is a member, and not somebody who came upon one template.

        Where the campaign rewords, only wordings count: its accounts may be lent to ordinary customers, who share some
        of what they ask with everybody. To repeat one of the templates in the bitmap `repeatable` is enough.
        """
        used = seen.templates if repeatable == ALL_LINKS else seen.wordings
        if seen.paid or used.bit_count() > 1 or seen.repeated & repeatable:
            return True
        walks_in_tracks = seen.created_at_ms is not None and seen.created_at_ms >= self.found_ms
        return used != 0 and (walks_in_tracks or seen.payment_hash in self.payments)

    def view(self, members: Mapping[str, Seen]) -> CampaignView:
        """The campaign as signals see it, with those `members`."""
        ages = [self.newest_ms - it.created_at_ms for it in members.values() if it.created_at_ms is not None]
        templates = self.templates.values()
        is_found = self.found_ms < LATEST_MS
        counted = [name for name, it in self.seen.items() if is_found or not self._is_long_ago(it)]
        return CampaignView(
            accounts=len(members),
            parties=len({it.org_id or name for name, it in members.items()}),
            returning=sum(name in members for name in counted) / max(1, len(counted)),
            templates=len(templates),
            rewordings=self.rewordings,
            sharing=sharing(members),
            recent=surely(sum(age < RECENT_MS for age in ages), len(ages)),
            capability_share=sum(link.capability != "other" for link in templates) / max(1, len(templates)),
        )

    def reasons(self, view: CampaignView) -> tuple[Reason, ...]:
        """Of each signal the strongest reason of any link, the greatest observed figure, if it speaks of the whole.

        What is said of templates counts if it is said of a quarter of them, and if most did not come upon them by
        chance; what is said of payments, if enough members pay so: one office in a crowd does not make it a campaign.
        """
        best: dict[str, Reason] = {}
        times: Counter[str] = Counter()
        templates = self.templates
        for name, evidence in sorted(self.links.items()):
            is_template = name in templates
            if view.came_by_chance if is_template else view.sharing < SHARING_SHARE:
                continue
            for reason in evidence.reasons:
                times[reason.signal] += is_template
                if reason.signal not in best or best[reason.signal].observed < reason.observed:
                    best[reason.signal] = reason
        fewest = QUARTER * view.templates
        return tuple(reason for reason in best.values() if times[reason.signal] >= fewest or not times[reason.signal])

    def knows(self, finding: Finding) -> bool:
        """Whether the finding says nothing new."""
        evidence = self.links.get(link_name(finding))
        if evidence is None or finding.as_of_ms > evidence.as_of_ms:
            return False
        return all(
            tied.account_id in self.seen and self.seen[tied.account_id].knows(finding, tied) for tied in finding.members
        )

    def forget(self) -> None:
        """Once an hour of event time: forget those who came upon a template long ago and are no members."""
        if self.newest_ms - self.swept_ms < HOUR_MS:
            return
        self.swept_ms = self.newest_ms
        self.seen = {name: it for name, it in self.seen.items() if name in self.members or not self._is_long_ago(it)}

    def _is_long_ago(self, seen: Seen) -> bool:
        """Whether an account was first seen too long ago to say how many come back within a week."""
        return self.newest_ms - seen.since_ms > SEEN_FOR_MS


def found(finding: Finding) -> Campaign:
    """A campaign founded on one finding; its id follows from the link and the minute."""
    text = f"{link_name(finding)}\x1f{finding.as_of_ms}"
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8, person=b"sw-campaign").hexdigest()
    return Campaign(campaign_id=f"c-{digest}", created_ms=finding.as_of_ms)


def homes_of(
    finding: Finding, homes: Mapping[str, str], campaigns: Mapping[str, Campaign], siblings: Collection[str] = ()
) -> list[str]:
    """The campaigns a finding belongs to, oldest first: those with its link or a sibling of it, those with its members.

    `homes` maps account ids to campaign ids, `siblings` are the links of which it is a rewording; shared members are
    added up over all findings of a link.
    """
    name = link_name(finding)
    kin = [campaign_id for campaign_id, campaign in campaigns.items() if not campaign.links.keys().isdisjoint(siblings)]
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
    named = {tied.account_id for tied in finding.members}.union(*(campaigns[campaign_id].seen for campaign_id in own))
    joined = [
        campaign_id
        for campaign_id, members in shared.items()
        if campaign_id in campaigns
        and len(members) >= max(FEWEST_SHARED, _enough(finding, campaigns[campaign_id], size, named))
    ]
    return sorted({*own, *kin, *joined}, key=lambda campaign_id: (campaigns[campaign_id].created_ms, campaign_id))


def _enough(finding: Finding, campaign: Campaign, size: int, named: set[str]) -> float:
    """How many members of a campaign a link of so many must share to belong to it.

    Of a template most of those `named` by it, and by all that it belongs with, must be the campaign's, or there would
    be no telling: whoever lends an account to ordinary customers shares some of what they ask with everybody.
    """
    if finding.kind == "template":
        ours = len(named & campaign.members.keys())
        return 0 if ours >= MOST * len(named) else float("inf")
    return SHARED_SHARE * min(size, len(campaign.members))


def add_finding(
    campaign: Campaign, finding: Finding, homes: Mapping[str, str], *, is_wording: bool = False
) -> list[str]:
    """Add a finding's evidence, and those who are members by it and belong to no campaign yet: those are returned.

    So are those who would be members of a campaign that does not reword: no link names them again, and what they repeat
    may turn out to be the campaign's. A decision names only those who are members by then.

    `is_wording`: the campaign has another wording of its template.
    """
    name = link_name(finding)
    newcomers = []
    named = repeating = recent = ours = 0
    repeatable = campaign.repeatable
    for tied in finding.members:
        seen = campaign.seen.get(tied.account_id)
        if seen is None:
            seen = campaign.seen[tied.account_id] = Seen(finding.as_of_ms)
        is_first = not seen.templates & bit_of(name)
        if not seen.knows(finding, tied):
            named += is_first
            repeating += tied.uses >= REPEATS
            recent += is_first and tied.created_at_ms is not None and finding.as_of_ms - tied.created_at_ms < RECENT_MS
        seen.note(finding, tied, is_wording=is_wording)
        belongs = campaign.belongs(seen, repeatable)
        ours += is_first and belongs
        if belongs and tied.payment_hash is not None:
            campaign.payments.add(tied.payment_hash)
        if tied.account_id not in homes and (belongs or campaign.belongs(seen, ALL_LINKS)):
            newcomers.append(tied.account_id)
    campaign.newest_ms = max(campaign.newest_ms, finding.as_of_ms)
    evidence = campaign.links.get(name)
    if evidence is None:
        shared = _by_home(finding, homes)
        shared.pop(campaign.campaign_id, None)
        evidence = campaign.links[name] = LinkEvidence(finding.as_of_ms, finding.reasons, 0, shared)
    if finding.as_of_ms >= evidence.as_of_ms:
        evidence.as_of_ms, evidence.reasons = finding.as_of_ms, finding.reasons
        evidence.capability = finding.capability
    evidence.members += named
    evidence.repeating += repeating
    evidence.recent += recent
    evidence.ours += ours
    for member in newcomers:
        campaign.members[member] = finding.as_of_ms
        campaign.undecided.append(member)
    return newcomers


def _by_home(finding: Finding, homes: Mapping[str, str]) -> dict[str, set[str]]:
    """The members of a finding that belong to a campaign, by campaign."""
    shared: dict[str, set[str]] = {}
    for member in (tied.account_id for tied in finding.members):
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
    older.payments |= younger.payments
    waiting = {*younger.undecided} if limited else younger.members.keys()
    older.inherited.extend(member for member in younger.members if member not in waiting)
    older.undecided.extend(member for member in younger.members if member in waiting)
    for name, seen in younger.seen.items():
        if name in older.seen:
            older.seen[name].absorb(seen)
        else:
            older.seen[name] = seen
    older.newest_ms = max(older.newest_ms, younger.newest_ms)
    older.found_ms = min(older.found_ms, younger.found_ms)
    younger.merged_into = older.campaign_id
    younger.links, younger.members, younger.undecided, younger.inherited, younger.seen = {}, {}, [], [], {}
