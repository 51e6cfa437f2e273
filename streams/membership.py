"""Who of a campaign is limited with it: an account for which what speaks for it alone would be enough."""

from collections import Counter
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import product
from typing import NamedTuple

from msgspec.structs import replace

from streams.campaigns import Campaign
from streams.decide import Verdict, verdict_of
from streams.decisions import LADDER, LIMITING, Reason
from streams.evidence import HALF_YEAR_MS, MOST, NEARLY_ALL, CampaignView, Seen, sharers
from streams.findings import LEADS
from streams.policy import Ladder, Policy
from streams.signals import CAMPAIGN_SIGNALS, reasons_of

FEWEST_EXCHANGED = 2
COMPANY = 16
"""Parties from which on a group that one instrument pays for is not taken for the people of a new company."""


class Judged(NamedTuple):
    """What speaks against a campaign: of its members, or if it `is_small`, of all who were seen with it.

    `is_company`: they may be the people of a new company, who open accounts of their own in one week, pay with its card
    and ask for alike things.
    """

    view: CampaignView
    reasons: tuple[Reason, ...]
    is_small: bool
    is_company: bool


class Traits(NamedTuple):
    """What of an account the reasons about its campaign tell apart: it shares a payment, rotates wordings, is new."""

    shares: bool = True
    rotates: bool = True
    is_new: bool = True


def judged(campaign: Campaign, belonging: Mapping[str, Seen], policy: Policy) -> Judged:
    """The campaign as the signals of the policy see it, `belonging` to which are its members."""
    is_small = len(belonging) < policy.campaign.minimum_accounts
    spoken_of = campaign.seen if is_small else belonging
    view = campaign.view(spoken_of)
    reasons = (*campaign.reasons(view), *reasons_of(view, CAMPAIGN_SIGNALS, policy.signals))
    is_company = view.parties < COMPANY and _pay_alike(spoken_of)
    return Judged(view, of_a_company(reasons) if is_company else reasons, is_small, is_company)


def _pay_alike(accounts: Mapping[str, Seen]) -> bool:
    """Whether one instrument pays for nearly all of whom it is known, and for most; an organisation counts once.

    Or one and the one before it, of which two accounts have paid with both: a card is exchanged, all are hashed anew.
    """
    parties = {(it.org_id or name, it.payment_hash) for name, it in accounts.items()}
    paid = Counter(payment for _, payment in parties if payment is not None)
    exchanged = Counter(frozenset((it.paid_before, it.payment_hash)) for it in accounts.values())
    pairs = [sum(paid[it] for it in pair if it) for pair, both in exchanged.items() if both >= FEWEST_EXCHANGED]
    most = max(*paid.values(), *pairs, 0, 0)
    return most >= NEARLY_ALL * paid.total() and most > MOST * len(parties)


def limited_alone(
    asked: AbstractSet[str], members: Mapping[str, Seen], found: Judged, ladder: Ladder, at_ms: int
) -> AbstractSet[str]:
    """Those of the members `asked` about that the ladder limits for what of the reasons `found` speaks of them too.

    What is said of payments speaks of the members that share one, what is said of wordings that are rotated of those
    that rotate them, and that its accounts are new of those opened within half a year of `at_ms`, as far as is known.
    The rest is said of what all of them send.
    """
    kinds = [Traits(*it) for it in product((False, True), repeat=3)]
    deserving = {it for it in kinds if is_enough(found.reasons, ladder, it, is_company=found.is_company)}
    asked = asked & members.keys()
    if not asked or Traits(shares=False, rotates=False, is_new=False) in deserving:
        return asked
    sharing, rotating = sharers(members), found.view.rotation.accounts
    return {
        name for name in asked if Traits(name in sharing, name in rotating, _is_new(members[name], at_ms)) in deserving
    }


def is_enough(reasons: Sequence[Reason], ladder: Ladder, account: Traits, *, is_company: bool) -> bool:
    """Whether the ladder limits such an account for the reasons about its campaign that speak of it."""
    spoken = speaking_of(reasons, account)
    return verdict_of(of_a_company(spoken) if is_company else spoken, ladder).action in LIMITING


def of_a_company(reasons: Sequence[Reason]) -> tuple[Reason, ...]:
    """Those that say something of a company: not that its people share a prompt, whoever pays for them.

    How old they are, and what they ask for, speaks beside their wordings or hours, and not alone.
    """
    said = [reason for reason in reasons if reason.signal != LEADS["template"]]
    beside = not {"content", "rhythm"}.isdisjoint(reason.family for reason in said)
    return tuple(reason for reason in said if beside or reason.family not in {"lifecycle", "capability"})


def speaking_of(reasons: Sequence[Reason], account: Traits) -> list[Reason]:
    """The reasons about a campaign that speak of such an account of it."""
    return [
        it
        for it in reasons
        if (account.shares or it.family != "identity")
        and (account.rotates or it.signal != "rotated_wordings")
        and (account.is_new or it.family != "lifecycle")
    ]


def _is_new(seen: Seen, at_ms: int) -> bool:
    return seen.created_at_ms is None or at_ms - seen.created_at_ms < HALF_YEAR_MS


def verdict_on(found: Judged, ladder: Ladder) -> Verdict:
    """What follows from what was judged."""
    verdict = verdict_of(found.reasons, ladder)
    return of_everybody(verdict) if found.is_small else verdict


def of_everybody(verdict: Verdict) -> Verdict:
    """What follows while hardly anybody is a member, from what is to be said of all who were seen.

    If it is enough for a challenge, that all of them are new above all, the campaign is throttled: its templates are,
    and nobody is named, for each of them may have come upon one.
    """
    is_harsh = LADDER.index(verdict.action or "release") >= LADDER.index("challenge")
    return replace(verdict, action="throttle" if is_harsh else None)
