"""{observed:.0%} of its requests ask for one capability that campaigns extract (suspicious from {baseline:.0%}).

Known evasions: mix capabilities; dilute with chat. Innocent: a coding assistant, a grading job: most specialists.
"""

from streams.accounts import TYPICAL, AccountView
from streams.decisions import Family

FAMILY: Family = "capability"
FEWEST_REQUESTS = 50


def value(view: AccountView) -> float | None:
    """The share of the commonest capability but `other`, for accounts with at least 50 requests in 24 hours."""
    return view.capability_share if view.requests >= FEWEST_REQUESTS else None


FIRES = (TYPICAL._replace(requests=300, capability_share=0.95),)
QUIET = (
    TYPICAL._replace(requests=300, capability_share=0.5),
    TYPICAL._replace(requests=9, capability_share=1.0),
)
