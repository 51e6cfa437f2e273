"""What speaks for or against a subject as its windows stand, and why an account belongs to its campaign."""

from msgspec import Struct

from streams.accounts import current_view
from streams.campaigns import Campaign
from streams.decisions import LIMITING
from streams.evidence import sharers
from streams.explaining.judgement import Judgement, judge
from streams.membership import limited_alone
from streams.policy import Policy
from streams.signals import ACCOUNT_SIGNALS, CAMPAIGN_SIGNALS, reasons_of


class Now(Struct, frozen=True):
    """A subject judged again by the policy at hand, as of its newest event. `accounts`: a campaign's members."""

    as_of_ms: int
    judgement: Judgement
    accounts: int | None = None


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
    return Now(view.as_of_ms, judge(reasons_of(view, ACCOUNT_SIGNALS, policy.signals), policy.account))


def campaign_now(campaign: Campaign, policy: Policy) -> Now:
    """Judge a campaign by what its links said last."""
    view = campaign.view(campaign.belonging())
    reasons = (*campaign.reasons(view), *reasons_of(view, CAMPAIGN_SIGNALS, policy.signals))
    return Now(campaign.newest_ms, judge(reasons, policy.campaign), view.accounts)


def membership_of(campaign: Campaign, account_id: str, policy: Policy) -> Membership | None:
    """Why the account is a member of the campaign; None if it was never seen with it."""
    seen = campaign.seen.get(account_id)
    if seen is None:
        return None
    belonging = campaign.belonging()
    view = campaign.view(belonging)
    reasons = (*campaign.reasons(view), *reasons_of(view, CAMPAIGN_SIGNALS, policy.signals))
    return Membership(
        campaign_id=campaign.campaign_id,
        templates=seen.templates.bit_count(),
        repeated=seen.repeated.bit_count(),
        paid=seen.paid,
        shares_payment=account_id in sharers(belonging),
        opened_later=campaign.is_found and seen.created_at_ms is not None and seen.created_at_ms >= campaign.found_ms,
        named=account_id in campaign.members and account_id not in {*campaign.undecided, *campaign.inherited},
        limited=campaign.enforcement.action in LIMITING
        and account_id in limited_alone(belonging, reasons, policy.campaign),
    )
