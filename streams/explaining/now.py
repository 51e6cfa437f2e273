"""What speaks for or against a subject as its windows stand, and why an account belongs to its campaign."""

from collections.abc import Mapping

from msgspec import Struct

from streams.accounts import current_view
from streams.campaigns import Campaign
from streams.decide import is_exempt, verdict_of
from streams.decisions import LIMITING, Action, Reason
from streams.evidence import Rotation, Seen, sharers
from streams.explaining.judgement import Judgement, judge
from streams.membership import limited_alone, of_everybody
from streams.policy import Policy
from streams.signals import ACCOUNT_SIGNALS, CAMPAIGN_SIGNALS, reasons_of


class Now(Struct, frozen=True):
    """A subject judged again by the policy at hand, as of its newest event, and what follows.

    `accounts`: a campaign's members. `seen`: all who were seen with it, if these were judged, for want of members.
    """

    as_of_ms: int
    judgement: Judgement
    action: Action | None
    accounts: int | None = None
    seen: int | None = None


class Membership(Struct, frozen=True):
    """Why an account counts as a member of a campaign, and whether it is limited with it.

    `templates` of the campaign it was seen to use, `repeated` again and again (both at least so many); `paid`: it came
    back to a payment of the campaign; `shares_payment`: another member pays with its instrument; `opened_later`: it was
    opened after the campaign was found. `named` by a decision; `limited`: what speaks for it alone is enough for that.
    """

    campaign_id: str
    templates: int
    repeated: int
    paid: bool
    shares_payment: bool
    opened_later: bool
    named: bool
    limited: bool


def account_now(stored: bytes, policy: Policy) -> Now:
    """Judge a stored account. Raises ValueError if another version of Stillwatch stored it."""
    view = current_view(stored)
    judgement = judge(reasons_of(view, ACCOUNT_SIGNALS, policy.signals), policy.account)
    return Now(view.as_of_ms, judgement, judgement.action)


def campaign_now(campaign: Campaign, policy: Policy) -> Now:
    """Judge a campaign by what its links said last, as `CampaignsStage` does: of one that is exempt nothing follows."""
    belonging = campaign.belonging()
    reasons = _judged(campaign, belonging, policy)[0]
    judgement = judge(reasons, policy.campaign)
    action, seen = judgement.action, None
    if len(belonging) < policy.campaign.minimum_accounts:
        action, seen = of_everybody(verdict_of(reasons, policy.campaign)).action, len(campaign.seen)
    if is_exempt(campaign.enforcement, campaign.newest_ms):
        action = None
    return Now(campaign.newest_ms, judgement, action, len(belonging), seen)


def membership_of(campaign: Campaign, account_id: str, policy: Policy) -> Membership | None:
    """Why the account is a member of the campaign; None if it was not seen with it, or was forgotten."""
    seen = campaign.seen.get(account_id)
    if seen is None:
        return None
    belonging = campaign.belonging()
    reasons, rotation = _judged(campaign, belonging, policy)
    return Membership(
        campaign_id=campaign.campaign_id,
        templates=seen.templates.bit_count(),
        repeated=seen.repeated.bit_count(),
        paid=seen.paid,
        shares_payment=account_id in sharers(belonging),
        opened_later=campaign.is_found and seen.was_opened_since(campaign.found_ms),
        named=account_id in campaign.members and account_id not in {*campaign.undecided, *campaign.inherited},
        limited=campaign.enforcement.action in LIMITING
        and account_id in limited_alone(belonging, rotation, reasons, policy.campaign),
    )


def _judged(campaign: Campaign, belonging: Mapping[str, Seen], policy: Policy) -> tuple[tuple[Reason, ...], Rotation]:
    """What speaks against a campaign: of its members, or of all who were seen with it while they are too few."""
    few = len(belonging) < policy.campaign.minimum_accounts
    view = campaign.view(campaign.seen if few else belonging)
    return (*campaign.reasons(view), *reasons_of(view, CAMPAIGN_SIGNALS, policy.signals)), view.rotation
