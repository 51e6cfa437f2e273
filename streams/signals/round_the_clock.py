"""Active in {observed:.0f} of the last 24 hours, with no night (suspicious from {baseline:.0f}).

Known evasions: pause each account a few hours a day. Innocent: CI keys and agents that never sleep, which is why this
alone limits nobody.
"""

from streams.accounts import TYPICAL, AccountView
from streams.decisions import Family

FAMILY: Family = "rhythm"
FEWEST_REQUESTS = 60


def value(view: AccountView) -> float | None:
    """One-hour buckets with a request among the last 24, for accounts with at least 60 requests in them."""
    return float(view.active_hours) if view.requests >= FEWEST_REQUESTS else None


FIRES = (TYPICAL._replace(requests=400, active_hours=24),)
QUIET = (TYPICAL._replace(requests=400, active_hours=14), TYPICAL._replace(requests=24, active_hours=24))
