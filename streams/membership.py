"""Who of a campaign is limited with it: an account for which what speaks for it alone would be enough."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import product
from typing import NamedTuple

from msgspec.structs import replace

from streams.campaigns import Campaign
from streams.decide import Verdict, verdict_of
from streams.decisions import LADDER, LIMITING, Reason
from streams.evidence import CampaignView, Rotation, Seen, sharers
from streams.policy import Ladder, Policy
from streams.signals import CAMPAIGN_SIGNALS, reasons_of


class Judged(NamedTuple):
    """What speaks against a campaign: of its members, or if it `is_small`, of all who were seen with it."""

    view: CampaignView
    reasons: tuple[Reason, ...]
    is_small: bool


def judged(campaign: Campaign, belonging: Mapping[str, Seen], policy: Policy) -> Judged:
    """The campaign as the signals of the policy see it, `belonging` to which are its members."""
    is_small = len(belonging) < policy.campaign.minimum_accounts
    view = campaign.view(campaign.seen if is_small else belonging)
    reasons = (*campaign.reasons(view), *reasons_of(view, CAMPAIGN_SIGNALS, policy.signals))
    return Judged(view, reasons, is_small)


def limited_alone(
    members: Mapping[str, Seen], rotation: Rotation, reasons: Sequence[Reason], ladder: Ladder
) -> AbstractSet[str]:
    """The members that the ladder would limit for those `reasons` about their campaign that speak of them too.

    What is said of payments speaks of the members that share one, what is said of wordings that are rotated of those
    that rotate them. The rest is said of nearly all members, or of what all of them send.
    """
    kinds = product((False, True), repeat=2)
    deserving = {kind for kind in kinds if is_enough(reasons, ladder, shares=kind[0], rotates=kind[1])}
    if (False, False) in deserving:
        return members.keys()
    sharing = sharers(members)
    return {name for name in members if (name in sharing, name in rotation.accounts) in deserving}


def is_enough(reasons: Sequence[Reason], ladder: Ladder, *, shares: bool = True, rotates: bool = True) -> bool:
    """Whether the ladder limits an account for such reasons that speak of it: it `shares` a payment, or `rotates`."""
    return verdict_of(speaking_of(reasons, shares=shares, rotates=rotates), ladder).action in LIMITING


def speaking_of(reasons: Sequence[Reason], *, shares: bool = True, rotates: bool = True) -> list[Reason]:
    """The reasons about a campaign that speak of an account of it: it `shares` a payment, or `rotates` wordings."""
    return [
        it for it in reasons if (shares or it.family != "identity") and (rotates or it.signal != "rotated_wordings")
    ]


def of_everybody(verdict: Verdict) -> Verdict:
    """What follows while hardly anybody is a member, from what is to be said of all who were seen.

    If it is enough for a challenge, that all of them are new above all, the campaign is throttled: its templates are,
    and nobody is named, for each of them may have come upon one.
    """
    is_harsh = LADDER.index(verdict.action or "release") >= LADDER.index("challenge")
    return replace(verdict, action="throttle" if is_harsh else None)
