"""Which payment instruments are limited with a campaign: those of members that its decisions have named.

Who was banned comes back with the same card, and a gateway that knows who pays stops that account at its first request,
if it was opened lately, after the campaign was found. What many pay with, most of whom are no members, is no instrument
of theirs but a placeholder or a reseller's: it is not named, and taken back when the campaign is looked at next.
"""

from collections import Counter, deque
from collections.abc import Set as AbstractSet

from msgspec import Struct, field
from msgspec.structs import replace

from streams.accounts import Enforcement
from streams.campaigns import Campaign
from streams.decide import Subject, Verdict, action_of, is_limited
from streams.decisions import LIMITING, OPENED_BEFORE_DAYS, Action
from streams.events import LATEST_MS
from streams.evidence import MOST, Told
from streams.findings import LEADS, Crowd
from streams.stages.campaign_saying import Cause, alert, say
from streams.states import States
from streams.windows import DAY_MS

CROWDED = "crowded"
"""The key of the payments that crowds pay with."""

MOST_CROWDS = 10_000
TAKEN_BACK = 24
"""Accounts from which on a payment that was named is taken back, unless most are members: eight may be the campaign's
own, of which those that are stopped for it are no members."""

AT_ONCE = 4_096
"""Payments in one decision, so that with all its members it fits into a record."""


class Crowded(Struct, array_like=True):
    """Payments that many accounts pay with: as of when, and how many; those that were told of last."""

    payments: dict[str, tuple[int, int]] = field(default_factory=dict)

    def note(self, crowd: Crowd) -> bool:
        """Take how many pay so; False if later news was taken before."""
        known_ms, _ = self.payments.get(crowd.payment_hash, (-1, 0))
        if crowd.as_of_ms <= known_ms:
            return False
        self.payments.pop(crowd.payment_hash, None)
        self.payments[crowd.payment_hash] = crowd.as_of_ms, crowd.accounts
        if len(self.payments) > MOST_CROWDS:
            del self.payments[next(iter(self.payments))]
        return True

    def accounts(self, payment: str) -> int:
        """How many pay so; 0 if they are not many."""
        return self.payments.get(payment, (0, 0))[1]


def note_crowds(crowds: deque[Crowd], until_ms: int, states: States) -> None:
    """Take those of `crowds`, which are in order, that were told as of that time or before."""
    crowded = states.read(CROWDED, Crowded)
    while crowds and crowds[0].as_of_ms <= until_ms:
        if crowded.note(crowds.popleft()):
            states.changed.add(CROWDED)


def tell(
    campaign: Campaign,
    stands: Enforcement,
    action: Action,
    verdict: Verdict,
    cause: Cause,
    states: States,
    *,
    members: tuple[str, ...],
    until_ms: int | None = None,
) -> None:
    """Decide about a campaign against which that `stands`, name `members` and how they pay; and tell on-call."""
    asks = action in LIMITING and cause.policy.signals[LEADS["payment"]].enabled
    campaign.enforcement, decision = say(
        replace(stands, sequence=campaign.enforcement.sequence),
        Subject("campaign", campaign.campaign_id),
        action,
        verdict,
        campaign.newest_ms,
        cause,
        members=members,
        payments=payments_to_name(campaign, states.read(CROWDED, Crowded)) if asks else (),
        opened_from_ms=opened_from(campaign),
        until_ms=until_ms,
    )
    alert(campaign, decision, cause)


def take_back(campaign: Campaign, verdict: Verdict, cause: Cause, states: States) -> None:
    """Name those again, for no account whenever opened, that turned out to be a crowd's; what stands stays as it is."""
    current, at_ms = campaign.enforcement, campaign.newest_ms
    back = tuple(sorted(_of_crowds(campaign, campaign.told, states))[:AT_ONCE]) if is_limited(current, at_ms) else ()
    if not back:
        return
    campaign.untell({*back})
    campaign.enforcement, _ = say(
        current,
        Subject("campaign", campaign.campaign_id),
        action_of(current),
        verdict,
        at_ms,
        cause,
        until_ms=current.expires_at_ms,
        payments=back,
        opened_from_ms=LATEST_MS,
    )


def told_of_its_own(campaign: Campaign, payments: AbstractSet[str], states: States) -> AbstractSet[str]:
    """Those of the `payments` that its decisions told, but for those that turned out to be a crowd's."""
    told = campaign.told & payments
    return told - _of_crowds(campaign, told, states)


def _of_crowds(campaign: Campaign, payments: AbstractSet[str], states: States) -> set[str]:
    crowded = states.read(CROWDED, Crowded)
    many = {it for it in payments if crowded.accounts(it) >= TAKEN_BACK}
    paying = _paying(campaign) if many else Counter[str]()
    return {it for it in many if paying[it] < MOST * crowded.accounts(it)}


def payments_to_name(campaign: Campaign, crowded: Crowded) -> tuple[str, ...]:
    """How those pay whom decisions have named, with the one that is being made, but for what was told before.

    It is told then. Not what an organisation pays with: for whom it gives an account is for it to say.
    """
    paying = _paying(campaign)
    organised = {it.payment_hash for it in campaign.seen.values() if it.org_id is not None}
    untold = paying.keys() - organised - campaign.organised - campaign.told
    fresh = sorted(it for it in untold if paying[it] >= MOST * crowded.accounts(it))[:AT_ONCE]
    campaign.told.update(fresh)
    campaign.told_as.update(dict.fromkeys(fresh, Told(campaign.newest_ms, opened_from(campaign))))
    return tuple(fresh)


def opened_from(campaign: Campaign) -> int:
    """From when on accounts that pay so were opened to count as members: since it was found, and within a week."""
    at_ms = campaign.newest_ms
    return max(min(campaign.found_ms, at_ms), at_ms - OPENED_BEFORE_DAYS * DAY_MS)


def _paying(campaign: Campaign) -> Counter[str]:
    """How many of the members that decisions have named pay with each instrument."""
    named = campaign.members.keys() - {*campaign.undecided}
    paid = (campaign.seen[name].payment_hash for name in named if name in campaign.seen)
    return Counter(it for it in paid if it is not None)
