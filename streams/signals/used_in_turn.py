"""Its accounts take turns, as by chance once in 10^{observed:.1f} times (suspicious from {baseline:.1f}).

Next is who waited longest: a relay's scheduler takes the least recently used of its accounts, while of people it is
anybody's turn (`streams.turns`). It is said of payment instruments. Known evasions: an order drawn at random, several
requests at once through one account, one virtual card an account. Innocent: a customer whose own script goes round his
accounts.
"""

from streams.decisions import Family
from streams.networks import TYPICAL, NetworkView

FAMILY: Family = "rhythm"


def value(view: NetworkView) -> float | None:
    """The evidence that accounts on this payment instrument take turns, in powers of ten; None for other links."""
    return view.turns if view.kind == "payment" else None


FIRES = (TYPICAL._replace(kind="payment", turns=3.3),)
QUIET = (
    TYPICAL._replace(kind="payment", turns=2.1),  # the most that 370 offices and families came to in three days
    TYPICAL._replace(kind="template", turns=3.3),
)
