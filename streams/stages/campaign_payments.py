"""Which payment instruments are limited with a campaign: those of members that its decisions have named.

Who was banned comes back with the same card, and a gateway that knows who pays stops that account at its first request,
if it was opened lately, after the campaign was found. What many pay with, most of whom are no members, is no instrument
of theirs but a placeholder or a reseller's: it is not named, and taken back once that is known.
"""

from collections import Counter, deque
from typing import NamedTuple

from msgspec import Struct, field

from streams.campaigns import Campaign
from streams.events import LATEST_MS
from streams.evidence import MOST, SEEN_FOR_MS
from streams.findings import Crowd
from streams.states import States

CROWDED = "crowded"
"""The key of the payments that crowds pay with."""

MOST_CROWDS = 10_000
TAKEN_BACK = 64
"""Accounts from which on a payment that was named is taken back, unless most are members: who is stopped by it leaves
nothing in the log to count, and eight may be the campaign's own."""

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
    while crowds and crowds[0].as_of_ms <= until_ms:
        states.change(CROWDED, Crowded).note(crowds.popleft())


class Said(NamedTuple):
    """The payments that a decision names, and from when on accounts that pay so were opened to count as members."""

    payments: tuple[str, ...] = ()
    opened_from_ms: int | None = None


def say_payments(campaign: Campaign, crowded: Crowded, at_ms: int, *, anew: bool) -> Said:
    """What the next decision about the campaign says of payments; it is said then, and not again.

    First those to take back, for accounts opened never. Then, if `anew` is to be asked how members pay, those that no
    decision has named: not what an organisation pays with, for whom it gives an account is for it to say.
    """
    back = {it for it in campaign.told if crowded.accounts(it) >= TAKEN_BACK}
    if not (back or anew):
        return Said()
    named = [name for name in campaign.members.keys() - {*campaign.undecided} if name in campaign.seen]
    lately = (name for name in named if at_ms - campaign.members[name] <= SEEN_FOR_MS)
    paying = Counter(campaign.seen[name].payment_hash for name in lately)
    back = {it for it in back if paying[it] < MOST * crowded.accounts(it)}
    if back:
        campaign.told -= back
        return Said(tuple(sorted(back)), LATEST_MS)
    organised = {it.payment_hash for it in campaign.seen.values() if it.org_id is not None}
    theirs = {it for name in named if (it := campaign.seen[name].payment_hash) is not None} - organised - campaign.told
    fresh = sorted(it for it in theirs if paying[it] >= MOST * crowded.accounts(it))[:AT_ONCE]
    if not fresh:
        return Said()
    campaign.told.update(fresh)
    return Said(tuple(fresh), max(min(campaign.found_ms, at_ms), at_ms - SEEN_FOR_MS))
