"""{observed:.0f} active accounts are paid from one payment instrument (suspicious from {baseline:.0f}).

Accounts of one organisation count once. Known evasions: one virtual card an account. Innocent: a family, an office
without an organisation account.
"""

from streams.decisions import Family
from streams.networks import TYPICAL, NetworkView

FAMILY: Family = "identity"


def value(view: NetworkView) -> float | None:
    """Ripe accounts (organisations once) on this payment instrument; None for other kinds of link."""
    return float(view.ripe_parties) if view.kind == "payment" else None


FIRES = (TYPICAL._replace(kind="payment", ripe_accounts=12, ripe_parties=12),)
QUIET = (
    TYPICAL._replace(kind="payment", ripe_accounts=40, ripe_parties=1),
    TYPICAL._replace(kind="payment", ripe_accounts=2, ripe_parties=2),
    TYPICAL._replace(kind="template", ripe_accounts=12, ripe_parties=12),
)
