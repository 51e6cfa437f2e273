"""What speaks for or against a subject as its windows stand, and why an account belongs to its campaign."""

from msgspec import Struct

from streams.accounts import Enforcement, account_of, current_view
from streams.campaigns import Campaign
from streams.decide import is_exempt, verdict_of
from streams.decisions import Action
from streams.evidence import sharers
from streams.explaining.judgement import Judgement, judge
from streams.membership import judged, limited_alone, of_everybody
from streams.policy import Policy
from streams.signals import ACCOUNT_SIGNALS, reasons_of


class Now(Struct, frozen=True):
    """A subject judged again by the policy at hand, as of its newest event, and what follows.

    `accounts`: a campaign's members. `seen`: all who were seen with it, if these were judged, for want of members.
    `exempt_until_ms`: a reviewer released it, and until then nothing follows.
    """

    as_of_ms: int
    judgement: Judgement
    action: Action | None
    accounts: int | None = None
    seen: int | None = None
    exempt_until_ms: int | None = None


class Membership(Struct, frozen=True):
    """Why an account counts as a member of a campaign, and whether the evidence would limit it with that.

    `templates` of the campaign it was seen to use, `repeated` again and again (both at least so many); `paid`: it came
    back to a payment of the campaign; `shares_payment`: another member pays with its instrument; `opened_later`: it was
    opened after the campaign was found. `named` by a decision; `is_enough`: what speaks of it alone would limit it,
    whatever stands.
    """

    campaign_id: str
    templates: int
    repeated: int
    paid: bool
    shares_payment: bool
    opened_later: bool
    named: bool
    is_enough: bool


def account_now(stored: bytes, policy: Policy) -> Now:
    """Judge a stored account: of one that is exempt nothing follows.

    Raises ValueError if another version of Stillwatch stored it.
    """
    view = current_view(stored)
    judgement = judge(reasons_of(view, ACCOUNT_SIGNALS, policy.signals), policy.account)
    exempt_until_ms = _exempt_until(account_of(stored).enforcement, view.as_of_ms)
    action = judgement.action if exempt_until_ms is None else None
    return Now(view.as_of_ms, judgement, action, exempt_until_ms=exempt_until_ms)


def campaign_now(campaign: Campaign, policy: Policy) -> Now:
    """Judge a campaign by what its links said last, as `CampaignsStage` does: of one that is exempt nothing follows."""
    belonging = campaign.belonging()
    _, reasons, is_small, _ = judged(campaign, belonging, policy)
    judgement = judge(reasons, policy.campaign)
    action, seen = judgement.action, None
    if is_small:
        action, seen = of_everybody(verdict_of(reasons, policy.campaign)).action, len(campaign.seen)
    exempt_until_ms = _exempt_until(campaign.enforcement, campaign.newest_ms)
    if exempt_until_ms is not None:
        action = None
    return Now(campaign.newest_ms, judgement, action, len(belonging), seen, exempt_until_ms)


def membership_of(campaign: Campaign, account_id: str, policy: Policy) -> Membership | None:
    """Why the account is a member of the campaign; None if it was not seen with it, or was forgotten."""
    seen = campaign.seen.get(account_id)
    if seen is None:
        return None
    belonging = campaign.belonging()
    found = judged(campaign, belonging, policy)
    return Membership(
        campaign_id=campaign.campaign_id,
        templates=seen.templates.bit_count(),
        repeated=seen.repeated.bit_count(),
        paid=seen.paid,
        shares_payment=account_id in sharers(belonging),
        opened_later=campaign.is_found and seen.was_opened_since(campaign.found_ms),
        named=account_id in campaign.members and account_id not in {*campaign.undecided, *campaign.inherited},
        is_enough=bool(limited_alone({account_id}, belonging, found, policy.campaign, campaign.newest_ms)),
    )


def _exempt_until(current: Enforcement, at_ms: int) -> int | None:
    """Until when a reviewer's release keeps a subject from being limited, if it does."""
    return current.expires_at_ms if is_exempt(current, at_ms) else None
