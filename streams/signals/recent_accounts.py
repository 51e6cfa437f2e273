"""At least {observed:.0%} of its accounts were opened within the last 60 days (suspicious from {baseline:.0%}).

The lower end of what the accounts known speak for, with 95 % confidence: few accounts are not enough.

Known evasions: buy or age accounts before use. Innocent: the first users of something new.
"""

from streams.decisions import Family
from streams.evidence import TYPICAL, CampaignView

FAMILY: Family = "lifecycle"


def value(view: CampaignView) -> float | None:
    """The share of accounts younger than 60 days, of campaigns that came to be by no chance."""
    return None if view.came_by_chance else view.recent


FIRES = (TYPICAL._replace(parties=40, returning=0.6, recent=0.95),)
QUIET = (
    TYPICAL._replace(parties=40, returning=0.6, recent=0.3),
    TYPICAL._replace(parties=40, returning=0.1, recent=0.7),
)
