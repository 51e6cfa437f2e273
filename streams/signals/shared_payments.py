"""At least {observed:.0%} of its accounts share a payment instrument with another (suspicious from {baseline:.0%}).

Accounts of one organisation count once. Unlike `accounts_per_payment` it needs no accounts that come back, because
they are tied by what they send already. Known evasions: one virtual card an account. Innocent: a family among the users
of one plug-in.
"""

from streams.decisions import Family
from streams.evidence import TYPICAL, CampaignView

FAMILY: Family = "identity"
FEWEST_PARTIES = 5


def value(view: CampaignView) -> float | None:
    """The share of members that share an instrument with another party, of campaigns of at least 5 parties."""
    return view.sharing if view.parties >= FEWEST_PARTIES else None


FIRES = (TYPICAL._replace(parties=40, sharing=0.9),)
QUIET = (TYPICAL._replace(parties=40, sharing=0.05), TYPICAL._replace(parties=4, sharing=1.0))
