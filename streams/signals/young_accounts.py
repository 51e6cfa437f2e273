"""{observed:.0%} of its accounts are younger than seven days (suspicious from {baseline:.0%}).

Known evasions: age accounts before use, or pay for fifteen with each card (`streams.membership`). Innocent: a launch,
the first week of a term, a new company.
"""

from streams.decisions import Family
from streams.networks import TYPICAL, NetworkView

FAMILY: Family = "lifecycle"
FEWEST_ACCOUNTS = 5


def value(view: NetworkView) -> float | None:
    """Young accounts over all accounts of the link in seven days, where there are at least 5."""
    return view.young_accounts / view.accounts if view.accounts >= FEWEST_ACCOUNTS else None


FIRES = (TYPICAL._replace(accounts=60, young_accounts=55),)
QUIET = (TYPICAL._replace(accounts=60, young_accounts=3), TYPICAL._replace(accounts=2, young_accounts=2))
