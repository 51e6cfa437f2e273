"""Which payment instruments are limited with a campaign: those of members that decisions name.

Who was banned comes back with the same card, and a gateway that knows who pays stops that account at its first request,
if it was opened after the campaign was found: nobody who had an account before is stopped for how he pays. What many
pay with is no instrument of theirs, but a placeholder or a reseller's: it is not named unless most of them are members.
"""

from collections import Counter
from collections.abc import Collection

from msgspec import Struct, field

from streams.campaigns import Campaign
from streams.evidence import MOST
from streams.findings import Crowd
from streams.policy import LONGEST_EXPIRY_HOURS
from streams.windows import HOUR_MS

CROWDED = "crowded"
"""The key of the payments that crowds pay with."""


class Crowded(Struct, array_like=True):
    """Payments that many accounts pay with: as of when, and how many. One that is not told of any more is dropped."""

    payments: dict[str, tuple[int, int]] = field(default_factory=dict)
    newest_ms: int = 0

    def note(self, crowd: Crowd) -> bool:
        """Take how many pay so; False if later news was taken before."""
        known_ms, _ = self.payments.get(crowd.payment_hash, (-1, 0))
        if crowd.as_of_ms <= known_ms:
            return False
        self.payments[crowd.payment_hash] = crowd.as_of_ms, crowd.accounts
        self.newest_ms = max(self.newest_ms, crowd.as_of_ms)
        oldest = self.newest_ms - LONGEST_EXPIRY_HOURS * HOUR_MS
        self.payments = {it: told for it, told in self.payments.items() if told[0] >= oldest}
        return True

    def accounts(self, payment: str) -> int:
        """How many pay so; 0 if they are not many."""
        return self.payments.get(payment, (0, 0))[1]


def payments_of(campaign: Campaign, named: Collection[str], crowded: Crowded) -> tuple[str, ...]:
    """The payments of the members that are named now, and of none that was named before.

    Not those of organisations: whom they give an account is for them to say.
    """
    if not named:
        return ()
    waiting = {*named, *campaign.undecided}
    before = {_payment(campaign, name) for name in campaign.members if name not in waiting}
    fresh = {payment for name in named if (payment := _payment(campaign, name)) is not None} - before
    many = {it for it in fresh if crowded.accounts(it)}
    if many:
        paying = Counter(_payment(campaign, name) for name in campaign.members)
        fresh -= {it for it in many if paying[it] < MOST * crowded.accounts(it)}
    return tuple(sorted(fresh))


def _payment(campaign: Campaign, name: str) -> str | None:
    seen = campaign.seen.get(name)
    return None if seen is None or seen.org_id is not None else seen.payment_hash
